#include "io/publish_redis_resolve.h"

#include "common/memory.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/** Shared by its owner and the questions; whoever lets go last frees it. */
struct publish_redis_resolver {
    atomic_int holders;
    struct loop *loop;
};

/** Shared by the thread and the loop; whoever lets go last frees it. */
struct question {
    struct publish_redis_resolver *resolver;
    atomic_int holders;
    int done; /* eventfd: readable once the answer stands */
    char *host;
    struct publish_redis_addresses answer;
};

struct publish_redis_lookup {
    struct question *question;
    struct loop_watch *watch;
    publish_redis_resolve_fn *fn;
    void *ctx;
};

struct publish_redis_resolver *publish_redis_resolver_new(struct loop *loop)
{
    struct publish_redis_resolver *resolver = memory_new(sizeof(*resolver));
    atomic_init(&resolver->holders, 1);
    resolver->loop = loop;
    return resolver;
}

void publish_redis_resolver_free(struct publish_redis_resolver *resolver)
{
    if (resolver != NULL && atomic_fetch_sub(&resolver->holders, 1) == 1)
        free(resolver);
}

static void let_go(struct question *question)
{
    if (atomic_fetch_sub(&question->holders, 1) != 1)
        return;
    close(question->done);
    free(question->host);
    publish_redis_resolver_free(question->resolver);
    free(question);
}

static void take_addresses(const struct addrinfo *found, struct publish_redis_addresses *answer)
{
    for (; found != NULL && answer->count < PUBLISH_REDIS_ADDRESSES_MAX; found = found->ai_next) {
        char *text = answer->text[answer->count];
        if (getnameinfo(found->ai_addr, found->ai_addrlen, text, PUBLISH_REDIS_ADDRESS_SIZE, NULL,
                        0, NI_NUMERICHOST) == 0)
            answer->count++;
    }
}

static void *ask_resolver(void *ctx)
{
    struct question *question = ctx;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(question->host, NULL, &hints, &found);
    if (failure == 0) {
        take_addresses(found, &question->answer);
        freeaddrinfo(found);
    }
    if (question->answer.count == 0)
        error_set(&question->answer.error, STATUS_UNAVAILABLE, "can't resolve \"%s\": %s",
                  question->host, failure == 0 ? "no address" : gai_strerror(failure));
    eventfd_write(question->done, 1);
    let_go(question);
    return NULL;
}

static void on_done(void *ctx, int fd UNUSED, unsigned events UNUSED)
{
    struct publish_redis_lookup *lookup = ctx;
    struct question *question = lookup->question;
    publish_redis_resolve_fn *fn = lookup->fn;
    void *fn_ctx = lookup->ctx;
    loop_watch_free(lookup->watch);
    free(lookup);
    fn(fn_ctx, &question->answer);
    let_go(question);
}

/** The daemon's signals are the loop's business, so the thread takes none. */
static bool start_thread(struct question *question)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    pthread_t thread;
    atomic_fetch_add(&question->holders, 1);
    bool started = pthread_create(&thread, NULL, ask_resolver, question) == 0;
    if (started)
        pthread_detach(thread);
    else
        atomic_fetch_sub(&question->holders, 1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static struct question *new_question(struct publish_redis_resolver *resolver, int done,
                                     struct str host)
{
    struct question *question = memory_new(sizeof(*question));
    atomic_init(&question->holders, 1);
    atomic_fetch_add(&resolver->holders, 1);
    question->resolver = resolver;
    question->done = done;
    question->host = memory_copy_str(host);
    return question;
}

struct publish_redis_lookup *publish_redis_resolve(struct publish_redis_resolver *resolver,
                                                   struct str host, publish_redis_resolve_fn *fn,
                                                   void *ctx, struct error *err)
{
    if (atomic_load(&resolver->holders) > PUBLISH_REDIS_LOOKUPS_MAX) { /* the owner is one */
        error_set(err, STATUS_UNAVAILABLE,
                  "name not resolved: %d look-ups given up before still wait for the resolver",
                  PUBLISH_REDIS_LOOKUPS_MAX);
        return NULL;
    }
    int done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct question *question = done >= 0 ? new_question(resolver, done, host) : NULL;
    if (question == NULL || !start_thread(question)) {
        if (question != NULL)
            let_go(question);
        error_set(err, STATUS_UNAVAILABLE, "no thread to resolve the name on");
        return NULL;
    }
    struct publish_redis_lookup *lookup = memory_new(sizeof(*lookup));
    *lookup = (struct publish_redis_lookup){.question = question, .fn = fn, .ctx = ctx};
    lookup->watch = loop_watch_new(resolver->loop, done, on_done, lookup);
    loop_watch_set(lookup->watch, LOOP_READ);
    return lookup;
}

void publish_redis_resolve_cancel(struct publish_redis_lookup *lookup)
{
    if (lookup == NULL)
        return;
    loop_watch_free(lookup->watch);
    let_go(lookup->question);
    free(lookup);
}

bool publish_redis_address_is_numeric(struct str host)
{
    char text[PUBLISH_REDIS_ADDRESS_SIZE];
    unsigned char address[sizeof(struct in6_addr)];
    if (host.len >= sizeof(text))
        return false;
    str_copy_cut(host, text, sizeof(text));
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}
