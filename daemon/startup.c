#include "startup.h"

#include "io/files.h"
#include "io/process.h"
#include "profiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEY_FILE_MAX = 4096, HOST_NAME_SIZE = 128 };

struct engine_settings startup_engine_settings(const struct config *config)
{
    struct engine_settings settings = {
        .rules =
            {
                .margin_ms = config->refresh.margin_ms,
                .jitter_permille = config->refresh.jitter_permille,
                .backoff_min_ms = config->refresh.backoff_min_ms,
                .backoff_max_ms = config->refresh.backoff_max_ms,
                .exhausted_after_ms = config->refresh.exhausted_after_ms,
                .idle_after_ms = config->refresh.idle_after_ms,
                .probe_every_ms = config->refresh.probe_every_ms,
                .settle_ms = config->guard.settle_ms,
            },
        .retention_ms = config->events.retention_ms,
        .account_labels = config->events.account_labels,
        .max_in_flight = (size_t)config->http.max_in_flight,
        .allow_plain_loopback = config->http.allow_plain_loopback,
        .guard_window_ms = config->guard.window_ms,
    };
    struct schedule_rules *rules = &settings.rules;
    while (rules->notice_lead_count < config->refresh.expiring.count &&
           rules->notice_lead_count < SCHEDULE_LEADS_MAX) {
        rules->notice_leads_ms[rules->notice_lead_count] =
            config->refresh.expiring.items_ms[rules->notice_lead_count];
        rules->notice_lead_count++;
    }
    rules->hold_count = MIN_OF(config->guard.hold.count, (size_t)SCHEDULE_HOLDS_MAX);
    for (size_t i = 0; i < rules->hold_count; i++)
        rules->hold_ms[i] = config->guard.hold.items_ms[i];
    return settings;
}

struct http_curl_config startup_http_config(const struct config *config)
{
    return (struct http_curl_config){
        .ca_file = config->http.ca_file.data,
        .allow_plain_loopback = config->http.allow_plain_loopback,
        .proxy = config->http.proxy.data,
        .connect_timeout_ms = config->http.connect_timeout_ms,
    };
}

/* ---- who may ---- */

void startup_access_deinit(struct access_rules *rules)
{
    process_access_deinit(&rules->admin);
    process_access_deinit(&rules->platform);
    process_access_deinit(&rules->operator_);
}

enum status startup_access(const struct config *config, struct access_rules *ret_rules,
                           struct config_faults *faults)
{
    struct error err;
    enum status status = STATUS_OK;
    struct access_rules rules = {.own_uid = (int64_t)geteuid()};
    const struct {
        const char *key;
        const struct config_names *names;
        struct access_list *list;
    } roles[] = {
        {"admin", &config->access.admin, &rules.admin},
        {"platform", &config->access.platform, &rules.platform},
        {"operator", &config->access.operator, &rules.operator_},
    };
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (process_access_resolve(roles[i].names->items, roles[i].names->count, roles[i].list,
                                   &err) == STATUS_OK)
            continue;
        config_tell_key(config, "access", roles[i].key, &err, faults);
        status = STATUS_INVALID;
    }
    if (status == STATUS_OK)
        *ret_rules = rules;
    else
        startup_access_deinit(&rules);
    return status;
}

/* ---- the steps ---- */

static enum exit_status failed(enum exit_status exit_status, const struct error *err)
{
    fprintf(stderr, "refreshd: %s\n", err->text);
    return exit_status;
}

static enum exit_status failed_by(const struct config_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++)
        fprintf(stderr, "refreshd: " STR_FMT "\n", STR_ARG(faults->lines[i]));
    if (faults->left_out > 0)
        fprintf(stderr, "refreshd: … and %zu more\n", faults->left_out);
    return EXIT_STATUS_CONFIG;
}

static enum exit_status read_config(struct startup *startup, const char *path)
{
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    struct str credentials = str_c(getenv("CREDENTIALS_DIRECTORY"));
    if (config_load(&startup->config, str_c(path), credentials, &faults) == STATUS_OK) {
        startup->has_config = true;
        return EXIT_STATUS_OK;
    }
    return failed_by(&faults);
}

