#include "io/publish_redis_link.h"

#include "common/assert.h"
#include "common/memory.h"
#include "io/publish_redis_resolve.h"
#include "io/publish_redis_wire.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

enum link_state {
    LINK_CLOSED,
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_SHAKING_HANDS, /* TLS */
    LINK_OPEN,
    LINK_DOOMED, /* given up; told on the next round */
};

struct pending {
    struct pending *next;
    publish_redis_reply_fn *fn;
    void *user;
};

struct publish_redis_link {
    struct loop *loop;
    struct publish_redis_target target;
    struct publish_redis_link_events events;
    enum link_state state;
    struct loop_timer *timer;
    struct publish_redis_resolver *resolver;
    struct publish_redis_lookup *lookup;
    struct publish_redis_addresses addresses;
    size_t address_first; /* where a try begins: behind one that let the last try run out of time */
    size_t address_next;  /* counted from there */
    struct publish_redis_wire *wire;
    struct loop_watch *watch;
    struct pending *first, **last;
    struct error why;
};

static void on_timer(void *ctx);

static const char *target_text(const struct publish_redis_link *link, char *text, size_t size)
{
    if (str_is_set(link->target.host))
        snprintf(text, size, STR_FMT ":%u", STR_ARG(link->target.host),
                 (unsigned)link->target.port);
    else
        str_copy_cut(link->target.socket_path, text, size);
    return text;
}

struct publish_redis_link *publish_redis_link_new(struct loop *loop,
                                                  const struct publish_redis_target *target,
                                                  struct publish_redis_link_events events)
{
    struct publish_redis_link *link = memory_new(sizeof(*link));
    *link = (struct publish_redis_link){.loop = loop, .target = *target, .events = events};
    link->timer = loop_timer_new(loop, on_timer, link);
    link->resolver = publish_redis_resolver_new(loop);
    link->last = &link->first;
    return link;
}

static void drop_connection(struct publish_redis_link *link)
{
    publish_redis_resolve_cancel(link->lookup);
    link->lookup = NULL;
    loop_watch_free(link->watch);
    link->watch = NULL;
    publish_redis_wire_free(link->wire);
    link->wire = NULL;
}

static struct pending *shift_pending(struct publish_redis_link *link)
{
    struct pending *pending = link->first;
    if (pending == NULL)
        return NULL;
    link->first = pending->next;
    if (link->first == NULL)
        link->last = &link->first;
    return pending;
}

static void drop_pending(struct publish_redis_link *link)
{
    struct pending *pending;
    while ((pending = shift_pending(link)) != NULL) {
        pending->fn(pending->user, NULL);
        free(pending);
    }
}

void publish_redis_link_free(struct publish_redis_link *link)
{
    if (link == NULL)
        return;
    if (link->state != LINK_DOOMED)
        error_set(&link->why, STATUS_UNAVAILABLE, "refreshd lets go of Redis");
    drop_connection(link);
    publish_redis_resolver_free(link->resolver);
    loop_timer_free(link->timer);
    drop_pending(link);
    free(link);
}

const struct error *publish_redis_link_why(const struct publish_redis_link *link)
{
    return &link->why;
}

/** The reason is in link->why; the connection goes now, the news on the next round. */
static void doom(struct publish_redis_link *link)
{
    drop_connection(link);
    link->state = LINK_DOOMED;
    loop_timer_set(link->timer, 0);
}

static void doom_because(struct publish_redis_link *link, const char *reason)
{
    char where[200];
    error_set(&link->why, STATUS_UNAVAILABLE, "%s at %s: %s",
              link->target.called != NULL ? link->target.called : "Redis",
              target_text(link, where, sizeof(where)), reason);
    doom(link);
}

void publish_redis_link_abandon(struct publish_redis_link *link, const struct error *why)
{
    if (link->state == LINK_CLOSED || link->state == LINK_DOOMED)
        return;
    link->why = *why;
    doom(link);
}

/** Now that no hiredis and no caller's code is on the stack: tell everybody. */
static void tell_lost(struct publish_redis_link *link)
{
    link->state = LINK_CLOSED;
    drop_pending(link);
    struct error why = link->why;
    link->events.lost(link->events.ctx, &why);
}

