/**
 * Who did what: records in the store and in the log. A change's own record goes into its own write
 * (op_audit); here is what has no write of its own: a refresh by hand, calls that failed or were
 * refused, and how many access tokens each user was handed.
 *
 * A full disk is an alarm and never a refusal: token uses are counted in memory and flushed now and
 * then, in one write for many.
 */
#ifndef ENGINE_AUDIT_H
#define ENGINE_AUDIT_H

#include "engine/state.h"

enum {
    AUDIT_KEEP_DAYS = 90,
    AUDIT_REFUSED_PER_MINUTE = 120, /* into the store; beyond that they are only counted */
    AUDIT_USES_MAX = 8192,          /* counters in memory; more share one for each user */
    AUDIT_USES_PER_WRITE = 1000,
    AUDIT_FLUSH_MS = 10 * 1000,
};

/** The connection of uses that found no counter of their own. */
#define AUDIT_USE_OF_MANY "*"

struct audit_what {
    enum rpc_method_id method;
    struct str subject; /* connector or connection; may be empty */
    struct str outcome; /* "ok" or an error's data.code */
    struct str detail;  /* JSON text; empty: {} */
};

/** The record of that, for a write or by itself. Texts are borrowed. */
struct audit_entry audit_entry_of(const struct caller *caller, const struct audit_what *what,
                                  struct now now);
/** A record of its own, in the background. */
void audit_write(struct engine *engine, const struct caller *caller, const struct audit_what *what,
                 struct now now);
/** A call that failed or was refused: bounded, so that nobody fills the disk with them. */
void audit_write_refused(struct engine *engine, const struct caller *caller,
                         const struct audit_what *what, struct now now);
/** The log's line: `call.changes` or `call.refused`, with who, what and outcome. */
void audit_log(const struct engine *engine, const struct caller *caller,
               const struct audit_what *what, const char *message);

/** An access token is handed out. */
void audit_note_token(struct engine *engine, int64_t uid, struct str connection, struct now now);
/** Submit what is counted, so that a read behind it sees it. */
void audit_flush(struct engine *engine, struct now now);
void audit_turn(struct engine *engine, struct now now);
int64_t audit_next_ms(const struct engine *engine);
/** Is anything counted that has not been tried to be saved? Asked while draining. */
bool audit_wants_flush(const struct engine *engine);
void audit_free(struct engine *engine);

#endif
