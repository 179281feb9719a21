/**
 * One event, one line, fixed fields. Only engine, control, io, the files beside daemon.c and ctl
 * log; libraries return errors. Never a body, a header, a token.
 *
 *     log_write(log, LOG_LEVEL_INFO, "refresh.done", "refreshed c-81f2",
 *               LOG_TEXT("connection", id), LOG_I64("took_ms", 31));
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/macros.h"
#include "common/str.h"

enum log_level { /* syslog's numbers, since journald's PRIORITY= wants them */
                 LOG_LEVEL_ERROR = 3,
                 LOG_LEVEL_WARNING = 4,
                 LOG_LEVEL_NOTICE = 5,
                 LOG_LEVEL_INFO = 6,
                 LOG_LEVEL_DEBUG = 7,
};

struct log_field {
    const char *name; /* lower case; journald gets REFRESHD_<upper case> */
    struct str text;
    int64_t number;
    bool is_number;
};

#define LOG_TEXT(field, value) ((struct log_field){.name = (field), .text = (value)})
#define LOG_I64(field, value) \
    ((struct log_field){.name = (field), .number = (int64_t)(value), .is_number = true})

struct log_record {
    enum log_level level;
    const char *event;   /* stable word, "refresh.done" */
    const char *message; /* for people */
    const struct log_field *fields;
    size_t field_count;
};

/** Where lines go: journald or standard error, chosen by the composition root. */
struct log {
    enum log_level level; /* what is less urgent is dropped */
    void *ctx;
    void (*write)(void *ctx, const struct log_record *record);
};

void log_record(const struct log *log, enum log_level level, const char *event, const char *message,
                const struct log_field *fields, size_t field_count);

/** Not dropped for its level, unless the log as a whole is off (level 0). */
void log_record_always(const struct log *log, enum log_level level, const char *event,
                       const char *message, const struct log_field *fields, size_t field_count);

/** At least one field follows the message; log_plain() is for lines without. */
#define log_write(log, level, event, message, ...)                                          \
    log_record((log), (level), (event), (message), (const struct log_field[]){__VA_ARGS__}, \
               ARRAY_LEN(((const struct log_field[]){__VA_ARGS__})))
#define log_plain(log, level, event, message) \
    log_record((log), (level), (event), (message), NULL, 0)

/** What has to be on record whatever the level is set to (docs/operations.md "Audit"). */
#define log_audit(log, event, message, ...)                      \
    log_record_always((log), LOG_LEVEL_INFO, (event), (message), \
                      (const struct log_field[]){__VA_ARGS__},   \
                      ARRAY_LEN(((const struct log_field[]){__VA_ARGS__})))

/** A sink for standard error: "<level> event message key=value", values printable. ctx unused. */
void log_write_stderr(void *ctx, const struct log_record *record);
/** "error", "warning", … and back; STATUS_INVALID for another word. */
const char *log_level_text(enum log_level level);
MUST_CHECK enum status log_level_parse(struct str text, enum log_level *ret);

#endif
