/**
 * The plan of one connection, as long as it is in memory. Where it waits is the window's
 * (upcoming), its lane's (ready) or the schedule's (resting); while it runs, its job's.
 *
 *     struct task *task = task_get(engine, connection->id, entry);   // made if need be
 *     task_detach(engine, task);                                    // wherever it waits
 */
#ifndef ENGINE_TASK_H
#define ENGINE_TASK_H

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
struct task *task_find(const struct engine *engine, struct str connection);
/** The task of a connection, made if need be; NULL: too many are in memory. One that still runs for
 * an unregistered connector of old is given as it is: it sends nothing, and its job ends soon. */
struct task *task_get(struct engine *engine, struct str connection, struct catalog_entry *entry);
/** Of a node in one of the heaps. */
struct task *task_of(struct heap_node *node);
/** Take it out of where it waits. */
void task_detach(struct engine *engine, struct task *task);
/** Of one that no job has and nobody waits for. */
void task_free(struct engine *engine, struct task *task);

#endif
