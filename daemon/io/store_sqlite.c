#include "io/store_sqlite.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/store_sqlite_group.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A group with this many writes means load: the next is waited for this long, unless so many
 * requests wait already. Much less than a refresh takes, or a person notices. */
enum { GATHER_AFTER_WRITES = 4, GATHER_US = 200, GATHER_ENOUGH = 64 };

/* Who has not asked for so long leaves time to copy the log that a load has left. */
enum { QUIET_S = 1 };

struct queue {
    struct sqlite_request *requests;
    size_t count, capacity;
    size_t writes;
};

struct store_sqlite {
    struct sqlite_engine engine; /* the thread's alone, once it runs */
    struct inbox *inbox;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t is_wanted;
    struct queue waiting;
    size_t in_work;
    bool is_idle, is_stopping;
    struct store_health health;
    char last_error[ERROR_TEXT_MAX];

    char shown_error[ERROR_TEXT_MAX]; /* the loop's: what health() lent out */
};

static void lock(struct store_sqlite *store)
{
    int result = pthread_mutex_lock(&store->mutex);
    ASSERT(result == 0);
}

static void unlock(struct store_sqlite *store)
{
    int result = pthread_mutex_unlock(&store->mutex);
    ASSERT(result == 0);
}

/* ---- the thread ---- */

/** More is about to come, even where nothing waits while the loop looks at the last answers. */
static bool is_load(const struct queue *taken)
{
    return taken->writes >= GATHER_AFTER_WRITES;
}

/** Called and returns with the lock held. Who waits here shares an fsync with who comes meanwhile.
 */
static void linger(struct store_sqlite *store)
{
    const struct timespec while_more_come = {.tv_nsec = GATHER_US * 1000};
    unlock(store);
    (void)nanosleep(&while_more_come, NULL);
    lock(store);
}

/** Called and returns with the lock held. False: nobody has asked for a while. */
static bool wait_a_while(struct store_sqlite *store)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += QUIET_S;
    int result = pthread_cond_timedwait(&store->is_wanted, &store->mutex, &until);
    ASSERT(result == 0 || result == ETIMEDOUT);
    return result == 0;
}

/** Called and returns with the lock held. */
static void use_the_quiet(struct store_sqlite *store)
{
    unlock(store);
    sqlite_engine_checkpoint(&store->engine, true);
    lock(store);
}

/** Called and returns with the lock held. */
static void wait_for_requests(struct store_sqlite *store)
{
    bool may_tidy = sqlite_engine_wants_checkpoint(&store->engine, true);
    store->is_idle = true;
    while (store->waiting.count == 0 && !store->is_stopping) {
        if (may_tidy && !wait_a_while(store)) {
            use_the_quiet(store);
            may_tidy = false;
        } else if (!may_tidy) {
            int result = pthread_cond_wait(&store->is_wanted, &store->mutex);
            ASSERT(result == 0);
        }
    }
    store->is_idle = false;
}

/** Take all that waits; false at the end. Reads among which is no write are never kept waiting:
 * they have nothing to share. */
static bool gather(struct store_sqlite *store, struct queue *ret_taken)
{
    bool had_load = is_load(ret_taken);
    lock(store);
    wait_for_requests(store);
    if (had_load && store->waiting.writes > 0 && store->waiting.count < GATHER_ENOUGH &&
        !store->is_stopping)
        linger(store);
    struct queue taken = store->waiting;
    store->waiting = *ret_taken; /* its memory is used again */
    store->waiting.count = store->waiting.writes = 0;
    store->in_work = taken.count;
    *ret_taken = taken;
    unlock(store);
    return taken.count > 0;
}

static void publish_health(struct store_sqlite *store, size_t done, bool *ret_is_idle)
{
    const struct sqlite_engine *engine = &store->engine;
    lock(store);
    store->in_work -= done;
    store->health = (struct store_health){
        .writable = engine->writable && !engine->is_full,
        .commits = engine->commits,
        .writes = engine->writes,
        .reads = engine->reads,
        .commit_us_total = engine->commit_us_total,
    };
    memcpy(store->last_error, engine->last_error.text, sizeof(store->last_error));
    *ret_is_idle = store->waiting.count == 0 && store->in_work == 0;
    unlock(store);
}

static struct completion *completion_of(const struct sqlite_request *request)
{
    return request->write != NULL ? &request->write->completion : &request->read->completion;
}

/** Answer in the order of asking. */
static void post(struct store_sqlite *store, const struct sqlite_request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        completion_of(&requests[i])->next = i + 1 < count ? completion_of(&requests[i + 1]) : NULL;
    inbox_put_chain(store->inbox, completion_of(&requests[0]));
}

