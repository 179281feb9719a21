/**
 * Tests against struct store_port without a loop: send a request, wait for the inbox, look at it.
 *
 *     struct harness h;
 *     harness_init(&h, &sqlite_backend);
 *     assert_int_equal(harness_write(&h, write), STATUS_OK);   // write is freed by the caller
 *     harness_deinit(&h);
 */
#ifndef STORE_HARNESS_H
#define STORE_HARNESS_H

#include "port/store.h"

#include <pthread.h>

/** One engine under test. A second engine is a second one of these: see conformance.h. */
struct store_backend {
    const char *name;
    /** An empty store; ctx is the backend's own. */
    void *(*create)(struct inbox *inbox, struct store_port *ret_port);
    /** Stop and open again what create() made, as a restart does. */
    void (*restart)(void *ctx, struct inbox *inbox, struct store_port *ret_port);
    void (*destroy)(void *ctx);
};

struct harness {
    const struct store_backend *backend;
    void *ctx;
    struct inbox *inbox;
    struct store_port port;
    pthread_mutex_t mutex;
    pthread_cond_t woken;
    unsigned wakes;
    unsigned resumed; /* completions taken so far */
};

void harness_init(struct harness *h, const struct store_backend *backend);
void harness_init_inbox(struct harness *h);
void harness_restart(struct harness *h);
void harness_deinit(struct harness *h);
void harness_deinit_inbox(struct harness *h);

/** Send without waiting; harness_wait() later. */
void harness_send_write(struct harness *h, struct store_write *write);
void harness_send_read(struct harness *h, struct store_read *read);
/** Take completions until that many have come. */
void harness_wait(struct harness *h, unsigned count);

/** Send and wait. */
enum status harness_write(struct harness *h, struct store_write *write);
enum status harness_read(struct harness *h, struct store_read *read);

/* ---- records to begin with ---- */

enum { T0 = 1000000 };

/** A connected app_user connection, due at T0 + 60000; texts are literals. */
struct connection sample_connection(const char *id);
struct connector sample_connector(const char *id);
struct event_draft sample_event(const char *type, const char *subject);

/** One write with one operation, sent and freed; its status. */
enum status put_connection(struct harness *h, const struct connection *connection);
enum status put_connector(struct harness *h, const struct connector *connector);
/** The connection as it is stored; the read is the caller's. */
struct store_read *get_connection(struct harness *h, const char *id);
/** Append one event; its number. */
int64_t append_event(struct harness *h, const struct event_draft *event, enum event_stamp stamp);
struct event_bounds get_bounds(struct harness *h);

#endif
