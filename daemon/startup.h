/**
 * What a start needs to know before anything runs: configuration, key, profiles, who may do what.
 * The same for `--check`, for a start, and, in part, for a reload. Every failure has said what to
 * do on standard error and gives the exit status.
 */
#ifndef STARTUP_H
#define STARTUP_H

#include "config/config.h"
#include "control/session.h"
#include "engine/engine.h"
#include "exit_status.h"
#include "io/http_curl.h"

struct startup {
    struct config config;
    bool has_config;
    struct vault *vault;
    struct profile_set *profiles;
    struct access_rules access; /* startup_access_deinit() */
    int64_t socket_gid;         /* -1: ours */
    struct arena arena;
    struct str store_path, source;
};

/** EXIT_STATUS_OK, or what the process ends with: the first that failed. Once the configuration can
 * be read, all of its files are, so that one start tells all mistakes. */
enum exit_status startup_read(struct startup *startup, const char *config_path);
void startup_deinit(struct startup *startup);

/** What of the configuration the engine works by. */
struct engine_settings startup_engine_settings(const struct config *config);
/** What of it the HTTP client works by; the result borrows the configuration's texts. */
struct http_curl_config startup_http_config(const struct config *config);
/** [access] as numbers; startup_access_deinit(). STATUS_INVALID: faults name who is not known. */
MUST_CHECK enum status startup_access(const struct config *config, struct access_rules *ret_rules,
                                      struct config_faults *faults);
void startup_access_deinit(struct access_rules *rules);

#endif
