/* What the store costs, without the daemon and without its thread: a refresh as the daemon asks for
 * it (a read by id, an intent, an outcome with its event), in groups of several sizes, each of
 * which holds the outcomes of one batch, the intents of the next and the reads of the one after.
 * CPU includes the kernel's; frames are pages written to the log, which is where most of it goes.
 *
 *     bench_store DIRECTORY [CONNECTIONS] [REFRESHES] [GROUP]
 *
 * A store that is there already is used as it is. So a count of instructions, which does not depend
 * on the neighbours: once with 0 REFRESHES, then (GROUP: only that size)
 *
 *     valgrind --tool=callgrind --toggle-collect=sqlite_group_run \
 *         --toggle-collect=sqlite_engine_checkpoint bench_store DIRECTORY 0 6400 32
 */
#include "io/clock.h"
#include "io/store_sqlite_group.h"

#include "common/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    IMPORT_BATCH = 500,
    SEALED_ACCESS = 1250,
    SEALED_REFRESH = 560,
    EVENT_BYTES = 600,
    PUBLISHED_EVERY = 256, /* events: a batch for Redis */
    LIFETIME_MS = 3600000,
    SPREAD_MS = 180000, /* how far jitter carries due times apart */
};

struct bench {
    struct sqlite_engine engine;
    size_t connections;
    uint64_t random;
    int64_t now_ms;
    uint64_t frames;
    size_t unpublished;
    char access[SEALED_ACCESS], refresh[SEALED_REFRESH], event[EVENT_BYTES];
};

/* splitmix64: the same row of numbers each time. */
static uint64_t next_random(struct bench *bench)
{
    uint64_t x = bench->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void must(enum status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "bench_store: %s: %s\n", status_text(status), err->text);
    exit(1);
}

static void run_group(struct bench *bench, struct sqlite_request *requests, size_t count)
{
    int before = bench->engine.db.wal_frames;
    sqlite_group_run(&bench->engine, requests, count);
    bench->frames += (uint64_t)(bench->engine.db.wal_frames - before);
    sqlite_engine_checkpoint(&bench->engine, false);
}

static void run_write(struct bench *bench, struct store_write *write)
{
    struct sqlite_request request = {.write = write};
    run_group(bench, &request, 1);
    must(write->status, &write->error);
    store_write_free(write);
}

/* ---- the stock ---- */

static struct connection make_connection(struct bench *bench, char id[32])
{
    snprintf(id, 32, "c-%016llx", (unsigned long long)next_random(bench));
    return (struct connection){
        .id = str_c(id),
        .connector = STR("gcal"),
        .owner = {.app = STR("crm"), .user = str_c(id)},
        .account_id = STR("109348762345"),
        .account_label = STR("somebody@example.com"),
        .phase = PHASE_CONNECTED,
        .generation = 1,
        .sealed_access = {bench->access, sizeof(bench->access)},
        .sealed_refresh = {bench->refresh, sizeof(bench->refresh)},
        .refresh_print = STR("0123456789abcdef"),
        .token_type = STR("Bearer"),
        .lifetime_ms = LIFETIME_MS,
        .scopes_asked = STR("calendar.readonly openid"),
        .scopes_granted = STR("calendar.readonly openid"),
        .scopes_version = 1,
        .credential_version = 1,
        .expires_ms = LIFETIME_MS,
        .due_ms = 1 + (int64_t)(next_random(bench) % SPREAD_MS),
        .history_count = REFRESH_HISTORY_MAX,
    };
}

static void import_all(struct bench *bench)
{
    for (size_t at = 0; at < bench->connections;) {
        struct store_write *write = store_write_new(1);
        for (size_t n = 0; n < IMPORT_BATCH && at < bench->connections; n++, at++) {
            char id[32];
            struct connection c = make_connection(bench, id);
            store_write_put_connection(write, &c);
        }
        run_write(bench, write);
    }
}

static bool is_empty(struct bench *bench)
{
    struct store_read *counts = store_read_new(STORE_READ_COUNTS);
    struct sqlite_request request = {.read = counts};
    run_group(bench, &request, 1);
    must(counts->status, &counts->error);
    bool empty = counts->count_count == 0;
    store_read_free(counts);
    return empty;
}

/* ---- a refresh, in three steps ---- */

struct batch {
    struct store_read *due;
    struct store_read **reads;
};

static struct batch read_due(struct bench *bench, size_t count, const struct due_entry *after)
{
    struct batch batch = {.due = store_read_new(STORE_READ_DUE),
                          .reads = calloc(count, sizeof(struct store_read *))};
    ASSERT(batch.reads != NULL);
    struct store_read *due = batch.due;
    due->until_ms = INT64_MAX;
    due->limit = count;
    if (after != NULL) {
        due->after_due_ms = after->due_ms;
        due->cursor = arena_copy(&due->arena, after->id);
    }
    struct sqlite_request request = {.read = due};
    run_group(bench, &request, 1);
    must(due->status, &due->error);
    ASSERT(due->due_count == count);
    return batch;
}

static void free_batch(struct batch *batch, size_t count)
{
    for (size_t i = 0; batch->reads != NULL && i < count; i++)
        store_read_free(batch->reads[i]);
    free(batch->reads);
    store_read_free(batch->due);
}

static struct store_read *ask(struct str id)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->ids = arena_alloc(&read->arena, sizeof(*read->ids));
    read->ids[0] = arena_copy(&read->arena, id);
    read->id_count = 1;
    return read;
}