static void doom_late(struct publish_redis_link *link, const char *what, int64_t within_ms)
{
    char reason[100];
    snprintf(reason, sizeof(reason), "%s within %lld ms", what, (long long)within_ms);
    doom_because(link, reason);
}

static void on_timer(void *ctx)
{
    struct publish_redis_link *link = ctx;
    const struct publish_redis_target *target = &link->target;
    switch (link->state) {
    case LINK_DOOMED:
        tell_lost(link);
        return;
    case LINK_RESOLVING:
        doom_late(link, "name not resolved", target->connect_timeout_ms);
        return;
    case LINK_CONNECTING:
        link->address_first += link->address_next;
        doom_late(link, "no connection", target->connect_timeout_ms);
        return;
    case LINK_SHAKING_HANDS: /* a plain Redis reads on and on for the end of a line */
        doom_late(link, "no TLS (if it has none: url = redis://…)", target->connect_timeout_ms);
        return;
    case LINK_OPEN:
        doom_late(link, "no answer", target->command_timeout_ms);
        return;
    case LINK_CLOSED:
        return;
    }
}

/* Commands and replies. */

static void take_reply(struct publish_redis_link *link, redisReply *reply)
{
    struct pending *pending = shift_pending(link);
    if (pending == NULL) {
        doom_because(link, "an answer that nobody asked for");
        return;
    }
    if (link->first != NULL)
        loop_timer_set(link->timer, link->target.command_timeout_ms);
    else
        loop_timer_clear(link->timer);
    pending->fn(pending->user, reply);
    free(pending);
}

static void read_replies(struct publish_redis_link *link)
{
    struct error err = {0};
    redisReply *reply = NULL;
    enum status status = publish_redis_wire_receive(link->wire, &err);
    while (status == STATUS_OK) {
        status = publish_redis_wire_next(link->wire, &reply, &err);
        if (status != STATUS_OK || reply == NULL)
            break;
        take_reply(link, reply);
        freeReplyObject(reply);
        if (link->state != LINK_OPEN)
            return;
    }
    if (status != STATUS_OK)
        doom_because(link, err.text);
}

static void write_commands(struct publish_redis_link *link)
{
    struct error err = {0};
    if (publish_redis_wire_flush(link->wire, &err) != STATUS_OK)
        doom_because(link, err.text);
}

/** Reads first: what the peer said before it hung up is better than that it can't be written to. A
 * record of TLS may need the other direction, so both are tried whatever the socket is ready for.
 */
static void exchange(struct publish_redis_link *link)
{
    read_replies(link);
    if (link->state == LINK_OPEN)
        write_commands(link);
    if (link->state == LINK_OPEN)
        loop_watch_set(link->watch, publish_redis_wire_wants(link->wire));
}

void publish_redis_link_send(struct publish_redis_link *link,
                             const struct publish_redis_command *command,
                             publish_redis_reply_fn *fn, void *user)
{
    ASSERT(link->state == LINK_OPEN || link->state == LINK_DOOMED);
    struct pending *pending = memory_new(sizeof(*pending));
    *pending = (struct pending){.fn = fn, .user = user};
    *link->last = pending;
    link->last = &pending->next;
    if (link->state == LINK_DOOMED)
        return;
    if (!publish_redis_wire_append(link->wire, command)) {
        doom_because(link, "more commands than it takes");
        return;
    }
    if (link->first == pending)
        loop_timer_set(link->timer, link->target.command_timeout_ms);
    loop_watch_set(link->watch, publish_redis_wire_wants(link->wire));
}

/* Connecting. */

static void connect_next(struct publish_redis_link *link, const struct error *last);

static void become_open(struct publish_redis_link *link)
{
    loop_timer_clear(link->timer);
    link->state = LINK_OPEN;
    loop_watch_set(link->watch, publish_redis_wire_wants(link->wire));
    link->events.opened(link->events.ctx);
}

