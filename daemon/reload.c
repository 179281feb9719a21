#include "reload.h"

#include "io/clock.h"
#include "io/sysd.h"
#include "profiles.h"

#include <stdlib.h>

static void name_fixed_keys(struct daemon *daemon, const struct config *fresh, struct json *names)
{
    CLEANUP(config_faults_deinit) struct config_faults fixed = {0};
    config_find_fixed(&daemon->startup.config, fresh, &fixed);
    for (size_t i = 0; i < fixed.count; i++) {
        json_append_text(names, fixed.lines[i]);
        log_write(&daemon->log, LOG_LEVEL_WARNING, "reload.fixed",
                  "this key is read at start only: restart to change it",
                  LOG_TEXT("key", fixed.lines[i]));
    }
}

/* Everything is read and judged before anything is taken over. */
static enum status take_over(struct daemon *daemon, struct config *fresh, struct error *err)
{
    CLEANUP(startup_access_deinit) struct access_rules access = {0};
    CLEANUP(profile_set_freep) struct profile_set *profiles = NULL;
    const struct engine_settings settings = startup_engine_settings(fresh);
    const struct http_curl_config http = startup_http_config(fresh);
    enum status status = startup_access(fresh, &access, err);
    if (status == STATUS_OK)
        status =
            profiles_load(fresh->providers.path, fresh->http.allow_plain_loopback, &profiles, err);
    if (status == STATUS_OK)
        status = engine_accepts_profiles(daemon->engine, profiles, err);
    if (status == STATUS_OK)
        status = http_curl_configure(daemon->http, &http, err);
    if (status == STATUS_OK) { /* from here on nothing can fail */
        engine_reconfigure(daemon->engine, &settings, TAKE_PTR(profiles));
        control_set_access(daemon->control, &access);
        daemon->log.level = fresh->daemon.log_level;
    }
    return status;
}

enum status reload_files(void *ctx, struct json *fixed, struct error *ret_error)
{
    struct daemon *daemon = ctx;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    struct str credentials = str_c(getenv("CREDENTIALS_DIRECTORY"));
    struct config fresh;
    if (daemon->stopping)
        return error_set(ret_error, STATUS_UNAVAILABLE, "refreshd is stopping");
    sysd_notify_reloading(clock_monotonic_us());
    enum status status = config_load(&fresh, str_c(daemon->config_path), credentials, &faults);
    if (status != STATUS_OK) {
        error_set(ret_error, STATUS_INVALID, STR_FMT, STR_ARG(faults.lines[0]));
        for (size_t i = 0; i < faults.count; i++)
            log_write(&daemon->log, LOG_LEVEL_ERROR, "reload.mistake", faults.lines[i].data,
                      LOG_I64("mistakes", faults.count + faults.left_out));
    } else {
        name_fixed_keys(daemon, &fresh, fixed);
        status = take_over(daemon, &fresh, ret_error);
        if (status == STATUS_OK) {
            config_keep_fixed(&daemon->startup.config, &fresh);
            config_deinit(&daemon->startup.config);
            daemon->startup.config = fresh;
        } else {
            config_deinit(&fresh);
        }
    }
    if (status == STATUS_OK)
        log_plain(&daemon->log, LOG_LEVEL_NOTICE, "reload.done", "configuration and profiles read");
    else
        log_plain(&daemon->log, LOG_LEVEL_ERROR, "reload.failed", ret_error->text);
    sysd_notify_ready(status == STATUS_OK ? "refreshing" : "refreshing; the last reload failed");
    return status;
}

void reload_on_signal(void *ctx, int signal_number)
{
    (void)signal_number;
    CLEANUP(json_freep) struct json *fixed = json_new_array();
    struct error err = {0};
    if (reload_files(ctx, fixed, &err) != STATUS_OK)
        return; /* said in the log; all stays as it was */
}
