/**
 * One client of the control socket: bytes in → calls → bytes out. No sockets and no clock here, so
 * the whole of it can be fuzzed and simulated.
 *
 *     struct session *session = session_new(control, &peer, output, now);
 *     session_feed(session, bytes, now);      // answers go to output->write, in any order
 *     session_half_close(session, now);       // the client has said all; answers still come
 *     session_free(session);                  // the client is gone; calls under way are let go
 */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

#include "common/log.h"
#include "engine/api.h"

enum {
    CONTROL_CLIENTS_MAX = 256,
    CONTROL_REQUESTS_IN_FLIGHT_MAX = 64, /* of one client */
    CONTROL_LINE_TIMEOUT_MS = 10 * 1000, /* a line that has begun is whole by then */
    CONTROL_BACKLOG_MAX = 8 * 1024 * 1024,
    CONTROL_BATCH_MAX = 64,
    CONTROL_ID_BYTES_MAX = 1024,           /* a request's id, as it is written back */
    CONTROL_WATCH_ROOM = 32,               /* events asked of the engine at a time */
    CONTROL_WATCH_BACKLOG_MAX = 64 * 1024, /* more waits to be read: events wait too */
};

struct control;
struct json;
struct session;

/** Who may do what: [access], resolved to numbers by whoever reads the configuration. Root and the
 * daemon's own user have all roles. */
struct access_list {
    int64_t *uids;
    size_t uid_count;
    int64_t *gids;
    size_t gid_count;
};
struct access_rules {
    int64_t own_uid;
    struct access_list admin, platform, operator_;
};

/** The peer, from SO_PEERCRED and SO_PEERGROUPS. */
struct session_peer {
    int64_t uid, gid, pid;
    const int64_t *groups; /* borrowed for the call */
    size_t group_count;
};

/** What control needs from outside; of the daemon's own files (daemon/reload.c). */
struct control_hooks {
    void *ctx;
    const struct log *log; /* borrowed; may be NULL. Refusals are told there, never parameters */
    /**
     * Re-read configuration and profiles. On failure *ret_error is filled and all stays as it was.
     * @fixed  an array: gets the keys that differ and are read at start only, "[redis] url"
     */
    enum status (*reload)(void *ctx, struct json *fixed, struct error *ret_error);
};

/**
 * Where answers go. Bytes may be tokens: whoever keeps them wipes them. After a write, when the
 * kernel has taken the bytes, session_drained() is due on a later turn. finish() may free the
 * session before it returns, and so may write(): the session then ends itself on its way out.
 */
struct session_output {
    void *ctx;
    /** Take bytes for the client. */
    void (*write)(void *ctx, struct str bytes);
    /** Write out what there is, then close: the session has said its last word. */
    void (*finish)(void *ctx);
    /** Bytes written and not yet taken by the kernel. */
    size_t (*backlog)(void *ctx);
};

struct control *control_new(struct engine *engine, const struct access_rules *rules,
                            struct control_hooks hooks);
/** After the last session_free(). Calls that the engine has not answered yet may still be. */
void control_free(struct control *control);
/** After a reload. Sessions keep the rights they had when they connected. */
void control_set_access(struct control *control, const struct access_rules *rules);
/** Stop taking requests: every line fully read is still answered, then sessions finish. */
void control_drain(struct control *control, struct now now);
/** Calls and watchers under way, over all sessions. */
size_t control_calls_in_flight(const struct control *control);

/** Of enum rpc_role, never RPC_ROLE_ANYONE; 0: only what everybody may. */
unsigned access_roles(const struct access_rules *rules, const struct session_peer *peer);

struct session *session_new(struct control *control, const struct session_peer *peer,
                            struct session_output output, struct now now);
void session_free(struct session *session);
/** Bytes behind the session's last word are dropped. */
void session_feed(struct session *session, struct str bytes, struct now now);
/** No byte comes any more. What stands without a newline at the end is taken as a line. */
void session_half_close(struct session *session, struct now now);
/** The kernel took bytes: backlog is smaller now; watchers go on. */
void session_drained(struct session *session, struct now now);
/** When it must be called next (a line has begun), or TIME_NONE. */
int64_t session_deadline_ms(const struct session *session);
void session_tick(struct session *session, struct now now);

#endif
