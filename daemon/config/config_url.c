#include "config/config_url.h"

#include "common/host.h"

#include <string.h>

/** Cut "name" or "[v6]" and ":port" off; *ret_port stays where there is none. */
static bool split_host(struct str text, struct str *ret_host, int64_t *ret_port)
{
    struct str host, rest;
    if (text.len > 0 && text.data[0] == '[') {
        size_t end = str_find_byte(text, ']');
        if (end == text.len)
            return false;
        host = str_slice(text, 1, end - 1);
        rest = str_slice(text, end + 1, text.len);
    } else {
        size_t colon = str_find_byte(text, ':');
        host = str_slice(text, 0, colon);
        rest = str_slice(text, colon, text.len);
    }
    *ret_host = host;
    if (rest.len == 0)
        return host.len > 0;
    return host.len > 0 && rest.data[0] == ':' &&
           str_to_i64(str_slice(rest, 1, rest.len), ret_port) == STATUS_OK && *ret_port >= 1 &&
           *ret_port <= 65535;
}

enum status config_store_url_parse(struct str text, struct arena *arena,
                                   struct config_store_url *ret, struct error *err)
{
    if (str_starts_with(text, STR("sqlite:/"))) {
        struct str path = str_slice(text, strlen("sqlite:"), text.len);
        if (str_ends_with(path, STR("/")))
            return error_set(err, STATUS_INVALID, "sqlite:/PATH of a file, not of a directory");
        *ret =
            (struct config_store_url){.kind = CONFIG_STORE_SQLITE, .path = arena_copy(arena, path)};
        return STATUS_OK;
    }
    if (str_starts_with(text, STR("postgresql://")) || str_starts_with(text, STR("postgres://"))) {
        *ret = (struct config_store_url){.kind = CONFIG_STORE_POSTGRESQL,
                                         .url = arena_copy(arena, text)};
        return STATUS_OK;
    }
    return error_set(err, STATUS_INVALID, "sqlite:/PATH, an absolute one");
}

/** RFC 3986 §2.1. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool percent_decode(struct str text, struct arena *arena, struct str *ret)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '%') {
            out[len++] = text.data[i];
            continue;
        }
        int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
        int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
        int byte = high < 0 || low < 0 ? 0 : high * 16 + low;
        if (byte == 0)
            return false;
        out[len++] = (char)byte;
        i += 2;
    }
    *ret = (struct str){.data = out, .len = len};
    return true;
}

static enum status parse_user(struct str text, struct arena *arena, struct config_redis_url *ret,
                              struct error *err)
{
    size_t colon = str_find_byte(text, ':');
    if (colon == text.len)
        return error_set(err, STATUS_INVALID,
                         "user:password@ or :password@ before the host (a user alone is [redis] "
                         "username)");
    struct str user = str_slice(text, 0, colon);
    struct str password = str_slice(text, colon + 1, text.len);
    if (password.len == 0 || !percent_decode(password, arena, &ret->password) ||
        (user.len > 0 && !percent_decode(user, arena, &ret->username)))
        return error_set(err, STATUS_INVALID,
                         "user and password with what is special in URLs as %%XX");
    return STATUS_OK;
}

static bool parse_database(struct str text, int64_t *ret)
{
    return str_to_i64(text, ret) == STATUS_OK && *ret >= 0 && *ret <= CONFIG_REDIS_DATABASE_MAX;
}

/**
 * "user:password@" off the front of what stands before the first "/". The last "@" counts: a
 * password may hold others.
 */
static enum status split_authority(struct str rest, struct arena *arena,
                                   struct config_redis_url *ret, struct str *ret_hosts,
                                   struct str *ret_path, struct error *err)
{
    size_t slash = str_find_byte(rest, '/');
    struct str authority = str_slice(rest, 0, slash);
    size_t at = authority.len;
    while (at > 0 && authority.data[at - 1] != '@')
        at--;
    *ret_hosts = str_slice(authority, at, authority.len);
    *ret_path = str_slice(rest, slash + 1, rest.len);
    if (at == 0)
        return STATUS_OK;
    return parse_user(str_slice(authority, 0, at - 1), arena, ret, err);
}

