#include "config/config_check.h"

#include "config/config_key.h"
#include "core/schedule.h"

#include <stdlib.h>

static const struct str state_dir_default = STR_INIT("/var/lib/refreshd");

static struct str directory_of(struct str path)
{
    size_t slash = path.len;
    while (slash > 0 && path.data[slash - 1] != '/')
        slash--;
    return str_slice(path, 0, slash > 1 ? slash - 1 : slash);
}

static bool store_is_set(const struct config *config)
{
    return str_is_set(config->store.url.path) || str_is_set(config->store.url.url);
}

/** Each follows from the other; an example with a database elsewhere must work as it stands. */
static void place_store(struct config *config)
{
    struct str *state_dir = &config->daemon.state_dir;
    if (!str_is_set(*state_dir) && str_is_set(config->store.url.path))
        *state_dir = arena_copy(&config->arena, directory_of(config->store.url.path));
    if (!str_is_set(*state_dir))
        *state_dir = state_dir_default;
    if (!store_is_set(config))
        config->store.url = (struct config_store_url){
            .kind = CONFIG_STORE_SQLITE,
            .path = arena_printf(&config->arena, STR_FMT "/refreshd.db", STR_ARG(*state_dir)),
        };
}

static void check_redis(struct config *config, config_contradiction_fn *fn, void *ctx)
{
    const struct config_redis_url *url = &config->redis.url;
    struct str *username = &config->redis.username;
    if (str_is_set(url->username) && str_is_set(*username) && !str_eq(url->username, *username))
        fn(ctx, "redis", "username", "the user that url names, or none");
    if (str_is_set(url->password) && str_is_set(config->redis.password_file))
        fn(ctx, "redis", "password_file", "none, since url has a password");
    if (!str_is_set(*username))
        *username = url->username;
    if (str_is_set(*username) && !str_is_set(url->password) &&
        !str_is_set(config->redis.password_file))
        fn(ctx, "redis", "username", "a password_file with it");
}

static void check_redis_tls(const struct config *config, config_contradiction_fn *fn, void *ctx)
{
    const struct {
        const char *key;
        struct str path;
    } files[] = {
        {"ca_file", config->redis.ca_file},
        {"client_certificate_file", config->redis.client_certificate_file},
        {"client_key_file", config->redis.client_key_file},
    };
    bool is_plain = config->redis.url.kind != CONFIG_REDIS_NONE && !config->redis.url.tls;
    for (size_t i = 0; is_plain && i < ARRAY_LEN(files); i++) {
        if (str_is_set(files[i].path))
            fn(ctx, "redis", files[i].key,
               "none, since url is without TLS (rediss://, rediss+sentinel://)");
    }
    if (is_plain)
        return;
    bool has_certificate = str_is_set(config->redis.client_certificate_file);
    bool has_key = str_is_set(config->redis.client_key_file);
    if (has_certificate && !has_key)
        fn(ctx, "redis", "client_certificate_file", "a client_key_file with it");
    if (has_key && !has_certificate)
        fn(ctx, "redis", "client_key_file", "a client_certificate_file with it");
}

static void check_sentinels(const struct config *config, config_contradiction_fn *fn, void *ctx)
{
    bool has_username = str_is_set(config->redis.sentinel_username);
    bool has_password = str_is_set(config->redis.sentinel_password_file);
    bool is_asked = config->redis.url.kind == CONFIG_REDIS_SENTINEL;
    if (!is_asked && has_username)
        fn(ctx, "redis", "sentinel_username", "none, since url names no sentinels");
    if (!is_asked && has_password)
        fn(ctx, "redis", "sentinel_password_file", "none, since url names no sentinels");
    if (is_asked && has_username && !has_password)
        fn(ctx, "redis", "sentinel_username", "a sentinel_password_file with it");
}

static int ascending(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int descending(const void *a, const void *b)
{
    return ascending(b, a);
}

static void sort_spans(struct config_spans *spans, int (*order)(const void *, const void *))
{
    qsort(spans->items_ms, spans->count, sizeof(*spans->items_ms), order);
}

void config_check(struct config *config, config_contradiction_fn *fn, void *ctx)
{
    place_store(config);
    check_redis(config, fn, ctx);
    check_redis_tls(config, fn, ctx);
    check_sentinels(config, fn, ctx);
    sort_spans(&config->refresh.expiring, descending);
    sort_spans(&config->guard.hold, ascending);
    if (config->guard.hold.count > SCHEDULE_HOLDS_MAX)
        fn(ctx, "guard", "hold", "16 spans at most");
    if (config->refresh.backoff_min_ms > config->refresh.backoff_max_ms)
        fn(ctx, "refresh", "backoff_min", "at most backoff_max");
    if (config->store.url.kind != CONFIG_STORE_SQLITE)
        fn(ctx, "store", "url", "sqlite:/PATH, since this version keeps its store in SQLite only");
}
