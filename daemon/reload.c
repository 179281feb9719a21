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

static enum status told(const struct error *err, struct config_faults *faults)
{
    config_fault_add(faults, "%s", err->text);
    return err->status;
}

/* Everything is read and judged before anything is taken over. */
static enum status take_over(struct daemon *daemon, struct config *fresh,
                             struct config_faults *faults)
{
    CLEANUP(startup_access_deinit) struct access_rules access = {0};
    CLEANUP(profile_set_freep) struct profile_set *profiles = NULL;
    const struct engine_settings settings = startup_engine_settings(fresh);
    const struct http_curl_config http = startup_http_config(fresh);
    struct error err = {0};
    enum status status = startup_access(fresh, &access, faults);
    config_faults_sort(faults);
    if (profiles_load(fresh, &profiles, faults) != STATUS_OK)
        status = STATUS_INVALID;
    if (status != STATUS_OK)
        return status;
    status = engine_accepts_profiles(daemon->engine, profiles, &err);
    if (status != STATUS_OK)
        return told(&err, faults);
    status = http_curl_configure(daemon->http, &http, &err);
    if (status != STATUS_OK) {
        config_tell_key(fresh, "http", "ca_file", &err, faults);
        return status;
    }
    /* from here on nothing can fail */
    engine_reconfigure(daemon->engine, &settings, TAKE_PTR(profiles));
    control_set_access(daemon->control, &access);
    daemon->log.level = fresh->daemon.log_level;
    return STATUS_OK;
}

/* The new configuration and all that it names, or the old one as it was. */
static enum status reload_config(struct daemon *daemon, struct json *fixed,
                                 struct config_faults *faults)
{
    struct str credentials = str_c(getenv("CREDENTIALS_DIRECTORY"));
    struct config fresh;
    enum status status = config_load(&fresh, str_c(daemon->config_path), credentials, faults);
    if (status != STATUS_OK)
        return status;
    name_fixed_keys(daemon, &fresh, fixed);
    status = take_over(daemon, &fresh, faults);
    if (status != STATUS_OK) {
        config_deinit(&fresh);
        return status;
    }
    config_keep_fixed(&daemon->startup.config, &fresh);
    config_deinit(&daemon->startup.config);
    daemon->startup.config = fresh;
    return STATUS_OK;
}

enum status reload_files(void *ctx, struct json *fixed, struct error *ret_error)
{
    struct daemon *daemon = ctx;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    if (daemon->stopping)
        return error_set(ret_error, STATUS_UNAVAILABLE, "refreshd is stopping");
    sysd_notify_reloading(clock_monotonic_us());
    enum status status = reload_config(daemon, fixed, &faults);
    if (status == STATUS_OK) {
        log_plain(&daemon->log, LOG_LEVEL_NOTICE, "reload.done", "configuration and profiles read");
    } else {
        error_set(ret_error, status, STR_FMT, STR_ARG(faults.lines[0]));
        for (size_t i = 0; i < faults.count; i++)
            log_write(&daemon->log, LOG_LEVEL_ERROR, "reload.mistake", faults.lines[i].data,
                      LOG_I64("mistakes", faults.count + faults.left_out));
        log_plain(&daemon->log, LOG_LEVEL_ERROR, "reload.failed", ret_error->text);
    }
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
