/**
 * Which connection is next. The store's index on the due time is the schedule; memory holds a
 * window of it, as tasks. A task is the one plan of its connection: upcoming (its time has not
 * come), ready (in its connector's lane), or running (a job has it).
 *
 *     window   the next due entries, in order, up to a frontier; a connection whose new due time
 *              lies within the frontier goes straight into it
 *     lane     one connector's ready tasks, earliest end of the access token first, started as its
 *              limits allow; a lane that is closed (blocked, Retry-After) or full lets its tasks go
 *              and remembers from which due time on to read them again
 *
 * So waking up costs the same however many connections there are, and nothing is parked in memory.
 */
#ifndef ENGINE_SCHEDULE_H
#define ENGINE_SCHEDULE_H

#include "engine/catalog.h"

enum task_place {
    TASK_NOWHERE,
    TASK_UPCOMING,
    TASK_READY,
    TASK_RUNNING,
    TASK_RESTING, /* a verdict on its grant settles; who waits for it waits on */
};

struct task {
    char *id; /* connection */
    uint32_t id_hash;
    struct task *next_by_id;
    struct catalog_entry *entry;
    struct heap_node node;
    enum task_place place;
    int64_t due_ms;        /* when it is looked at */
    int64_t stored_due_ms; /* as the store's index has it: where a read would find it again */
    int64_t expires_ms;
    bool forced;      /* somebody asks for it: the due time does not matter */
    bool insisted;    /* `refresh --force`: though the grant was refused for good */
    bool is_probe;    /* goes although its connector's credentials are refused */
    bool recovers;    /* its attempt was open at start: it goes first */
    bool rested;      /* the verdict has settled in memory */
    bool turned_away; /* its provider does not answer: nothing is sent, who waits is told */
    /* While its job runs, others write the record. A write that was begun: what the job has read
     * may be over before it is told so. A write that is done: what was saved, for when the job
     * ends. */
    bool overtaken;
    bool noted;
    int64_t noted_version, noted_due_ms, noted_expires_ms;
    struct job *job;
    struct job_waiter *waiters; /* told when the job is over */
};

/** The task of a connection, or NULL: it is not in memory. */
struct task *schedule_find(const struct engine *engine, struct str connection);
/** The task of a connection, made if need be; NULL: too many are in memory. One that still runs for
 * an unregistered connector of old is given as it is: it sends nothing, and its job ends soon. */
struct task *schedule_task(struct engine *engine, struct str connection,
                           struct catalog_entry *entry);
/** Put it where its due time says, after its record was saved. Frees it where it is not near. */
void schedule_settle(struct engine *engine, struct task *task, int64_t due_ms, int64_t expires_ms,
                     struct now now);
/** Look at it at that time whatever its connector's lane says: a verdict has settled by then. */
void schedule_rest(struct engine *engine, struct task *task, int64_t at_ms);
/** Look at it again at this time though the store has it due as before: its job got nowhere. */
void schedule_hold(struct engine *engine, struct task *task, int64_t at_ms);
/** Its job is over. @connection the record as the job knows it last; NULL: it is gone
 * @hold_until_ms look at it again then (schedule_hold); TIME_NONE: where its due time says
 * A newer record that was noted meanwhile has its way in either case. Frees it as settling does. */
void schedule_release(struct engine *engine, struct task *task, const struct connection *connection,
                      int64_t hold_until_ms, struct now now);
/** A write of this record that is not the job's own is about to be submitted. */
void schedule_overtake(struct engine *engine, struct str connection);
/** A record was saved whose due time may be near: make a task of it, if it has none. */
void schedule_note(struct engine *engine, const struct connection *connection, struct now now);
/** Make it ready now, ahead of all due times. */
void schedule_force(struct engine *engine, struct task *task, struct now now);
/** A connector opens again: read what its lane let go. */
void schedule_reopen(struct catalog_entry *entry);
/** A connector is gone: its plans are dropped, those who wait for its connections are told. */
void schedule_forget(struct engine *engine, struct catalog_entry *entry, struct now now);
/** No further request is sent: those who wait for one are told. */
void schedule_drain(struct engine *engine, struct now now);

/** Take a task out of window and lane, for a job that is started by hand. */
void schedule_detach(struct engine *engine, struct task *task);

/** Move what is due into the lanes, start what they allow, read on. */
void schedule_turn(struct engine *engine, struct now now);
int64_t schedule_next_ms(const struct engine *engine);
void schedule_free(struct engine *engine);
/** How long the most overdue startable task has waited; 0: none. */
int64_t schedule_overdue_ms(const struct engine *engine, struct now now);

#endif