static void *run(void *arg)
{
    struct store_sqlite *store = arg;
    struct queue taken = {0};
    while (gather(store, &taken)) {
        for (size_t at = 0; at < taken.count;) {
            size_t count = MIN_OF(taken.count - at, (size_t)SQLITE_GROUP_MAX);
            struct sqlite_request *requests = taken.requests + at;
            bool is_idle;
            sqlite_group_run(&store->engine, requests, count);
            publish_health(store, count, &is_idle);
            post(store, requests, count);
            sqlite_engine_checkpoint(&store->engine, is_idle && !is_load(&taken));
            at += count;
        }
    }
    free(taken.requests);
    return NULL;
}

/* ---- the port: called on the loop ---- */

static bool enqueue(struct store_sqlite *store, struct sqlite_request request)
{
    lock(store);
    struct queue *queue = &store->waiting;
    ASSERT(!store->is_stopping);
    bool has_room = queue->count < STORE_QUEUE_MAX;
    if (has_room && queue->count == queue->capacity) {
        queue->capacity = MAX_OF(queue->capacity * 2, (size_t)64);
        queue->requests =
            memory_grow(queue->requests, queue->capacity * sizeof(queue->requests[0]));
    }
    if (has_room) {
        queue->requests[queue->count++] = request;
        queue->writes += request.write != NULL ? 1 : 0;
    }
    bool wake = has_room && store->is_idle;
    unlock(store);
    if (wake)
        pthread_cond_signal(&store->is_wanted);
    return has_room;
}

static void port_write(void *ctx, struct store_write *write)
{
    struct store_sqlite *store = ctx;
    ASSERT(write->completion.resume != NULL);
    if (enqueue(store, (struct sqlite_request){.write = write}))
        return;
    write->status = error_set(&write->error, STATUS_UNAVAILABLE, "the store's queue is full");
    inbox_put(store->inbox, &write->completion);
}

static void port_read(void *ctx, struct store_read *read)
{
    struct store_sqlite *store = ctx;
    ASSERT(read->completion.resume != NULL);
    if (enqueue(store, (struct sqlite_request){.read = read}))
        return;
    read->status = error_set(&read->error, STATUS_UNAVAILABLE, "the store's queue is full");
    inbox_put(store->inbox, &read->completion);
}

static void port_health(void *ctx, struct store_health *ret_health)
{
    struct store_sqlite *store = ctx;
    lock(store);
    *ret_health = store->health;
    ret_health->queued = store->waiting.count + store->in_work;
    memcpy(store->shown_error, store->last_error, sizeof(store->shown_error));
    unlock(store);
    ret_health->last_error = str_c(store->shown_error);
}

/* ---- beginning and end ---- */

/** Signals are the loop's: the thread takes none. */
static void start_thread(struct store_sqlite *store)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&store->thread, NULL, run, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ASSERT(result == 0);
    (void)pthread_setname_np(store->thread, "refreshd-store");
    /* Woken by a request, it lets the loop's thread go on where both share a core: what that still
     * has to ask for comes into the same group. */
    (void)pthread_setschedparam(store->thread, SCHED_BATCH, &(struct sched_param){0});
}

enum status store_sqlite_open(const struct store_sqlite_options *options,
                              struct store_port *ret_port, struct store_sqlite **out,
                              struct error *err, int *ret_exit_status)
{
    ASSERT(options->path != NULL && options->inbox != NULL && *out == NULL);
    /* Its memory statistics cost a lock around each allocation. Refused where SQLite is in use
     * already, which does no harm. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct store_sqlite *store = memory_new(sizeof(*store));
    enum status status = sqlite_engine_open(&store->engine, options, err, ret_exit_status);
    if (status != STATUS_OK) {
        free(store);
        return status;
    }
    store->inbox = options->inbox;
    int result = pthread_mutex_init(&store->mutex, NULL);
    pthread_condattr_t by_monotonic;
    result |= pthread_condattr_init(&by_monotonic);
    result |= pthread_condattr_setclock(&by_monotonic, CLOCK_MONOTONIC);
    result |= pthread_cond_init(&store->is_wanted, &by_monotonic);
    pthread_condattr_destroy(&by_monotonic);
    ASSERT(result == 0);
    bool is_idle;
    publish_health(store, 0, &is_idle);
    start_thread(store);
    *ret_port = (struct store_port){
        .ctx = store,
        .write = port_write,
        .read = port_read,
        .health = port_health,
    };
    *out = store;
    return STATUS_OK;
}

void store_sqlite_close(struct store_sqlite *store)
{
    if (store == NULL)
        return;
    lock(store);
    store->is_stopping = true;
    unlock(store);
    pthread_cond_signal(&store->is_wanted);
    pthread_join(store->thread, NULL);
    sqlite_engine_close(&store->engine);
    pthread_mutex_destroy(&store->mutex);
    pthread_cond_destroy(&store->is_wanted);
    free(store->waiting.requests);
    free(store);
}
