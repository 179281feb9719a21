#include "store/conformance.h"

#include "common/memory.h"

#include <stdlib.h>

int conformance_setup(void **state)
{
    const struct store_backend *backend = *state;
    struct harness *h = memory_new(sizeof(*h));
    harness_init(h, backend);
    *state = h;
    return 0;
}

int conformance_teardown(void **state)
{
    struct harness *h = *state;
    harness_deinit(h);
    free(h);
    return 0;
}

int store_conformance_run(const struct store_backend *backend)
{
    return conformance_connections_run(backend) + conformance_groups_run(backend) +
           conformance_events_run(backend) + conformance_histories_run(backend) +
           conformance_lists_run(backend) + conformance_connectors_run(backend) +
           conformance_revocations_run(backend) + conformance_flows_run(backend) +
           conformance_notice_run(backend);
}