static struct store_write *intend(struct bench *bench, const struct connection *c)
{
    struct store_write *write = store_write_new(bench->now_ms);
    store_write_open_attempt(write, c->id, c->version, 7, c->refresh_print);
    return write;
}

static struct store_write *save(struct bench *bench, const struct connection *c)
{
    struct store_write *write = store_write_new(bench->now_ms);
    struct connection *next = arena_alloc(&write->arena, sizeof(*next));
    *next = *c;
    next->due_ms += LIFETIME_MS + (int64_t)(next_random(bench) % SPREAD_MS);
    next->expires_ms += LIFETIME_MS;
    next->issued_ms = next->last_success_ms = next->last_attempt_ms = bench->now_ms;
    connection_history_push(next, (struct history_entry){.started_ms = c->due_ms, .status = 200});
    store_write_lend_connection(write, next, c);
    store_write_close_attempt(write, c->id, 7);
    const struct event_draft event = {.type = STR("connection.refreshed"),
                                      .subject = c->id,
                                      .wall_ms = bench->now_ms,
                                      .data = {bench->event, sizeof(bench->event)}};
    store_write_append_event(write, &event, STAMP_NONE);
    return write;
}

static const struct connection *found(const struct batch *batch, size_t i)
{
    must(batch->reads[i]->status, &batch->reads[i]->error);
    return &batch->reads[i]->connections[0];
}

/** One group: `done` is saved, `ready` is opened, `next` is read. Either of the first may be empty.
 */
static void measure(struct bench *bench, const struct batch *done, const struct batch *ready,
                    const struct batch *next, size_t count)
{
    struct sqlite_request *requests = calloc(3 * count, sizeof(*requests));
    ASSERT(requests != NULL);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (done->reads != NULL)
            requests[used++].write = save(bench, found(done, i));
        if (ready->reads != NULL)
            requests[used++].write = intend(bench, found(ready, i));
        requests[used++].read = next->reads[i] = ask(next->due->due[i].id);
    }
    run_group(bench, requests, used);
    for (size_t i = 0; i < used; i++) {
        struct store_write *write = requests[i].write;
        if (write != NULL)
            must(write->status, &write->error);
        store_write_free(write);
    }
    free(requests);
}

static void publish(struct bench *bench, size_t count)
{
    bench->unpublished += count;
    if (bench->unpublished < PUBLISHED_EVERY)
        return;
    bench->unpublished = 0;
    struct store_write *write = store_write_new(bench->now_ms);
    store_write_set_published(write, INT64_MAX);
    run_write(bench, write);
}

static double cpu_us(void)
{
    struct timespec own;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    return 1e6 * (double)own.tv_sec + 1e-3 * (double)own.tv_nsec;
}

static void run_size(struct bench *bench, size_t group, size_t refreshes)
{
    struct batch done = {0}, ready = {0};
    size_t count = 0;
    uint64_t commits = bench->engine.commits;
    bench->frames = 0;
    double cpu = cpu_us();
    for (; count < refreshes; count += group) {
        bench->now_ms += 4;
        const struct due_entry *last = ready.due != NULL ? &ready.due->due[group - 1] : NULL;
        struct batch next = read_due(bench, group, last);
        measure(bench, &done, &ready, &next, group);
        publish(bench, group);
        free_batch(&done, group);
        done = ready;
        ready = next;
    }
    free_batch(&done, group);
    free_batch(&ready, group);
    printf("group %5zu: %6.1f us of CPU, %5.2f frames, %6.3f commits a refresh\n", group,
           (cpu_us() - cpu) / (double)count, (double)bench->frames / (double)count,
           (double)(bench->engine.commits - commits) / (double)count);
}

/* The last two batches of a run stay half done: their attempts are closed before the next. */
static void settle(struct bench *bench)
{
    struct store_read *read = store_read_new(STORE_READ_OPEN_ATTEMPTS);
    read->limit = STORE_READ_LIMIT_MAX;
    struct sqlite_request request = {.read = read};
    run_group(bench, &request, 1);
    must(read->status, &read->error);
    struct store_write *write = store_write_new(bench->now_ms);
    for (size_t i = 0; i < read->connection_count; i++)
        store_write_close_attempt(write, read->connections[i].id, 7);
    if (write->op_count > 0)
        run_write(bench, write);
    else
        store_write_free(write);
    store_read_free(read);
}

static void open_store(struct bench *bench, const char *directory)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/bench.db", directory);
    const struct store_sqlite_options options = {
        .path = path, .source = STR("refreshd/bench"), .monotonic_us = clock_monotonic_us};
    struct error err = {0};
    int exit_status;
    must(sqlite_engine_open(&bench->engine, &options, &err, &exit_status), &err);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_store DIRECTORY [CONNECTIONS] [REFRESHES] [GROUP]\n");
        return 64;
    }
    struct bench bench = {.connections = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000};
    size_t refreshes = argc > 3 ? strtoul(argv[3], NULL, 10) : 10000;
    size_t only = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    memset(bench.access, 'a', sizeof(bench.access));
    memset(bench.refresh, 'r', sizeof(bench.refresh));
    memset(bench.event, 'e', sizeof(bench.event));
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* as store_sqlite_open() does */
    open_store(&bench, argv[1]);
    if (is_empty(&bench))
        import_all(&bench);
    const size_t groups[] = {1, 4, 16, 32, 128};
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (only == 0 || only == groups[i]) {
            run_size(&bench, groups[i], groups[i] == 1 ? refreshes / 10 : refreshes);
            settle(&bench);
        }
    }
    sqlite_engine_close(&bench.engine);
    return 0;
}
