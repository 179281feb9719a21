/**
 * The store, whatever engine is behind it: requests go in, completions come back through the inbox
 * on a later turn, never from inside the call. Writes that wait together are committed together
 * (one fsync); each write is atomic by itself: all of its operations or none.
 *
 *     struct store_write *write = store_write_new(now.ms);
 *     store_write_put_connection(write, &next);       // compare-and-set on next.version
 *     store_write_append_event(write, &event);        // gets the next number, without gaps
 *     write->completion.resume = on_saved;
 *     store->write(store->ctx, write);
 *     …
 *     on_saved: write->status == STATUS_OK: it is durable. CONFLICT: nothing was written, read
 *     again. UNAVAILABLE: nothing was written (disk full, say). UNCERTAIN: read before all else.
 *
 * The caller owns requests, keeps them until they are resumed, and frees them then.
 */
#ifndef PORT_STORE_H
#define PORT_STORE_H

#include "common/arena.h"
#include "core/connection.h"
#include "core/connector.h"
#include "core/flow.h"
#include "port/inbox.h"

/** Bounds. A request beyond STORE_QUEUE_MAX waiting ones is answered STATUS_UNAVAILABLE. */
enum {
    STORE_QUEUE_MAX = 65536,
    STORE_WRITE_OPS_MAX = 4096,
    STORE_READ_LIMIT_DEFAULT = 1000, /* where limit is 0 */
    STORE_READ_LIMIT_MAX = 16384,
    STORE_RESCUES_MAX = 8,        /* answers kept of one connection; the newest stay */
    STORE_FLOWS_PURGED_MAX = 500, /* flows, and pending connections, dropped by one purge */
};

/** Names of STORE_READ_META that the store itself keeps; the rest are the engine's. */
#define STORE_META_LOG_ID "log_id"       /* random, made with the store */
#define STORE_META_SOURCE "source"       /* "refreshd/host-1", fixed when the store was made */
#define STORE_META_KEY_CHECK "key_check" /* vault_key_check_make() */
#define STORE_META_LAST_COMMIT "last_commit_ms" /* decimal; now_ms of the last write */

/* ---- writes ---- */

/** What happened, before it has its number: the store makes it gapless. */
struct event_draft {
    struct str type;    /* "connection.needs_reconnect" */
    struct str subject; /* connection or connector id */
    int64_t wall_ms;    /* the event's `time` */
    struct str data;    /* JSON text of the event's `data` */
};

struct audit_entry {
    int64_t seq; /* set when read */
    int64_t wall_ms;
    int64_t uid, gid, pid;
    struct str method;
    struct str subject; /* connector or connection */
    struct str outcome; /* "ok" or an error's data.code */
    struct str detail;  /* JSON text of what is not secret */
};

/** A grant that is to be revoked at its provider (engine/revocation.h); one for each generation of
 * a connection. */
struct revocation {
    struct str connector, connection;
    int64_t generation;
    int64_t credential_version; /* of the client that it was granted to; 0: not known */
    struct str sealed_token;
    bool is_access_token; /* there was no refresh token */
    int64_t created_ms;
    int64_t due_ms;
    int64_t tries;
};

/** How many access tokens of a connection a user was given in an hour. */
struct token_use {
    int64_t uid;
    struct str connection;
    int64_t hour_wall_ms; /* when the hour began */
    int64_t count;
};

enum store_op_kind {
    STORE_OP_PUT_CONNECTION,
    STORE_OP_OPEN_ATTEMPT,
    STORE_OP_CLOSE_ATTEMPT,
    STORE_OP_PUT_CONNECTOR,
    STORE_OP_DELETE_CONNECTOR,
    STORE_OP_PUT_CREDENTIAL,
    STORE_OP_APPEND_EVENT,
    STORE_OP_APPEND_AUDIT,
    STORE_OP_SET_PUBLISHED,
    STORE_OP_RESTART_LOG,
    STORE_OP_PURGE_EVENTS,
    STORE_OP_PUT_RESCUE,
    STORE_OP_PUT_META,
    STORE_OP_PUT_REVOCATION,
    STORE_OP_DROP_REVOCATION,
    STORE_OP_ADD_TOKEN_USE,
    STORE_OP_PURGE_AUDIT,
    STORE_OP_PUT_FLOW,
    STORE_OP_TAKE_FLOW,
    STORE_OP_PURGE_FLOWS,
    STORE_OP_DROP_PENDING,
    STORE_OP_NOTE_READ,
    STORE_OP_PUT_SEEN,
    STORE_OP_PURGE_SEEN,
};

