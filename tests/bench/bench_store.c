/* What the store costs: refreshes per second and CPU of its thread per refresh (a read by id, an
 * intent, an outcome), over groups of several sizes.
 *
 *     bench_store DIRECTORY [CONNECTIONS] [REFRESHES]
 */
#include "io/clock.h"
#include "io/store_sqlite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { IMPORT_BATCH = 500, SEALED_ACCESS = 1250, SEALED_REFRESH = 560 };

struct bench {
    struct inbox *inbox;
    struct store_port port;
    pthread_mutex_t mutex;
    pthread_cond_t woken;
    bool is_woken;
    size_t connections;
    char access[SEALED_ACCESS], refresh[SEALED_REFRESH];
};

static void wake(void *ctx)
{
    struct bench *bench = ctx;
    pthread_mutex_lock(&bench->mutex);
    bench->is_woken = true;
    pthread_cond_signal(&bench->woken);
    pthread_mutex_unlock(&bench->mutex);
}

static void nothing(struct completion *self, struct now now)
{
    (void)self;
    (void)now;
}

static void wait_for(struct bench *bench, size_t count)
{
    while (count > 0) {
        if (inbox_take(bench->inbox) != NULL) {
            count--;
            continue;
        }
        pthread_mutex_lock(&bench->mutex);
        while (!bench->is_woken)
            pthread_cond_wait(&bench->woken, &bench->mutex);
        bench->is_woken = false;
        pthread_mutex_unlock(&bench->mutex);
    }
}

static void must(enum status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "bench_store: %s: %s\n", status_text(status), err->text);
    exit(1);
}

static struct connection connection_at(struct bench *bench, size_t i, char id[32])
{
    snprintf(id, 32, "c-%08zx", (size_t)(i * 2654435761u & 0xffffffffu));
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
        .lifetime_ms = 3600000,
        .scopes_asked = STR("calendar.readonly openid"),
        .scopes_granted = STR("calendar.readonly openid"),
        .scopes_version = 1,
        .credential_version = 1,
        .expires_ms = 3600000 + (int64_t)i,
        .due_ms = 1000 + (int64_t)i,
        .history_count = 1,
    };
}

static void import_all(struct bench *bench)
{
    for (size_t at = 0; at < bench->connections;) {
        struct store_write *write = store_write_new(1);
        for (size_t n = 0; n < IMPORT_BATCH && at < bench->connections; n++, at++) {
            char id[32];
            struct connection c = connection_at(bench, at, id);
            store_write_put_connection(write, &c);
        }
        write->completion.resume = nothing;
        bench->port.write(bench->port.ctx, write);
        wait_for(bench, 1);
        must(write->status, &write->error);
        store_write_free(write);
    }
}

/** What one refresh asks of the store, for a whole group at a time. */
struct round {
    struct store_read **reads;
    struct store_write **writes;
    struct store_read *due;
};

static void read_window(struct bench *bench, struct round *round, size_t group)
{
    round->due = store_read_new(STORE_READ_DUE);
    round->due->until_ms = INT64_MAX;
    round->due->limit = group;
    round->due->completion.resume = nothing;
    bench->port.read(bench->port.ctx, round->due);
    wait_for(bench, 1);
    must(round->due->status, &round->due->error);
}

static void read_rows(struct bench *bench, struct round *round, size_t group)
{
    for (size_t i = 0; i < group; i++) {
        struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
        read->ids = arena_alloc(&read->arena, sizeof(*read->ids));
        read->ids[0] = arena_copy(&read->arena, round->due->due[i].id);
        read->id_count = 1;
        read->completion.resume = nothing;
        round->reads[i] = read;
        bench->port.read(bench->port.ctx, read);
    }
    wait_for(bench, group);
}