static void shake_hands(struct publish_redis_link *link)
{
    const struct publish_redis_target *target = &link->target;
    struct error err = {0};
    bool is_done = false;
    if (publish_redis_wire_shake_hands(link->wire, target->tls, target->host, &is_done, &err) !=
        STATUS_OK)
        doom_because(link, err.text);
    else if (is_done)
        become_open(link);
    else
        loop_watch_set(link->watch, publish_redis_wire_wants(link->wire));
}

static void finish_connecting(struct publish_redis_link *link)
{
    struct error err = {0};
    if (publish_redis_wire_finish_connecting(link->wire, &err) != STATUS_OK) {
        connect_next(link, &err);
        return;
    }
    if (link->target.tls == NULL) {
        become_open(link);
        return;
    }
    link->state = LINK_SHAKING_HANDS;
    shake_hands(link);
}

static void on_ready(void *ctx, int fd UNUSED, unsigned events UNUSED)
{
    struct publish_redis_link *link = ctx;
    switch (link->state) {
    case LINK_CONNECTING:
        finish_connecting(link);
        return;
    case LINK_SHAKING_HANDS:
        shake_hands(link);
        return;
    case LINK_OPEN:
        exchange(link);
        return;
    case LINK_RESOLVING:
    case LINK_DOOMED:
    case LINK_CLOSED:
        return;
    }
}

static void watch_wire(struct publish_redis_link *link)
{
    link->watch = loop_watch_new(link->loop, publish_redis_wire_fd(link->wire), on_ready, link);
    loop_watch_set(link->watch, publish_redis_wire_wants(link->wire));
}

static void connect_socket(struct publish_redis_link *link)
{
    struct error err = {0};
    if (publish_redis_wire_open_unix(link->target.socket_path, &link->wire, &err) == STATUS_OK)
        watch_wire(link);
    else
        doom_because(link, err.text);
}

/** Each address in turn; the last one's error is told. */
static void connect_next(struct publish_redis_link *link, const struct error *last)
{
    struct error err = *last;
    drop_connection(link);
    while (link->address_next < link->addresses.count) {
        size_t at = (link->address_first + link->address_next++) % link->addresses.count;
        const char *address = link->addresses.text[at];
        if (publish_redis_wire_open_tcp(address, link->target.port, &link->wire, &err) ==
            STATUS_OK) {
            watch_wire(link);
            return;
        }
    }
    doom_because(link, err.text);
}

static void connect_first(struct publish_redis_link *link)
{
    const struct error none = {.status = STATUS_UNAVAILABLE, .text = "no address"};
    link->state = LINK_CONNECTING;
    link->address_next = 0;
    connect_next(link, &none);
}

static void on_addresses(void *ctx, const struct publish_redis_addresses *addresses)
{
    struct publish_redis_link *link = ctx;
    link->lookup = NULL;
    if (addresses->count == 0) {
        link->why = addresses->error;
        doom(link);
        return;
    }
    link->addresses = *addresses;
    connect_first(link);
}

static void resolve_host(struct publish_redis_link *link)
{
    if (publish_redis_address_is_numeric(link->target.host)) {
        link->addresses.count = 1;
        str_copy_cut(link->target.host, link->addresses.text[0], PUBLISH_REDIS_ADDRESS_SIZE);
        connect_first(link);
        return;
    }
    link->state = LINK_RESOLVING;
    struct error err = {0};
    link->lookup =
        publish_redis_resolve(link->resolver, link->target.host, on_addresses, link, &err);
    if (link->lookup == NULL)
        doom_because(link, err.text);
}

void publish_redis_link_set_address(struct publish_redis_link *link, struct str host, uint16_t port)
{
    ASSERT(link->state == LINK_CLOSED);
    link->target.host = host;
    link->target.port = port;
}

void publish_redis_link_open(struct publish_redis_link *link)
{
    ASSERT(link->state == LINK_CLOSED && link->first == NULL);
    loop_timer_set(link->timer, link->target.connect_timeout_ms);
    link->state = LINK_CONNECTING;
    if (str_is_set(link->target.host))
        resolve_host(link);
    else
        connect_socket(link);
}
