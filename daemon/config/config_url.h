/**
 * The values that are addresses: where the store is, where Redis, where metrics are listened for.
 * Texts in, parts out; nothing is looked up.
 *
 *     "redis://ana:pw@127.0.0.1:6380/2" → tcp, host, port 6380, username, password, database 2
 *     "rediss://redis.internal"         → the same by TLS
 *     "unix:/run/redis/redis.sock?db=1" → unix, socket_path, database 1
 *     "redis+sentinel://s1,[::1]:26380/events/2" → sentinel, two sentinels, master_name, database 2
 */
#ifndef CONFIG_CONFIG_URL_H
#define CONFIG_CONFIG_URL_H

#include "common/arena.h"

enum config_store_kind {
    CONFIG_STORE_SQLITE,
    CONFIG_STORE_POSTGRESQL,
};

struct config_store_url {
    enum config_store_kind kind;
    struct str path; /* SQLite: absolute */
    struct str url;  /* PostgreSQL: whole, for libpq; may hold a password */
};

enum config_redis_kind {
    CONFIG_REDIS_NONE,
    CONFIG_REDIS_TCP,
    CONFIG_REDIS_UNIX,
    CONFIG_REDIS_SENTINEL, /* the master is asked for */
};

enum {
    CONFIG_REDIS_PORT = 6379,
    CONFIG_REDIS_DATABASE_MAX = 65535,
    CONFIG_SENTINEL_PORT = 26379,
    CONFIG_SENTINELS_MAX = 16,
    CONFIG_MASTER_NAME_MAX = 128,
};

struct config_sentinel {
    struct str host; /* as below */
    int64_t port;
};

struct config_redis_url {
    enum config_redis_kind kind;
    bool tls;        /* rediss:// and rediss+sentinel:// */
    struct str host; /* name or address, without brackets */
    int64_t port;
    struct str socket_path;
    struct str username, password; /* decoded; unset where there is none; Redis' own, not a
                                      sentinel's */
    int64_t database;
    struct config_sentinel sentinels[CONFIG_SENTINELS_MAX];
    size_t sentinel_count;
    struct str master_name; /* decoded */
};

struct config_listen {
    struct str host; /* an address */
    int64_t port;
    struct str socket_path; /* instead */
};

/* Each: STATUS_INVALID with err's text being what was expected, without the value (it may hold a
 * password). Texts of the result are copied into arena. */
MUST_CHECK enum status config_store_url_parse(struct str text, struct arena *arena,
                                              struct config_store_url *ret, struct error *err);
MUST_CHECK enum status config_redis_url_parse(struct str text, struct arena *arena,
                                              struct config_redis_url *ret, struct error *err);
MUST_CHECK enum status config_listen_parse(struct str text, struct arena *arena,
                                           struct config_listen *ret, struct error *err);
/** http://host:port, https://host:port, socks5h://host:port; nothing behind it. */
MUST_CHECK enum status config_proxy_check(struct str text, struct error *err);

#endif