/** Which column of its subject learns the number of an appended event, in the same transaction. */
enum event_stamp {
    STAMP_NONE,
    STAMP_CONNECTION_ALERT,   /* connection.alert_seq of the subject */
    STAMP_CONNECTOR_ROTATED,  /* connector.rotated_seq of the subject */
    STAMP_CONNECTOR_RESCOPED, /* connector.rescoped_seq of the subject */
};

/** One operation. Of the pointers only the one of its kind is set; all that it names lies in the
 * arena of its write, or was lent to it. */
struct store_op {
    enum store_op_kind kind;
    enum event_stamp stamp;              /* APPEND_EVENT */
    const struct connection *connection; /* PUT_CONNECTION */
    const struct connection *before;     /* PUT_CONNECTION: as it was read; NULL: not known */
    const struct connector *connector;   /* PUT_CONNECTOR; id and version for DELETE_CONNECTOR */
    const struct credential *credential; /* PUT_CREDENTIAL: (connector, version) */
    const struct event_draft *event;     /* APPEND_EVENT, RESTART_LOG */
    const struct audit_entry *audit;     /* APPEND_AUDIT */
    const struct revocation *revocation; /* PUT_REVOCATION */
    const struct token_use *use;         /* ADD_TOKEN_USE */
    const struct flow *flow;             /* PUT_FLOW */
    struct str id;    /* connection of an attempt, rescue, revocation, read, or the pending
                         one; meta's name; print of the flow to take; source of what was seen */
    struct str value; /* meta's value; rescue's sealed bytes; attempt's refresh_print; id of what
                         was seen */
    uint64_t attempt_id;
    int64_t number;   /* OPEN_ATTEMPT: expected connection version; SET_PUBLISHED: sequence;
                         RESTART_LOG: first sequence to move; PURGE…: what is before this wall time;
                         DROP_REVOCATION: generation; PURGE_FLOWS, PURGE_SEEN: now;
                         NOTE_READ: when; PUT_SEEN: until when it is kept */
    int64_t number_b; /* RESTART_LOG: the number of its event */
};

struct store_write {
    struct completion completion;
    int64_t now_ms; /* timeline; kept as the time of the last commit */
    struct arena arena;
    struct store_op *ops;
    size_t op_count, op_capacity;
    /* Result. */
    enum status status;
    struct error error;
    int64_t first_event_seq; /* of the events appended; 0: none */
    void *user;              /* the caller's */
};

struct store_write *store_write_new(int64_t now_ms);
void store_write_free(struct store_write *write);

/* Each copies what it is given, but for what is lent. Order is kept. */

/** version 0 inserts (CONFLICT where id or an owner key exists), else updates where the stored
 * version is the given one; the stored row then has version + 1. alert_seq is written as given
 * unless a stamp of the same write sets it. The open attempt is not touched. */
void store_write_put_connection(struct store_write *write, const struct connection *connection);
/** The same without a copy, and with the record as it was read, which tells the store what has
 * changed. @connection, @before lent: with all their texts they stay as they are until the write is
 * resumed */
void store_write_lend_connection(struct store_write *write, const struct connection *connection,
                                 const struct connection *before);
/** The intent: CONFLICT where the connection's version is another or an attempt is open already. */
void store_write_open_attempt(struct store_write *write, struct str connection,
                              int64_t expected_version, uint64_t attempt_id,
                              struct str refresh_print);
/** CONFLICT where that attempt is not the open one. */
void store_write_close_attempt(struct store_write *write, struct str connection,
                               uint64_t attempt_id);
void store_write_put_connector(struct store_write *write, const struct connector *connector);
/** With its credentials and flows; CONFLICT where connections exist that are connected. Pending and
 * disconnected ones go with it. */
