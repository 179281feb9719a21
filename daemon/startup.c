#include "startup.h"

#include "io/files.h"
#include "io/process.h"
#include "profiles.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_FILE_MAX = 4096 };

struct engine_settings startup_engine_settings(const struct config *config)
{
    return (struct engine_settings){
        .rules =
            {
                .margin_ms = config->refresh.margin_ms,
                .jitter_permille = config->refresh.jitter_permille,
                .backoff_min_ms = config->refresh.backoff_min_ms,
                .backoff_max_ms = config->refresh.backoff_max_ms,
                .exhausted_after_ms = config->refresh.exhausted_after_ms,
            },
        .retention_ms = config->events.retention_ms,
        .account_labels = config->events.account_labels,
        .max_in_flight = (size_t)config->http.max_in_flight,
        .allow_plain_loopback = config->http.allow_plain_loopback,
    };
}

/* ---- who may ---- */

static enum status resolve_names(const struct config_names *names, const char *key,
                                 struct arena *arena, struct access_list *ret_list,
                                 struct error *err)
{
    *ret_list = (struct access_list){
        .uids = arena_alloc(arena, (names->count + 1) * sizeof(int64_t)),
        .gids = arena_alloc(arena, (names->count + 1) * sizeof(int64_t)),
    };
    for (size_t i = 0; i < names->count; i++) {
        struct str name = names->items[i];
        bool is_group = str_starts_with(name, STR("@"));
        enum status status = is_group
                                 ? process_find_group(str_slice(name, 1, name.len),
                                                      &ret_list->gids[ret_list->gid_count])
                                 : process_find_user(name, &ret_list->uids[ret_list->uid_count]);
        if (status != STATUS_OK)
            return error_set(err, STATUS_INVALID, "[access] %s: there is no %s \"" STR_FMT "\"",
                             key, is_group ? "group" : "user", STR_ARG(name));
        if (is_group)
            ret_list->gid_count++;
        else
            ret_list->uid_count++;
    }
    return STATUS_OK;
}

enum status startup_access(const struct config *config, struct arena *arena,
                           struct access_rules *ret_rules, struct error *err)
{
    ret_rules->own_uid = process_uid();
    enum status status =
        resolve_names(&config->access.admin, "admin", arena, &ret_rules->admin, err);
    if (status == STATUS_OK)
        status =
            resolve_names(&config->access.platform, "platform", arena, &ret_rules->platform, err);
    if (status == STATUS_OK)
        status =
            resolve_names(&config->access.operator, "operator", arena, &ret_rules->operator_, err);
    return status;
}

/* ---- the steps ---- */

static enum exit_status failed(enum exit_status exit_status, const struct error *err)
{
    fprintf(stderr, "refreshd: %s\n", err->text);
    return exit_status;
}

static enum exit_status read_config(struct startup *startup, const char *path)
{
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    struct str credentials = str_c(getenv("CREDENTIALS_DIRECTORY"));
    if (config_load(&startup->config, str_c(path), credentials, &faults) == STATUS_OK) {
        startup->has_config = true;
        return EXIT_STATUS_OK;
    }
    for (size_t i = 0; i < faults.count; i++)
        fprintf(stderr, "refreshd: " STR_FMT "\n", STR_ARG(faults.lines[i]));
    if (faults.left_out > 0)
        fprintf(stderr, "refreshd: … and %zu more\n", faults.left_out);
    return EXIT_STATUS_CONFIG;
}

static enum exit_status read_key(struct startup *startup)
{
    struct error err = {0};
    CLEANUP(secret_freep) struct secret *content = NULL;
    CLEANUP(buf_deinit) struct buf path = {0};
    buf_append(&path, startup->config.store.key_file);
    switch (files_read_private(buf_c(&path), KEY_FILE_MAX, &content, &err)) {
    case STATUS_OK:
        break;
    case STATUS_NOT_FOUND:
        error_set(&err, STATUS_NOT_FOUND,
                  "there is no key file %s: \"refreshctl keygen %s\" makes one (for an existing "
                  "store, bring back the one it was made with)",
                  buf_c(&path), buf_c(&path));
        return failed(EXIT_STATUS_NO_KEY, &err);
    case STATUS_CONFLICT:
        return failed(EXIT_STATUS_DENIED, &err);
    case STATUS_UNAVAILABLE:
    case STATUS_UNCERTAIN:
    case STATUS_INTERNAL:
        return failed(EXIT_STATUS_IO, &err);
    case STATUS_INVALID:
        return failed(EXIT_STATUS_CONFIG, &err);
    }
    uint8_t key[VAULT_KEY_BYTES];
    if (vault_parse_key(secret_str(content), key, &err) != STATUS_OK) {
        error_prefix(&err, "key file %s: ", buf_c(&path));
        return failed(EXIT_STATUS_CONFIG, &err);
    }
    startup->vault = vault_new(key);
    secret_wipe(key, sizeof(key));
    return EXIT_STATUS_OK;
}

static enum exit_status settle_names(struct startup *startup)
{
    struct error err = {0};
    const struct config *config = &startup->config;
    char host[128];
    process_host_name(host, sizeof(host));
    startup->source = arena_printf(
        &startup->arena, "refreshd/" STR_FMT,
        STR_ARG(str_is_empty(config->daemon.name) ? str_c(host) : config->daemon.name));
    startup->store_path = arena_copy(&startup->arena, config->store.url.path);
    startup->socket_gid = -1;
    if (!str_is_empty(config->daemon.socket_group) &&
        process_find_group(config->daemon.socket_group, &startup->socket_gid) != STATUS_OK) {
        error_set(&err, STATUS_INVALID, "[daemon] socket_group: there is no group \"" STR_FMT "\"",
                  STR_ARG(config->daemon.socket_group));
        return failed(EXIT_STATUS_CONFIG, &err);
    }
    if (startup_access(config, &startup->arena, &startup->access, &err) != STATUS_OK)
        return failed(EXIT_STATUS_CONFIG, &err);
    return EXIT_STATUS_OK;
}

enum exit_status startup_read(struct startup *startup, const char *config_path)
{
    struct error err = {0};
    enum exit_status exit_status = read_config(startup, config_path);
    if (exit_status != EXIT_STATUS_OK)
        return exit_status;
    if (startup->config.store.url.kind != CONFIG_STORE_SQLITE) {
        error_set(&err, STATUS_INVALID,
                  "[store] url: this build keeps its store in SQLite only: expected sqlite:/PATH");
        return failed(EXIT_STATUS_CONFIG, &err);
    }
    exit_status = settle_names(startup);
    if (exit_status != EXIT_STATUS_OK)
        return exit_status;
    if (profiles_load(startup->config.providers.path, startup->config.http.allow_plain_loopback,
                      &startup->profiles, &err) != STATUS_OK)
        return failed(EXIT_STATUS_CONFIG, &err);
    return read_key(startup);
}

void startup_deinit(struct startup *startup)
{
    if (startup->has_config)
        config_deinit(&startup->config);
    vault_free(startup->vault);
    profile_set_free(startup->profiles);
    arena_deinit(&startup->arena);
    *startup = (struct startup){0};
}
