/* The fake store stands in for the real ones: it passes the suite that they pass. */
#include "store/conformance.h"
#include "support/fake_store_state.h"

#include "common/memory.h"

#include <stdlib.h>

struct backend {
    struct fake_clock clock;
    struct fake_store *store;
    struct store_port port;
};

static void fire_all(struct backend *backend)
{
    while (fake_clock_next_ms(&backend->clock) != INT64_MAX)
        fake_clock_fire(&backend->clock);
}

static void on_write(void *ctx, struct store_write *write)
{
    struct backend *backend = ctx;
    backend->port.write(backend->port.ctx, write);
    fire_all(backend);
}

static void on_read(void *ctx, struct store_read *read)
{
    struct backend *backend = ctx;
    backend->port.read(backend->port.ctx, read);
    fire_all(backend);
}

static void on_health(void *ctx, struct store_health *ret_health)
{
    struct backend *backend = ctx;
    backend->port.health(backend->port.ctx, ret_health);
}

static void fill_port(struct backend *backend, struct store_port *ret_port)
{
    *ret_port = (struct store_port){
        .ctx = backend, .write = on_write, .read = on_read, .health = on_health};
}

static void *create(struct inbox *inbox, struct store_port *ret_port)
{
    struct backend *backend = memory_new(sizeof(*backend));
    fake_clock_init(&backend->clock);
    backend->store = fake_store_new(&backend->clock, inbox);
    backend->port = fake_store_port(backend->store);
    fill_port(backend, ret_port);
    /* What a real one is made with. */
    struct store_write *write = store_write_new(0);
    store_write_put_meta(write, STR(STORE_META_SOURCE), STR("refreshd/test"));
    write->status = fake_store_apply(backend->store, write);
    store_write_free(write);
    return backend;
}

/* What it holds outlives whoever uses it. */
static void restart(void *ctx, struct inbox *inbox, struct store_port *ret_port)
{
    (void)inbox;
    fill_port(ctx, ret_port);
}

static void destroy(void *ctx)
{
    struct backend *backend = ctx;
    fake_store_free(backend->store);
    fake_clock_deinit(&backend->clock);
    free(backend);
}

int main(void)
{
    static const struct store_backend backend = {
        .name = "fake", .create = create, .restart = restart, .destroy = destroy};
    return store_conformance_run(&backend);
}