void store_write_delete_connector(struct store_write *write, struct str id, int64_t version);
void store_write_put_credential(struct store_write *write, const struct credential *credential);
void store_write_append_event(struct store_write *write, const struct event_draft *event,
                              enum event_stamp stamp);
void store_write_append_audit(struct store_write *write, const struct audit_entry *audit);
/** Events up to here are in Redis. Never goes back. */
void store_write_set_published(struct store_write *write, int64_t seq);
/** For a Redis stream that is another log's or ahead of ours: `event` (log.restarted) becomes
 * number new_first, and every event from `first` on up follows behind it in its order; stamps and
 * connectors' *_seq follow. CONFLICT where `first` is published or past the next number. */
void store_write_restart_log(struct store_write *write, int64_t first, int64_t new_first,
                             const struct event_draft *event);
/** Drop published events older than this that no connection's alert_seq names. */
void store_write_purge_events(struct store_write *write, int64_t before_wall_ms);
/** Keep an answer that could not be used, sealed, for an operator. Of one connection
 * STORE_RESCUES_MAX are kept, until its generation or its phase changes (a put of it drops them) or
 * it goes with its connector. Of a connection that is not connected none is kept: that is no
 * conflict. */
void store_write_put_rescue(struct store_write *write, struct str connection, struct str sealed);
void store_write_put_meta(struct store_write *write, struct str name, struct str value);
/** Inserts, or replaces the one of the same connection and generation. It goes with its connector.
 */
void store_write_put_revocation(struct store_write *write, const struct revocation *revocation);
/** It is done, or given up; no matter where there is none. */
void store_write_drop_revocation(struct store_write *write, struct str connection,
                                 int64_t generation);
/** Adds its count to what is stored of that user, connection and hour. */
void store_write_add_token_use(struct store_write *write, const struct token_use *use);
/** Drop audit records and token uses older than this. */
void store_write_purge_audit(struct store_write *write, int64_t before_wall_ms);
/** An authorization begins. CONFLICT where there is one of its print. */
void store_write_put_flow(struct store_write *write, const struct flow *flow);
/** It ends: nobody else can take it after this. CONFLICT where there is none (any more). */
void store_write_take_flow(struct store_write *write, struct str print);
/** Drop flows whose time is over at now_ms, and pending connections that were asked for
 * FLOW_LIFETIME_MS before it or earlier; at most STORE_FLOWS_PURGED_MAX of each. */
void store_write_purge_flows(struct store_write *write, int64_t now_ms);
/** Forget a connection that is pending, with its flows. CONFLICT where it is none, or not pending.
 */
void store_write_drop_pending(struct store_write *write, struct str connection);
/** Somebody read its access token at this time; never goes back. Its version stays as it is: a
 * record that was read before can still be put, and takes nothing of it away. */
void store_write_note_read(struct store_write *write, struct str connection, int64_t at_ms);
/** Remember that `id` of `source` was acted on. CONFLICT where that is remembered already. */
void store_write_put_seen(struct store_write *write, struct str source, struct str id,
                          int64_t until_ms);
/** Forget what was to be remembered until now_ms. */
void store_write_purge_seen(struct store_write *write, int64_t now_ms);

/* ---- reads ---- */

enum store_read_kind {
    STORE_READ_CONNECTIONS,      /* by ids[]: those that exist, in any order */
    STORE_READ_CONNECTION_OWNER, /* by connector and owner key */
    STORE_READ_CONNECTION_PAGE,  /* by filter, after cursor, in order of id; without sealed bytes */
    STORE_READ_DUE,              /* due[] up to until_ms after (after_due_ms, cursor); of one
                                    connector, where that is set */
    STORE_READ_OPEN_ATTEMPTS,    /* connections with an open attempt, after cursor */
    STORE_READ_CONNECTORS,       /* all, with all credentials */
    STORE_READ_COUNTS,           /* of one connector, or of all with connector empty */
    STORE_READ_EVENTS,       /* after `after`, filtered by types (blank-separated) and subject; and
                                of bounds the numbers, of the same moment */
    STORE_READ_EVENT_BOUNDS, /* bounds */
    STORE_READ_ALERTS,       /* connections in needs_reconnect with that event, after cursor */
    STORE_READ_AUDIT,        /* after `after`, by audit_filter */
    STORE_READ_META,         /* value of name */
    STORE_READ_REVOCATIONS,  /* due up to until_ms, the earliest first; of one connector, where that
                                is set */
    STORE_READ_TOKEN_USES,   /* after (after, cursor, after_uid), by audit_filter */
    STORE_READ_FLOW,         /* by its print, in name */
    STORE_READ_ACCOUNT, /* connections of an account, after cursor, in order of id, without sealed
                           bytes: by its id in subject, or else by its label in name */
    STORE_READ_SEEN,    /* value set where `subject` of the source `name` is remembered */
    STORE_READ_FLOW_BOUNDS, /* flow_bounds at the time until_ms, of_connection: of subject */
};

