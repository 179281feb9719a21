/**
 * The one table of keys: what each is called, of what type, in what range, with what default, and
 * what it is for. The parser, the sample file, the manual page and `reload` live by it; a new key
 * is a new row (and a field in struct config).
 *
 *     {"refresh", "margin", CONFIG_SPAN, FIELD(refresh.margin_ms), "5min", …}
 */
#ifndef CONFIG_CONFIG_KEY_H
#define CONFIG_CONFIG_KEY_H

#include "config/config.h"

enum config_type {
    CONFIG_TEXT,      /* struct str; one line; min..max bytes */
    CONFIG_PATH,      /* struct str; absolute */
    CONFIG_BOOL,      /* bool */
    CONFIG_INTEGER,   /* int64_t, min..max */
    CONFIG_MODE,      /* int64_t, octal */
    CONFIG_SPAN,      /* int64_t ms, min..max */
    CONFIG_SPANS,     /* struct config_spans, each min..max, with commas */
    CONFIG_SHARE,     /* int64_t permille, min..max; written as "10%" or "2.5%" */
    CONFIG_LOG_LEVEL, /* enum log_level */
    CONFIG_NAMES,     /* struct config_names */
    CONFIG_STORE_URL, /* struct config_store_url */
    CONFIG_REDIS_URL, /* struct config_redis_url */
    CONFIG_PROXY_URL, /* struct str */
    CONFIG_LISTEN,    /* struct config_listen */
};

struct config_key {
    const char *section, *name;
    enum config_type type;
    size_t offset;      /* in struct config */
    int64_t min, max;   /* by type; 0, 0: the type's own */
    const char *value;  /* the default as it would be written; NULL: unset, and absent says what
                           that means */
    const char *absent; /* "no Redis"; with a value NULL only */
    bool reloadable;    /* else read at start only */
    bool secret;        /* may hold a password: never shown in a mistake */
    const char *doc;    /* for people: whole sentences, plain text */
    bool reserved;      /* read and checked, but nothing acts on it in this version */
};

struct config_section {
    const char *name, *doc;
};

/** In the order of the sample file; keys of one section stand together. */
const struct config_key *config_key_at(size_t index); /* NULL past the end */
const struct config_section *config_section_at(size_t index);
/** The key's index; CONFIG_KEYS_MAX where there is none. */
size_t config_key_find(struct str section, struct str name);
bool config_section_is_known(struct str name);

#endif