static enum status parse_tcp(struct str rest, struct arena *arena, struct config_redis_url *ret,
                             struct error *err)
{
    ret->kind = CONFIG_REDIS_TCP;
    ret->port = CONFIG_REDIS_PORT;
    struct str host, database;
    if (split_authority(rest, arena, ret, &host, &database, err) != STATUS_OK)
        return STATUS_INVALID;
    if (!split_host(host, &host, &ret->port) || !host_is_valid(host))
        return error_set(err, STATUS_INVALID, "redis[s]://[user:password@]HOST[:PORT][/DB]");
    if (database.len > 0 && !parse_database(database, &ret->database))
        return error_set(err, STATUS_INVALID,
                         "a database number from 0 to %d behind the host's \"/\"",
                         CONFIG_REDIS_DATABASE_MAX);
    ret->host = arena_copy(arena, host);
    return STATUS_OK;
}

static bool parse_sentinel(struct str text, struct arena *arena, struct config_sentinel *ret)
{
    struct str host;
    ret->port = CONFIG_SENTINEL_PORT;
    if (!split_host(text, &host, &ret->port) || !host_is_valid(host))
        return false;
    ret->host = arena_copy(arena, host);
    return true;
}

/** It would count twice among those whose majority decides. */
static bool is_named_before(const struct config_redis_url *url,
                            const struct config_sentinel *sentinel)
{
    for (const struct config_sentinel *other = url->sentinels; other < sentinel; other++) {
        if (other->port == sentinel->port && str_eq_nocase(other->host, sentinel->host))
            return true;
    }
    return false;
}

static enum status parse_hosts(struct str hosts, struct arena *arena, struct config_redis_url *ret,
                               struct error *err)
{
    while (true) {
        size_t end = str_find_byte(hosts, ',');
        if (ret->sentinel_count == CONFIG_SENTINELS_MAX)
            return error_set(err, STATUS_INVALID, "%d sentinels at most", CONFIG_SENTINELS_MAX);
        struct config_sentinel *sentinel = &ret->sentinels[ret->sentinel_count++];
        if (!parse_sentinel(str_slice(hosts, 0, end), arena, sentinel))
            return error_set(err, STATUS_INVALID,
                             "redis[s]+sentinel://[user:password@]HOST[:PORT][,HOST[:PORT]…]"
                             "/MASTER-NAME[/DB]");
        if (is_named_before(ret, sentinel))
            return error_set(err, STATUS_INVALID,
                             "each sentinel once, since most of them decide (" STR_FMT
                             " port %lld stands twice)",
                             STR_ARG(sentinel->host), (long long)sentinel->port);
        if (end == hosts.len)
            return STATUS_OK;
        hosts = str_slice(hosts, end + 1, hosts.len);
    }
}

static bool is_master_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~')
            return false;
    }
    return name.len > 0 && name.len <= CONFIG_MASTER_NAME_MAX;
}

/** No scheme is registered for it; this one is what several clients have settled on. */
static enum status parse_sentinels(struct str rest, struct arena *arena,
                                   struct config_redis_url *ret, struct error *err)
{
    ret->kind = CONFIG_REDIS_SENTINEL;
    struct str hosts, path;
    if (split_authority(rest, arena, ret, &hosts, &path, err) != STATUS_OK)
        return STATUS_INVALID;
    if (parse_hosts(hosts, arena, ret, err) != STATUS_OK)
        return STATUS_INVALID;
    size_t slash = str_find_byte(path, '/');
    struct str name = str_slice(path, 0, slash);
    struct str database = str_slice(path, slash + 1, path.len);
    if (!percent_decode(name, arena, &ret->master_name) || !is_master_name(ret->master_name))
        return error_set(err, STATUS_INVALID,
                         "the name by which the sentinels know the master, of 1 to %d characters "
                         "without blanks, behind the hosts' \"/\"",
                         CONFIG_MASTER_NAME_MAX);
    if (database.len > 0 && !parse_database(database, &ret->database))
        return error_set(err, STATUS_INVALID,
                         "a database number from 0 to %d behind the master's name and \"/\"",
                         CONFIG_REDIS_DATABASE_MAX);
    return STATUS_OK;
}