struct due_entry {
    struct str id;
    struct str connector;
    int64_t due_ms, expires_ms;
};

struct stored_event {
    int64_t seq;
    struct event_draft draft;
};

/** One row of STORE_READ_COUNTS: how many connections are alike in these. */
struct count_row {
    struct str connector;
    enum phase phase;
    enum reason dead_reason, advisory_reason;
    bool retrying;
    int64_t credential_version;
    int64_t count;
};

struct event_bounds {
    int64_t oldest, newest, published; /* 0: none yet */
    int64_t newest_wall_ms;
    int64_t oldest_unpublished_wall_ms; /* TIME_NONE: none waits */
};

struct flow_bounds {
    int64_t open, of_connection; /* whose time is not over */
    int64_t first_end_ms;        /* of any flow or pending connection; TIME_NONE: there is none */
};

/** What list-connections filters by; empty or negative: any. */
struct connection_filter {
    struct str connector;
    struct str owner_key; /* exact; empty: any */
    struct str app;       /* any connection of this app */
    int state;            /* enum connection_state, or -1 */
    int reason;           /* enum reason, or -1 */
    int64_t expiring_before_ms;
    bool has_verdict; /* only those with a verdict that settles or is held */
};

/** What list-audit filters by; empty or negative: any. */
struct audit_filter {
    struct str method, subject, outcome;
    int64_t uid;
};

struct store_read {
    struct completion completion;
    enum store_read_kind kind;
    struct arena arena; /* holds arguments and results */
    /* Arguments; texts must be copied into the arena. */
    struct str *ids;
    size_t id_count;
    struct str connector, owner_key, cursor, types, subject, name;
    struct connection_filter filter;
    struct audit_filter audit_filter;
    int64_t until_ms, after_due_ms, after, after_uid;
    size_t limit;
    size_t bytes_max; /* EVENTS, ALERTS: the event whose data brings their sum up to this is the
                         last; 0: no such bound */
    /* Results. */
    enum status status;
    struct error error;
    struct connection *connections;
    size_t connection_count;
    struct due_entry *due;
    size_t due_count;
    struct connector *connectors;
    size_t connector_count;
    struct credential *credentials;
    size_t credential_count;
    struct count_row *counts;
    size_t count_count;
    struct stored_event *events;
    size_t event_count;
    size_t event_bytes; /* of their data */
    struct audit_entry *audit;
    size_t audit_count;
    struct revocation *revocations;
    size_t revocation_count;
    struct token_use *token_uses;
    size_t token_use_count;
    struct event_bounds bounds;
    const struct flow *flow; /* FLOW: NULL where there is none */
    struct flow_bounds flow_bounds;
    struct str value; /* META, SEEN: STR_NONE where there is none */
    void *user;
};

/** EVENTS: neither limit nor bytes_max ended it, so that at its moment there were no more. */
bool store_read_is_last(const struct store_read *read);
struct store_read *store_read_new(enum store_read_kind kind);
void store_read_free(struct store_read *read);

/** How the store is, for `status`; counters since start. Safe to call on the loop's thread. */
struct store_health {
    bool writable;         /* the last commit worked */
    struct str last_error; /* borrowed until the next call */
    uint64_t commits, writes, reads, commit_us_total;
    size_t queued;
};

struct store_port {
    void *ctx;
    void (*write)(void *ctx, struct store_write *write);
    void (*read)(void *ctx, struct store_read *read);
    void (*health)(void *ctx, struct store_health *ret_health);
};

#endif
