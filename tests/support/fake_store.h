/**
 * The store in memory, by the contract of daemon/port/store.h: what it holds outlives the engine,
 * as a disk outlives a process. Requests are carried out one after the other, in their order, each
 * after its latency, and complete through the inbox.
 *
 *     fake_store_fail(store, (struct fake_store_fault){.when = FAKE_STORE_SAVES,
 *                                                      .fate = FAKE_WRITE_UNCERTAIN_DONE,
 *                                                      .count = 1});
 */
#ifndef SUPPORT_FAKE_STORE_H
#define SUPPORT_FAKE_STORE_H

#include "port/store.h"
#include "support/fake_clock.h"

struct fake_store;

enum fake_write_fate {
    FAKE_WRITE_DONE,
    FAKE_WRITE_CONFLICT,
    FAKE_WRITE_UNAVAILABLE,
    FAKE_WRITE_UNCERTAIN_DONE,
    FAKE_WRITE_UNCERTAIN_NOT_DONE,
    FAKE_WRITE_CRASH_BEFORE, /* the process dies, nothing is written */
    FAKE_WRITE_CRASH_AFTER,  /* it is written, the process dies before it knows */
};

/** Which writes a fault is about. */
enum fake_store_when {
    FAKE_STORE_ANY,
    FAKE_STORE_INTENTS,    /* those that open an attempt */
    FAKE_STORE_SAVES,      /* those that close one */
    FAKE_STORE_CONNECTORS, /* those that put a connector */
    FAKE_STORE_IMPORTS,    /* those that put a connection and touch no attempt */
    FAKE_STORE_PUBLISHED,  /* those that note what has reached Redis */
    FAKE_STORE_META,       /* those that put a value by name */
};

struct fake_store_fault {
    enum fake_store_when when;
    enum fake_write_fate fate;
    int count; /* of the next such writes; -1: until cleared */
    int skip;  /* of them pass first */
};

/** Chances in a million, for the simulation. */
struct fake_store_odds {
    struct fake_random *random; /* NULL: all goes well */
    int64_t conflict, unavailable, uncertain_done, uncertain_not_done, crash_before, crash_after;
    int64_t read_unavailable;
};

struct fake_store *fake_store_new(struct fake_clock *clock, struct inbox *inbox);
void fake_store_free(struct fake_store *store);
struct store_port fake_store_port(struct fake_store *store);
void fake_store_set_latency(struct fake_store *store, int64_t latency_ms);
void fake_store_fail(struct fake_store *store, struct fake_store_fault fault);
void fake_store_fail_reads(struct fake_store *store, int count);
void fake_store_clear_faults(struct fake_store *store);
void fake_store_set_odds(struct fake_store *store, struct fake_store_odds odds);
/** Called when a write's fate is a crash; and before and after each write that is carried out. */
struct fake_store_hooks {
    void *ctx;
    void (*crash)(void *ctx);
    void (*wrote)(void *ctx, const struct store_write *write);
};
void fake_store_set_hooks(struct fake_store *store, struct fake_store_hooks hooks);

/** The process is gone: what was asked for and not begun never happens. The requests themselves
 * complete as those of a store that has nothing (reads are empty, writes succeed and do nothing),
 * so that the engine that asked can be taken apart; so do all that it sends from here on, until
 * fake_store_reopen(). */
void fake_store_cut(struct fake_store *store);
void fake_store_reopen(struct fake_store *store);

/* ---- what stands in it, for tests ---- */

/** Borrowed until the next write; NULL: none. */
const struct connection *fake_store_connection(const struct fake_store *store, struct str id);
const struct connector *fake_store_connector(const struct fake_store *store, struct str id);
/** In order of id; @after NULL for the first. NULL at the end. */
const struct connection *fake_store_next(const struct fake_store *store,
                                         const struct connection *after);
/** The connection's open attempt names this token; STR_NONE: no attempt is open. */
struct str fake_store_attempt_print(const struct fake_store *store, struct str id);
size_t fake_store_event_count(const struct fake_store *store);
const struct stored_event *fake_store_event(const struct fake_store *store, size_t index);
int64_t fake_store_published(const struct fake_store *store);
int64_t fake_store_last(const struct fake_store *store);
size_t fake_store_rescued(const struct fake_store *store, struct str connection);
/** By its print; NULL: none. */
const struct flow *fake_store_flow(const struct fake_store *store, struct str print);
size_t fake_store_flow_count(const struct fake_store *store);
/** NULL: there is none. */
const struct credential *fake_store_credential(const struct fake_store *store, struct str connector,
                                               int64_t version);
size_t fake_store_revocation_count(const struct fake_store *store);
const struct audit_entry *fake_store_audit(const struct fake_store *store, size_t index);
size_t fake_store_audit_count(const struct fake_store *store);
size_t fake_store_connection_count(const struct fake_store *store);
/** Put a row there by hand, as an earlier life of the daemon left it. */
void fake_store_seed(struct fake_store *store, const struct connection *connection);
/** So many events more, each as this one: a backlog, made at once. */
void fake_store_add_events(struct fake_store *store, const struct event_draft *draft, size_t count);
/** Requests that wait. */
size_t fake_store_queued(const struct fake_store *store);

#endif
