#include "config/config_key.h"

#include <stddef.h>

#define FIELD(member) offsetof(struct config, member)

/* Milliseconds. */
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const struct config_section sections[] = {
    {"daemon", "The process itself."},
    {"store", "Where connections and events are kept, and the key that seals them."},
    {"redis", "Where events are published. Without url nothing is; the store has them all the "
              "same."},
    {"events", "The log of events."},
    {"refresh", "When tokens are refreshed. Spans are written as systemd writes them: 90s, 5min, "
                "1h 30min, 7d."},
    {"guard", "What happens when many grants seem to die at once."},
    {"providers", "Profiles of providers."},
    {"http", "Requests to providers."},
    {"access", "Who may do what on the control socket: users by name or number, groups as @name. "
               "Root and the daemon's own user may always do everything."},
    {"metrics", "Figures for Prometheus."},
};

static const struct config_key keys[] = {
    {"daemon", "socket", CONFIG_PATH, FIELD(daemon.socket), 1, 107, "/run/refreshd/control.sock",
     NULL, false, false,
     "The control socket. With systemd's socket activation the one handed over is used instead.",
     false},
    {"daemon", "socket_mode", CONFIG_MODE, FIELD(daemon.socket_mode), 0, 0777, "0660", NULL, false,
     false, "The mode of the control socket.", false},
    {"daemon", "socket_group", CONFIG_TEXT, FIELD(daemon.socket_group), 1, 64, NULL,
     "the daemon's own group", false, false, "The group that owns the control socket.", false},
    {"daemon", "state_dir", CONFIG_PATH, FIELD(daemon.state_dir), 1, 4000, NULL,
     "the directory of the SQLite file, else /var/lib/refreshd", false, false,
     "Where the store, its lock and its backups live. One daemon at a time.", false},
    {"daemon", "name", CONFIG_TEXT, FIELD(daemon.name), 1, 64, NULL, "the host's name", false,
     false,
     "What stands behind \"refreshd/\" in the source of events. Fixed in the store when it is "
     "made; later changes have no effect.",
     false},
    {"daemon", "log_level", CONFIG_LOG_LEVEL, FIELD(daemon.log_level), 0, 0, "info", NULL, true,
     false, "What is logged: what is as urgent as this, and more so.", false},
    {"daemon", "drain_timeout", CONFIG_SPAN, FIELD(daemon.drain_timeout_ms), 0, HOUR, "130s", NULL,
     true, false,
     "How long a stopping daemon waits for requests in flight. TimeoutStopSec= of the unit must "
     "be longer.",
     false},

    {"store", "url", CONFIG_STORE_URL, FIELD(store.url), 0, 0, NULL,
     "sqlite: and refreshd.db in state_dir", false, true,
     "sqlite:/PATH. An address of postgresql:// is understood and refused: this version keeps its "
     "store in SQLite.",
     false},
    {"store", "key_file", CONFIG_PATH, FIELD(store.key_file), 1, 4000,
     "${CREDENTIALS_DIRECTORY}/master.key", NULL, false, false,
     "The master key: 32 bytes, raw, base64 or hex. \"refreshctl keygen FILE\" makes one. "
     "${CREDENTIALS_DIRECTORY} is where systemd puts what LoadCredential= names.",
     false},
    {"store", "identity", CONFIG_TEXT, FIELD(store.identity), 1, 128, NULL, "the machine-id", false,
     false,
     "What a SQLite store is bound to, so that a copy of it does not refresh the same grants.",
     true},

    {"redis", "url", CONFIG_REDIS_URL, FIELD(redis.url), 0, 0, NULL, "no Redis", false, true,
     "redis://[user:password@]HOST[:PORT][/DB], rediss://… for TLS, unix:/PATH[?db=DB], or, where "
     "Sentinel says which Redis is the master, "
     "redis[s]+sentinel://[user:password@]HOST[:PORT][,…]/MASTER-NAME[/DB] with the sentinels' "
     "addresses. A password is better kept in password_file.",
     false},
    {"redis", "prefix", CONFIG_TEXT, FIELD(redis.prefix), 1, 64, "refreshd:", NULL, false, false,
     "What all keys and channels begin with.", false},
    {"redis", "username", CONFIG_TEXT, FIELD(redis.username), 1, 256, NULL, "the default user",
     false, false, "The ACL user (Redis 6 or newer).", false},
    {"redis", "password_file", CONFIG_PATH, FIELD(redis.password_file), 1, 4000, NULL,
     "no password", false, false,
     "A file with the password on its first line, read at each connection.", false},
    {"redis", "ca_file", CONFIG_PATH, FIELD(redis.ca_file), 1, 4000, NULL,
     "the system's certificates", false, false,
     "With rediss://: certificates (PEM) of the authorities that may vouch for Redis, instead of "
     "the system's. This file and the next two are looked at at each connection.",
     false},
    {"redis", "client_certificate_file", CONFIG_PATH, FIELD(redis.client_certificate_file), 1, 4000,
     NULL, "none", false, false,
     "With rediss://: the certificate (PEM, its chain behind it) that refreshd shows where Redis "
     "asks for one, which is tls-auth-clients yes.",
     false},
    {"redis", "client_key_file", CONFIG_PATH, FIELD(redis.client_key_file), 1, 4000, NULL, "none",
     false, false, "Its private key (PEM, no passphrase), readable by the daemon's user alone.",
     false},
    {"redis", "sentinel_username", CONFIG_TEXT, FIELD(redis.sentinel_username), 1, 256, NULL,
     "the default user", false, false, "The ACL user at the sentinels (Redis 6.2 or newer).",
     false},
    {"redis", "sentinel_password_file", CONFIG_PATH, FIELD(redis.sentinel_password_file), 1, 4000,
     NULL, "no password", false, false,
     "A file with the sentinels' own password on its first line, read each time they are asked.",
     false},
    {"redis", "stream_maxlen", CONFIG_INTEGER, FIELD(redis.stream_maxlen), 1, 1000000000, "100000",
     NULL, false, false, "About how many entries the stream keeps.", false},

    {"events", "retention", CONFIG_SPAN, FIELD(events.retention_ms), HOUR, 3650 * DAY, "7d", NULL,
     true, false, "How long the store keeps events, for list-events, watch and an emptied Redis.",
     false},
    {"events", "account_labels", CONFIG_BOOL, FIELD(events.account_labels), 0, 0, "yes", NULL, true,
     false, "Whether events hold the account's label (an e-mail address, say).", false},

    {"refresh", "margin", CONFIG_SPAN, FIELD(refresh.margin_ms), 0, DAY, "5min", NULL, true, false,
     "How long before its end an access token is refreshed, where its life is long enough.", false},
    {"refresh", "jitter", CONFIG_SHARE, FIELD(refresh.jitter_permille), 0, 250, "10%", NULL, true,
     false, "The share of a token's life over which refreshes are spread, at most.", false},
    {"refresh", "backoff_min", CONFIG_SPAN, FIELD(refresh.backoff_min_ms), 100, HOUR, "1s", NULL,
     true, false, "The first pause after a refresh that failed for a time.", false},
    {"refresh", "backoff_max", CONFIG_SPAN, FIELD(refresh.backoff_max_ms), SECOND, DAY, "5min",
     NULL, true, false, "The longest such pause.", false},
    {"refresh", "exhausted_after", CONFIG_SPAN, FIELD(refresh.exhausted_after_ms), HOUR, 90 * DAY,
     "4d", NULL, true, false,
     "How long past its end a connection is tried, while others of its connector succeed, before "
     "somebody is asked to reconnect.",
     false},
    {"refresh", "expiring", CONFIG_SPANS, FIELD(refresh.expiring), MINUTE, 365 * DAY, "7d, 1d",
     NULL, true, false,
     "How long before the known end of a refresh token connection.expiring is sent; each once.",
     false},
    {"refresh", "idle_after", CONFIG_SPAN, FIELD(refresh.idle_after_ms), MINUTE, 365 * DAY, "7d",
     NULL, true, false,
     "Connections of a connector with policy on_demand are idle when nobody asked for their token "
     "for so long. A connector may say otherwise.",
     false},
    {"refresh", "probe_every", CONFIG_SPAN, FIELD(refresh.probe_every_ms), 0, 365 * DAY, "0", NULL,
     true, false,
     "How often grants are checked between refreshes where the provider offers it; 0 is never. A "
     "connector may say otherwise.",
     false},

    {"guard", "settle", CONFIG_SPAN, FIELD(guard.settle_ms), 0, MINUTE, "5s", NULL, true, false,
     "How long a verdict on a grant rests before it is published; 0 switches the guard's look "
     "before "
     "publication off.",
     false},
    {"guard", "window", CONFIG_SPAN, FIELD(guard.window_ms), 0, DAY, "15min", NULL, true, false,
     "How far back published verdicts are checked again when the guard trips.", false},
    {"guard", "hold", CONFIG_SPANS, FIELD(guard.hold), SECOND, DAY, "1min, 5min, 15min, 60min",
     NULL, true, false,
     "When a held grant is presented again, counted from when the guard tripped; the last time "
     "decides. 16 times at most.",
     false},

    {"providers", "path", CONFIG_PATH, FIELD(providers.path), 1, 4000, NULL,
     "the built-in profiles only", true, false,
     "A directory of profiles (*.json) besides the built-in ones; the same id replaces.", false},

    {"http", "ca_file", CONFIG_PATH, FIELD(http.ca_file), 1, 4000, NULL,
     "the system's certificates only", true, false,
     "Certificates (PEM) trusted besides the system's.", false},
    {"http", "allow_plain_loopback", CONFIG_BOOL, FIELD(http.allow_plain_loopback), 0, 0, "no",
     NULL, true, false,
     "Whether profiles may have http:// endpoints on the loopback. Elsewhere http:// is refused.",
     false},
    {"http", "proxy", CONFIG_PROXY_URL, FIELD(http.proxy), 0, 0, NULL, "no proxy", true, false,
     "http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT. The environment is ignored.",
     false},
    {"http", "connect_timeout", CONFIG_SPAN, FIELD(http.connect_timeout_ms), 100, 2 * MINUTE, "10s",
     NULL, true, false, "How long a connection to a provider may take.", false},
    {"http", "max_in_flight", CONFIG_INTEGER, FIELD(http.max_in_flight), 1, 1000, "64", NULL, true,
     false, "How many requests to one provider run at once, at most.", false},

    {"access", "admin", CONFIG_NAMES, FIELD(access.admin), 0, 0, NULL, "nobody else", true, false,
     "May do everything but hand out tokens and touch people's own connections.", false},
    {"access", "platform", CONFIG_NAMES, FIELD(access.platform), 0, 0, NULL, "nobody else", true,
     false, "Back ends of apps: import, fetch tokens, disconnect, look.", false},
    {"access", "operator", CONFIG_NAMES, FIELD(access.operator), 0, 0, NULL, "nobody else", true,
     false, "May look, watch and refresh.", false},

    {"metrics", "listen", CONFIG_LISTEN, FIELD(metrics.listen), 0, 0, NULL,
     "on the control socket only", false, false,
     "ADDRESS:PORT or unix:/PATH for Prometheus. Anybody who can connect may read.", true},
};
_Static_assert(ARRAY_LEN(keys) <= CONFIG_KEYS_MAX, "struct config holds a text of each");

const struct config_key *config_key_at(size_t index)
{
    return index < ARRAY_LEN(keys) ? &keys[index] : NULL;
}

const struct config_section *config_section_at(size_t index)
{
    return index < ARRAY_LEN(sections) ? &sections[index] : NULL;
}

size_t config_key_find(struct str section, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (str_eq(section, str_c(keys[i].section)) && str_eq(name, str_c(keys[i].name)))
            return i;
    }
    return CONFIG_KEYS_MAX;
}

bool config_section_is_known(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (str_eq(name, str_c(sections[i].name)))
            return true;
    }
    return false;
}