static enum status parse_unix(struct str rest, struct arena *arena, struct config_redis_url *ret,
                              struct error *err)
{
    ret->kind = CONFIG_REDIS_UNIX;
    if (str_starts_with(rest, STR("///")))
        rest = str_slice(rest, 2, rest.len);
    size_t question = str_find_byte(rest, '?');
    struct str path = str_slice(rest, 0, question);
    struct str query = str_slice(rest, question + 1, rest.len);
    if (!str_starts_with(path, STR("/")) || path.len > 107)
        return error_set(err, STATUS_INVALID, "unix:/PATH[?db=DB], the path at most 107 bytes");
    if (query.len > 0 && (!str_starts_with(query, STR("db=")) ||
                          !parse_database(str_slice(query, 3, query.len), &ret->database)))
        return error_set(err, STATUS_INVALID, "?db= and a number from 0 to %d behind the path",
                         CONFIG_REDIS_DATABASE_MAX);
    ret->socket_path = arena_copy(arena, path);
    return STATUS_OK;
}

enum status config_redis_url_parse(struct str text, struct arena *arena,
                                   struct config_redis_url *ret, struct error *err)
{
    static const struct str tcp = STR_INIT("redis://"), tcp_tls = STR_INIT("rediss://"),
                            local = STR_INIT("unix:"), sentinels = STR_INIT("redis+sentinel://"),
                            sentinels_tls = STR_INIT("rediss+sentinel://");
    struct config_redis_url url = {0};
    enum status status;
    if (str_starts_with(text, tcp))
        status = parse_tcp(str_slice(text, tcp.len, text.len), arena, &url, err);
    else if (str_starts_with(text, tcp_tls))
        status = parse_tcp(str_slice(text, tcp_tls.len, text.len), arena, &url, err);
    else if (str_starts_with(text, local))
        status = parse_unix(str_slice(text, local.len, text.len), arena, &url, err);
    else if (str_starts_with(text, sentinels))
        status = parse_sentinels(str_slice(text, sentinels.len, text.len), arena, &url, err);
    else if (str_starts_with(text, sentinels_tls))
        status = parse_sentinels(str_slice(text, sentinels_tls.len, text.len), arena, &url, err);
    else
        status = error_set(err, STATUS_INVALID,
                           "redis[s]://[user:password@]HOST[:PORT][/DB], unix:/PATH[?db=DB] or "
                           "redis[s]+sentinel://HOST[:PORT],…/MASTER-NAME[/DB]");
    url.tls = str_starts_with(text, tcp_tls) || str_starts_with(text, sentinels_tls);
    if (status == STATUS_OK)
        *ret = url;
    return status;
}

enum status config_listen_parse(struct str text, struct arena *arena, struct config_listen *ret,
                                struct error *err)
{
    struct config_listen listen = {0};
    if (str_starts_with(text, STR("unix:/")) && text.len <= 107) {
        listen.socket_path = arena_copy(arena, str_slice(text, strlen("unix:"), text.len));
        *ret = listen;
        return STATUS_OK;
    }
    struct str host;
    if (!split_host(text, &host, &listen.port) || !host_is_valid(host) || listen.port == 0)
        return error_set(err, STATUS_INVALID, "ADDRESS:PORT or unix:/PATH");
    listen.host = arena_copy(arena, host);
    *ret = listen;
    return STATUS_OK;
}

enum status config_proxy_check(struct str text, struct error *err)
{
    static const struct str schemes[] = {STR_INIT("http://"), STR_INIT("https://"),
                                         STR_INIT("socks5h://")};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (!str_starts_with(text, schemes[i]))
            continue;
        struct str rest = str_slice(text, schemes[i].len, text.len);
        struct str host;
        int64_t port = 0;
        if (str_ends_with(rest, STR("/")))
            rest.len--;
        if (split_host(rest, &host, &port) && host_is_valid(host) && port != 0)
            return STATUS_OK;
    }
    return error_set(err, STATUS_INVALID,
                     "http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT");
}
