/**
 * The configuration (refreshd.conf(5)): refreshd.conf and its drop-ins, read into plain typed
 * fields. Every mistake is collected with file, line and what was expected; one mistake and there
 * is no configuration. What can be judged by looking at the text is judged here; whether a user
 * exists or a directory can be written is found out by those who use it.
 *
 *     struct config config;
 *     CLEANUP(config_faults_deinit) struct config_faults faults = {0};
 *     if (config_load(&config, path, credentials, &faults) != STATUS_OK)
 *         for (size_t i = 0; i < faults.count; i++)
 *             puts(faults.lines[i].data);   // "refreshd.conf:12: [redis] url: expected …"
 *     config_deinit(&config);
 *
 * Files are INI. A file of refreshd.conf.d, in the order of their names, replaces what stands
 * before it, key by key; a key twice in one file is a mistake. The one table of keys is
 * config_key.h; the sample file and the manual page agree with it by test.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "common/arena.h"
#include "common/log.h"
#include "config/config_fault.h"
#include "config/config_url.h"

enum {
    CONFIG_KEYS_MAX = 64,
    CONFIG_FILE_BYTES_MAX = 1024 * 1024,
    CONFIG_LINE_MAX = 4096,
};

/** Users by name or number, groups as "@name" or "@number". */
struct config_names {
    struct str *items;
    size_t count;
};

struct config_spans {
    int64_t *items_ms;
    size_t count;
};

/** Texts and paths not set are STR_NONE. All of it lives in arena. */
struct config {
    struct {
        struct str socket;
        int64_t socket_mode;
        struct str socket_group;
        struct str state_dir; /* never unset: see config_key.c */
        struct str name;      /* unset: the host's */
        enum log_level log_level;
        int64_t drain_timeout_ms;
    } daemon;
    struct {
        struct config_store_url url;
        struct str key_file;
        struct str identity; /* unset: the machine-id */
    } store;
    struct {
        struct config_redis_url url; /* kind NONE: no Redis */
        struct str prefix;
        struct str username; /* here or in the URL; url.username has been merged into this */
        struct str password_file;
        struct str ca_file;                                   /* unset: the system's */
        struct str client_certificate_file, client_key_file;  /* both or none */
        struct str sentinel_username, sentinel_password_file; /* the sentinels' own */
        int64_t stream_maxlen;
    } redis;
    struct {
        int64_t retention_ms;
        bool account_labels;
    } events;
    struct {
        int64_t margin_ms;
        int64_t jitter_permille;
        int64_t backoff_min_ms, backoff_max_ms;
        int64_t exhausted_after_ms;
        struct config_spans expiring; /* longest first */
        int64_t idle_after_ms;
        int64_t probe_every_ms; /* 0: never */
    } refresh;
    struct {
        int64_t settle_ms;
        int64_t window_ms;
        struct config_spans hold; /* shortest first */
    } guard;
    struct {
        struct str path; /* besides the built-in ones */
    } providers;
    struct {
        struct str ca_file;
        bool allow_plain_loopback;
        struct str proxy;
        int64_t connect_timeout_ms;
        int64_t max_in_flight; /* for each provider */
    } http;
    struct {
        struct config_names admin, platform, operator;
    } access;
    struct {
        struct config_listen listen; /* port 0 and no path: nowhere */
    } metrics;
    struct arena arena;
    struct str texts[CONFIG_KEYS_MAX]; /* each key's value, in the table's order */
    /* Where each stands; not in a file: the first file, without a line, and the default is in force
     */
    struct config_place places[CONFIG_KEYS_MAX];
};

/**
 * Read the file and its drop-ins. Blocks on small local files.
 *
 * @path                   the drop-ins are path + ".d" + "/" + "*.conf"
 * @credentials_directory  what ${CREDENTIALS_DIRECTORY} stands for; STR_NONE: it is not set
 * @config                 initialised on STATUS_OK only
 * @faults                 zeroed or in use; each mistake is added
 *
 * STATUS_INVALID: faults has at least one line.
 */
MUST_CHECK enum status config_load(struct config *config, struct str path,
                                   struct str credentials_directory, struct config_faults *faults);

/** The same from one text in memory; name stands in for the file's in mistakes. */
MUST_CHECK enum status config_load_text(struct config *config, struct str name, struct str text,
                                        struct str credentials_directory,
                                        struct config_faults *faults);

void config_deinit(struct config *config);

/** A mistake that only the world can show, in the form of all the others:
 * "FILE:LINE: [section] name: …". The key must be in the table. */
void config_tell_key(const struct config *config, const char *section, const char *name,
                     const struct error *why, struct config_faults *faults);

/** The keys that were given and that nothing acts on in this version, as "[guard] settle". */
void config_find_reserved(const struct config *config, struct config_faults *lines);

/**
 * What a reload can't take over: one line for each changed key that is read only at start, as
 * "[store] url". @lines zeroed or in use
 */
void config_find_fixed(const struct config *running, const struct config *fresh,
                       struct config_faults *lines);
/** After that, for the next reload: such keys keep the texts that are in force. Their values in
 * fresh are what the file says, and nobody reads them any more. */
void config_keep_fixed(const struct config *running, struct config *fresh);

#endif