static enum exit_status key_file_failed(enum files_result result, const char *path,
                                        struct error *err)
{
    switch (result) {
    case FILES_OK:
        return EXIT_STATUS_OK;
    case FILES_MISSING:
        (void)error_set(
            err, STATUS_NOT_FOUND,
            "%s: there is no key file; \"refreshctl keygen %s\" makes one (for an existing "
            "store, bring back the one it was made with)",
            path, path);
        return failed(EXIT_STATUS_NO_KEY, err);
    case FILES_LOOSE:
        return failed(EXIT_STATUS_DENIED, err);
    case FILES_UNREADABLE:
    case FILES_TOO_LARGE:
        break;
    }
    struct error why = *err;
    (void)error_set(err, why.status, "%s; name the key's own file in [store] key_file", why.text);
    return failed(result == FILES_TOO_LARGE ? EXIT_STATUS_CONFIG : EXIT_STATUS_IO, err);
}

static enum exit_status read_key(struct startup *startup)
{
    struct error err = {0};
    const struct files_rules rules = {
        .bytes_max = KEY_FILE_MAX,
        .is_private = true,
        .private_directory = getenv("CREDENTIALS_DIRECTORY"),
    };
    CLEANUP(secret_freep) struct secret *content = NULL;
    CLEANUP(buf_deinit) struct buf path = {0};
    buf_append(&path, startup->config.store.key_file);
    enum files_result result = files_read(buf_c(&path), &rules, &content, &err);
    if (result != FILES_OK)
        return key_file_failed(result, buf_c(&path), &err);
    uint8_t key[VAULT_KEY_BYTES];
    if (vault_parse_key(secret_str(content), key, &err) != STATUS_OK) {
        struct error why = err;
        (void)error_set(&err, STATUS_INVALID,
                        "%s: %s; bring back the key the store was made with, or, where there is no "
                        "store yet, remove this file and run: refreshctl keygen %s",
                        buf_c(&path), why.text, buf_c(&path));
        return failed(EXIT_STATUS_CONFIG, &err);
    }
    startup->vault = vault_new(key);
    secret_wipe(key, sizeof(key));
    return EXIT_STATUS_OK;
}

static void settle_names(struct startup *startup)
{
    const struct config *config = &startup->config;
    char host[HOST_NAME_SIZE] = {0};
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        str_copy_cut(STR("localhost"), host, sizeof(host));
    startup->source = arena_printf(
        &startup->arena, "refreshd/" STR_FMT,
        STR_ARG(str_is_empty(config->daemon.name) ? str_c(host) : config->daemon.name));
    startup->store_path = arena_copy(&startup->arena, config->store.url.path);
}

static void find_socket_group(struct startup *startup, struct config_faults *faults)
{
    struct error err;
    struct str group = startup->config.daemon.socket_group;
    startup->socket_gid = -1;
    if (!str_is_empty(group) && process_find_group(group, &startup->socket_gid, &err) != STATUS_OK)
        config_tell_key(&startup->config, "daemon", "socket_group", &err, faults);
}

/** What the configuration names: groups, users, profiles. */
static enum exit_status read_named(struct startup *startup)
{
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    const struct config *config = &startup->config;
    find_socket_group(startup, &faults);
    bool fits = startup_access(config, &startup->access, &faults) == STATUS_OK;
    config_faults_sort(&faults);
    fits = profiles_load(config, &startup->profiles, &faults) == STATUS_OK && fits;
    return fits && faults.count == 0 ? EXIT_STATUS_OK : failed_by(&faults);
}

enum exit_status startup_read(struct startup *startup, const char *config_path)
{
    enum exit_status exit_status = read_config(startup, config_path);
    if (exit_status != EXIT_STATUS_OK)
        return exit_status;
    settle_names(startup);
    exit_status = read_named(startup);
    enum exit_status key = read_key(startup);
    return exit_status != EXIT_STATUS_OK ? exit_status : key;
}

void startup_deinit(struct startup *startup)
{
    if (startup->has_config)
        config_deinit(&startup->config);
    startup_access_deinit(&startup->access);
    vault_free(startup->vault);
    profile_set_free(startup->profiles);
    arena_deinit(&startup->arena);
    *startup = (struct startup){0};
}
