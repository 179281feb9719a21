/**
 * One admin call under way: its parameters, who asked, and the steps between. Each step submits one
 * read or write and names the function that goes on. A call that changes something writes its audit
 * record in the change's own transaction.
 *
 *     op_read(op, read, on_connection_read);      // → op->read
 *     op_write(op, write, on_import_written);     // → op->write
 *     op_result(op, json);  or  op_fail(op, …);   // exactly one; the op is gone
 *
 * A step that lost a race calls op_again(): the whole call is begun anew, a few times.
 */
#ifndef ENGINE_OP_H
#define ENGINE_OP_H

#include "engine/catalog.h"

struct op;
typedef void op_step(struct op *op, struct now now);

struct op {
    struct engine *engine;
    enum rpc_method_id method;
    struct json *params; /* a copy; {} at least */
    struct caller caller;
    struct reply_sink sink;
    struct arena arena; /* whatever lives as long as the call */
    op_step *begin;
    op_step *next;
    op_step *after_wait; /* NULL: begin */
    struct confirmation *confirmation;
    struct store_read *read;   /* the last one; freed by the next or with the op */
    struct store_write *write; /* likewise */
    int tries;
    struct heap_node retry;      /* in engine->op_retries */
    struct catalog_entry *entry; /* referenced, once op_take_entry() was called */
    struct target *target;       /* which connection it is for: engine/target.h; in arena */
    void *extra;                 /* of the method's own; in arena */
    size_t subcalls;             /* of a bulk import */
    struct secret *secret;       /* of rotate; wiped with the op */
    struct str audited;          /* the subject of its audit record; in arena */
};

enum { OP_TRIES_MAX = 20, OP_RETRY_MS = 10, OP_RETRY_MAX_MS = 500 };

/** Calls are begun by engine_call(). */
struct op *op_new(struct engine *engine, enum rpc_method_id method, const struct json *params,
                  const struct caller *caller, struct reply_sink sink);

void op_read(struct op *op, struct store_read *read, op_step *next);
void op_write(struct op *op, struct store_write *write, op_step *next);

void op_result(struct op *op, struct json *take_result, struct now now);
void op_fail(struct op *op, enum rpc_code word, const char *format, ...) PRINTF_LIKE(3, 4);
/** With further members of error.data. */
void op_fail_data(struct op *op, enum rpc_code word, struct json *take_data, const char *format,
                  ...) PRINTF_LIKE(4, 5);
/** -32602, data.path and data.expected. */
void op_fail_params(struct op *op, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);
/** The same, of an error that says "path: expected what" itself, as those of oauth_client_check().
 */
void op_fail_params_as(struct op *op, const struct error *err);
/** The store's own words for a read or write that did not work. */
void op_fail_store(struct op *op, const struct error *err);
/** needs_reconnect, blocked or not_connected, whichever says why this connection has no token. */
void op_fail_state(struct op *op, const struct connection *connection);
/** Begin with the next turn that runs methods. */
void op_wait(struct op *op, struct now now);
/** The last write may have been done: is this connection stored as it was written? Goes on with
 * `done` where it is, begins the whole call anew where it is not, and fails as `conflict` where a
 * later grant hides which.
 *
 * @written  the record that was put, its version the one before the write; lives as long as the op
 */
void op_confirm(struct op *op, const struct connection *written, op_step *done);
/** Begin anew shortly, each time later; past OP_TRIES_MAX it fails as `conflict`. */
void op_again(struct op *op, struct now now);

/** The member `connector` as an entry; fails the op and returns false where there is none. */
bool op_take_entry(struct op *op);
bool op_take_entry_named(struct op *op, struct str connector);
/** The entry of a connection that was read. */
bool op_take_entry_of(struct op *op, const struct connection *connection);

/** Audit in the same transaction; the log is told with the result. @subject connector or
 * connection; @detail may be NULL */
void op_audit(struct op *op, struct store_write *write, struct str subject,
              const struct json *detail, struct now now);

/** The same for what has no write of its own: a record by itself, in the background. */
void op_audit_alone(struct op *op, struct str subject, const struct json *detail, struct now now);

/** A client has one credential: client_secret and private_key exclude one another. False: the op
 * has failed. */
bool op_check_one_secret(struct op *op);

struct str op_text(const struct op *op, const char *name);
bool op_bool(const struct op *op, const char *name, bool fallback);

/** Submit a read of one connection. @id copied */
void op_read_connection_of(struct op *op, struct str id, op_step *next);
/** The same by the member `connection`. */
void op_read_connection(struct op *op, op_step *next);
/** op->read's one connection; fails the op (unknown_connection, store) and returns NULL else. */
const struct connection *op_connection(struct op *op);

void op_turn(struct engine *engine, struct now now);
int64_t op_next_ms(const struct engine *engine);

#endif
