/**
 * What every engine behind struct store_port has to do, written against the port alone. A second
 * engine is tested by the same rows:
 *
 *     static const struct store_backend backend = {.name = "postgresql", .create = …};
 *     int main(void) { return store_conformance_run(&backend); }
 */
#ifndef STORE_CONFORMANCE_H
#define STORE_CONFORMANCE_H

#include "store/harness.h"

/** Runs all of it, each test on a store of its own; how many failed. */
int store_conformance_run(const struct store_backend *backend);

/* cmocka setup and teardown: *state is a struct harness *, at setup the backend. */
int conformance_setup(void **state);
int conformance_teardown(void **state);

/* The parts. Each runs its own group. */
int conformance_connections_run(const struct store_backend *backend);
int conformance_groups_run(const struct store_backend *backend);
int conformance_events_run(const struct store_backend *backend);
int conformance_histories_run(const struct store_backend *backend);
int conformance_lists_run(const struct store_backend *backend);
int conformance_connectors_run(const struct store_backend *backend);
int conformance_revocations_run(const struct store_backend *backend);
int conformance_flows_run(const struct store_backend *backend);
int conformance_notice_run(const struct store_backend *backend);

/** One cmocka test on its own store. */
#define STORE_TEST(function, backend)                                                         \
    {                                                                                         \
        .name = #function, .test_func = (function), .setup_func = conformance_setup,          \
        .teardown_func = conformance_teardown, .initial_state = (void *)(uintptr_t)(backend), \
    }

#endif