static void write_rows(struct bench *bench, struct round *round, size_t group,
                       void (*fill)(struct store_write *write, const struct connection *c))
{
    for (size_t i = 0; i < group; i++) {
        struct store_read *read = round->reads[i];
        must(read->status, &read->error);
        struct store_write *write = store_write_new(1);
        fill(write, &read->connections[0]);
        write->completion.resume = nothing;
        round->writes[i] = write;
        bench->port.write(bench->port.ctx, write);
    }
    wait_for(bench, group);
    for (size_t i = 0; i < group; i++) {
        must(round->writes[i]->status, &round->writes[i]->error);
        store_write_free(round->writes[i]);
    }
}

static void fill_intent(struct store_write *write, const struct connection *c)
{
    store_write_open_attempt(write, c->id, c->version, 7, c->refresh_print);
}

static void fill_outcome(struct store_write *write, const struct connection *c)
{
    struct connection next = *c;
    next.due_ms += 100000000 + (int64_t)((c->id.len * 7919) % 360000);
    next.expires_ms += 3600000;
    connection_history_push(&next, (struct history_entry){.started_ms = c->due_ms, .status = 200});
    store_write_put_connection(write, &next);
    store_write_close_attempt(write, c->id, 7);
}

static double thread_cpu_us(void)
{
    struct rusage all;
    struct timespec own;
    getrusage(RUSAGE_SELF, &all);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
    double process = 1e6 * (double)(all.ru_utime.tv_sec + all.ru_stime.tv_sec) +
                     (double)(all.ru_utime.tv_usec + all.ru_stime.tv_usec);
    return process - (1e6 * (double)own.tv_sec + 1e-3 * (double)own.tv_nsec);
}

static void run(struct bench *bench, size_t group, size_t refreshes)
{
    struct round round = {
        .reads = calloc(group, sizeof(struct store_read *)),
        .writes = calloc(group, sizeof(struct store_write *)),
    };
    double cpu = thread_cpu_us();
    int64_t start = clock_monotonic_us();
    size_t done = 0;
    for (; done < refreshes; done += group) {
        read_window(bench, &round, group);
        read_rows(bench, &round, group);
        write_rows(bench, &round, group, fill_intent);
        write_rows(bench, &round, group, fill_outcome);
        for (size_t i = 0; i < group; i++)
            store_read_free(round.reads[i]);
        store_read_free(round.due);
    }
    double seconds = (double)(clock_monotonic_us() - start) / 1e6;
    printf("group %5zu: %8.0f refreshes/s, %6.1f us of store CPU each\n", group,
           (double)done / seconds, (thread_cpu_us() - cpu) / (double)done);
    free(round.reads);
    free(round.writes);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_store DIRECTORY [CONNECTIONS] [REFRESHES]\n");
        return 64;
    }
    struct bench bench = {.connections = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000};
    size_t refreshes = argc > 3 ? strtoul(argv[3], NULL, 10) : 10000;
    memset(bench.access, 'a', sizeof(bench.access));
    memset(bench.refresh, 'r', sizeof(bench.refresh));
    pthread_mutex_init(&bench.mutex, NULL);
    pthread_cond_init(&bench.woken, NULL);
    bench.inbox = inbox_new(wake, &bench);
    char path[4096];
    snprintf(path, sizeof(path), "%s/bench.db", argv[1]);
    struct store_sqlite_options options = {.path = path,
                                           .inbox = bench.inbox,
                                           .source = STR("refreshd/bench"),
                                           .monotonic_us = clock_monotonic_us};
    struct store_sqlite *store = NULL;
    struct error err;
    int exit_status;
    if (store_sqlite_open(&options, &bench.port, &store, &err, &exit_status) != STATUS_OK) {
        fprintf(stderr, "bench_store: %s\n", err.text);
        return exit_status;
    }
    import_all(&bench);
    const size_t groups[] = {1, 8, 32, 128, 512};
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        run(&bench, groups[i], groups[i] == 1 ? refreshes / 10 : refreshes);
    store_sqlite_close(store);
    inbox_free(bench.inbox);
    return 0;
}
