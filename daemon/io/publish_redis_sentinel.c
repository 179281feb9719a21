#include "io/publish_redis_sentinel.h"

#include "common/assert.h"
#include "common/buf.h"
#include "common/host.h"
#include "common/memory.h"
#include "io/publish_redis_error.h"
#include "io/publish_redis_password.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

/** What one sentinel has said this time. */
enum verdict {
    VERDICT_NONE, /* not yet */
    VERDICT_MASTER,
    VERDICT_FAILED, /* see why */
};

struct peer {
    struct publish_redis_sentinels *sentinels;
    const struct publish_redis_sentinel *address;
    struct publish_redis_link *link;
    bool open; /* between link_open() and lost() */
    enum verdict verdict;
    struct publish_redis_master master;
    struct error why;
};

struct publish_redis_sentinels {
    struct publish_redis_sentinels_options options;
    publish_redis_master_fn *fn;
    void *ctx;
    struct peer peers[PUBLISH_REDIS_SENTINELS_MAX];
    bool asking;    /* fn waits for an answer */
    bool is_queued; /* asked for while connections of the last time were closing */
    bool has_current;
    struct publish_redis_master current;
    size_t turn; /* among equals another one each time */
};

bool publish_redis_master_eq(const struct publish_redis_master *a,
                             const struct publish_redis_master *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* Counting. */

static size_t count_votes(const struct publish_redis_sentinels *sentinels,
                          const struct publish_redis_master *master)
{
    size_t votes = 0;
    for (size_t i = 0; i < sentinels->options.count; i++) {
        const struct peer *peer = &sentinels->peers[i];
        votes += peer->verdict == VERDICT_MASTER && publish_redis_master_eq(&peer->master, master);
    }
    return votes;
}

/** The address with the most votes so far; NULL: none has any. */
static const struct publish_redis_master *
find_winner(const struct publish_redis_sentinels *sentinels, size_t *ret_votes)
{
    const struct publish_redis_master *winner = NULL;
    size_t most = 0;
    if (sentinels->has_current && count_votes(sentinels, &sentinels->current) > 0) {
        winner = &sentinels->current;
        most = count_votes(sentinels, winner);
    }
    for (size_t i = 0; i < sentinels->options.count; i++) {
        const struct peer *peer =
            &sentinels->peers[(i + sentinels->turn) % sentinels->options.count];
        size_t votes = 0;
        if (peer->verdict == VERDICT_MASTER)
            votes = count_votes(sentinels, &peer->master);
        if (votes > most) {
            winner = &peer->master;
            most = votes;
        }
    }
    *ret_votes = most;
    return winner;
}

static bool all_have_spoken(const struct publish_redis_sentinels *sentinels)
{
    for (size_t i = 0; i < sentinels->options.count; i++) {
        if (sentinels->peers[i].verdict == VERDICT_NONE)
            return false;
    }
    return true;
}

static void explain(const struct publish_redis_sentinels *sentinels, struct error *why)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    for (size_t i = 0; i < sentinels->options.count; i++)
        buf_printf(&text, "%s%s", i > 0 ? "; " : "", sentinels->peers[i].why.text);
    error_set(why, STATUS_UNAVAILABLE, "no master \"" STR_FMT "\" by the sentinels: %s",
              STR_ARG(sentinels->options.master_name), buf_c(&text));
}

static void hang_up(struct publish_redis_sentinels *sentinels)
{
    struct error enough;
    error_set(&enough, STATUS_UNAVAILABLE, "the sentinel need not answer any more");
    for (size_t i = 0; i < sentinels->options.count; i++)
        publish_redis_link_abandon(sentinels->peers[i].link, &enough);
}

static void decide(struct publish_redis_sentinels *sentinels)
{
    size_t votes;
    const struct publish_redis_master *winner = find_winner(sentinels, &votes);
    bool is_clear = votes * 2 > sentinels->options.count;
    if (!sentinels->asking || (!is_clear && !all_have_spoken(sentinels)))
        return;
    sentinels->asking = false;
    sentinels->turn++;
    hang_up(sentinels);
    if (winner != NULL) {
        struct publish_redis_master master = *winner; /* fn may ask again */
        sentinels->fn(sentinels->ctx, &master, NULL);
        return;
    }
    struct error why;
    explain(sentinels, &why);
    sentinels->fn(sentinels->ctx, NULL, &why);
}

/* One sentinel. */

static const char *peer_text(const struct peer *peer, char *text, size_t size)
{
    snprintf(text, size, STR_FMT ":%u", STR_ARG(peer->address->host),
             (unsigned)peer->address->port);
    return text;
}

static void fail_peer(struct peer *peer, const char *reason)
{
    char where[PUBLISH_REDIS_HOST_SIZE + 8];
    peer->verdict = VERDICT_FAILED;
    error_set(&peer->why, STATUS_UNAVAILABLE, "sentinel at %s: %s",
              peer_text(peer, where, sizeof(where)), reason);
}

/** In words where it is about rights, which are the sentinel's own, not those at Redis. */
static void refuse_peer(struct peer *peer, const char *doing, struct str message)
{
    struct error why;
    switch (publish_redis_fault_of(message)) {
    case PUBLISH_REDIS_FAULT_NOAUTH:
        fail_peer(peer, "it asks for a password: set [redis] sentinel_password_file");
        return;
    case PUBLISH_REDIS_FAULT_WRONGPASS:
        fail_peer(peer, "it refuses the user or the password, or knows none: see [redis] "
                        "sentinel_username, sentinel_password_file");
        return;
    case PUBLISH_REDIS_FAULT_UNKNOWN_COMMAND:
        fail_peer(peer, "this is no sentinel");
        return;
    case PUBLISH_REDIS_FAULT_OTHER:
    case PUBLISH_REDIS_FAULT_OOM:
    case PUBLISH_REDIS_FAULT_READONLY:
    case PUBLISH_REDIS_FAULT_NOPERM:
    case PUBLISH_REDIS_FAULT_LOADING:
    case PUBLISH_REDIS_FAULT_MISCONF:
    case PUBLISH_REDIS_FAULT_NOREPLICAS:
    case PUBLISH_REDIS_FAULT_WRONGTYPE:
    case PUBLISH_REDIS_FAULT_BUSY:
    case PUBLISH_REDIS_FAULT_MASTERDOWN:
    case PUBLISH_REDIS_FAULT_CLUSTER:
    case PUBLISH_REDIS_FAULT_CLIENTS:
    case PUBLISH_REDIS_FAULT_NOSCRIPT:
        break;
    }
    (void)publish_redis_fault_set(&why, doing, message);
    fail_peer(peer, why.text);
}

static struct str reply_text(const struct redisReply *reply)
{
    return (struct str){.data = reply->str, .len = (size_t)reply->len};
}

/** Two texts, host and port, which go to the resolver and into logs. */
static bool read_master(const struct redisReply *reply, struct publish_redis_master *ret)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING)
        return false;
    int64_t port;
    if (!host_is_valid(reply_text(reply->element[0])) ||
        str_to_i64(reply_text(reply->element[1]), &port) != STATUS_OK || port < 1 || port > 65535)
        return false;
    *ret = (struct publish_redis_master){.port = (uint16_t)port};
    str_copy_cut(reply_text(reply->element[0]), ret->host, sizeof(ret->host));
    return true;
}

static void on_auth(void *user, const struct redisReply *reply)
{
    struct peer *peer = user;
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR && peer->verdict == VERDICT_NONE)
        refuse_peer(peer, "AUTH", reply_text(reply));
}

static void on_master(void *user, const struct redisReply *reply)
{
    struct peer *peer = user;
    if (reply == NULL || peer->verdict == VERDICT_MASTER)
        return;
    if (peer->verdict == VERDICT_NONE) {
        if (reply->type == REDIS_REPLY_ERROR)
            refuse_peer(peer, "SENTINEL", reply_text(reply));
        else if (reply->type == REDIS_REPLY_NIL)
            fail_peer(peer, "it knows no master of that name");
        else if (read_master(reply, &peer->master))
            peer->verdict = VERDICT_MASTER;
        else
            fail_peer(peer, "an answer that no sentinel gives: does something else listen there?");
    }
    struct error heard;
    error_set(&heard, STATUS_UNAVAILABLE, "the sentinel has answered");
    publish_redis_link_abandon(peer->link, &heard);
    decide(peer->sentinels);
}

static void on_opened(void *ctx)
{
    struct peer *peer = ctx;
    const struct publish_redis_sentinels_options *options = &peer->sentinels->options;
    CLEANUP(publish_redis_command_deinit) struct publish_redis_command auth = {0}, ask = {0};
    CLEANUP(secret_freep) struct secret *password = NULL;
    struct error why;
    if (publish_redis_password_read("sentinel_password_file", STR_NONE, options->password_file,
                                    &password, &why) != STATUS_OK) {
        publish_redis_link_abandon(peer->link, &why);
        return;
    }
    if (password != NULL) {
        publish_redis_command_add(&auth, STR("AUTH"));
        if (str_is_set(options->username))
            publish_redis_command_add(&auth, options->username);
        publish_redis_command_add(&auth, secret_str(password));
        publish_redis_link_send(peer->link, &auth, on_auth, peer);
    }
    publish_redis_command_add(&ask, STR("SENTINEL"));
    publish_redis_command_add(&ask, STR("get-master-addr-by-name"));
    publish_redis_command_add(&ask, options->master_name);
    publish_redis_link_send(peer->link, &ask, on_master, peer);
}

static bool any_open(const struct publish_redis_sentinels *sentinels)
{
    for (size_t i = 0; i < sentinels->options.count; i++) {
        if (sentinels->peers[i].open)
            return true;
    }
    return false;
}

static void ask_all(struct publish_redis_sentinels *sentinels)
{
    sentinels->is_queued = false;
    for (size_t i = 0; i < sentinels->options.count; i++) {
        struct peer *peer = &sentinels->peers[i];
        peer->verdict = VERDICT_NONE;
        peer->open = true;
        publish_redis_link_open(peer->link);
    }
}

static void on_lost(void *ctx, const struct error *why)
{
    struct peer *peer = ctx;
    struct publish_redis_sentinels *sentinels = peer->sentinels;
    peer->open = false;
    if (peer->verdict == VERDICT_NONE) {
        peer->verdict = VERDICT_FAILED;
        peer->why = *why;
    }
    if (sentinels->is_queued && !any_open(sentinels))
        ask_all(sentinels);
    else if (!sentinels->is_queued)
        decide(sentinels);
}

/* All of them. */

void publish_redis_sentinels_ask(struct publish_redis_sentinels *sentinels,
                                 const struct publish_redis_master *current)
{
    if (sentinels->asking)
        return;
    sentinels->asking = true;
    sentinels->has_current = current != NULL;
    if (current != NULL)
        sentinels->current = *current;
    if (any_open(sentinels))
        sentinels->is_queued = true;
    else
        ask_all(sentinels);
}

void publish_redis_sentinels_cancel(struct publish_redis_sentinels *sentinels)
{
    sentinels->asking = false;
    sentinels->is_queued = false;
    hang_up(sentinels);
}

struct publish_redis_sentinels *
publish_redis_sentinels_new(const struct publish_redis_sentinels_options *options,
                            publish_redis_master_fn *fn, void *ctx)
{
    ASSERT(options->count > 0 && options->count <= PUBLISH_REDIS_SENTINELS_MAX);
    struct publish_redis_sentinels *sentinels = memory_new(sizeof(*sentinels));
    *sentinels = (struct publish_redis_sentinels){.options = *options, .fn = fn, .ctx = ctx};
    for (size_t i = 0; i < options->count; i++) {
        struct peer *peer = &sentinels->peers[i];
        *peer = (struct peer){.sentinels = sentinels, .address = &options->sentinels[i]};
        struct publish_redis_target target = {
            .called = "sentinel",
            .host = peer->address->host,
            .port = peer->address->port,
            .tls = options->tls,
            .connect_timeout_ms = options->timeout_ms,
            .command_timeout_ms = options->timeout_ms,
        };
        peer->link = publish_redis_link_new(options->loop, &target,
                                            (struct publish_redis_link_events){
                                                .ctx = peer,
                                                .opened = on_opened,
                                                .lost = on_lost,
                                            });
    }
    return sentinels;
}

void publish_redis_sentinels_free(struct publish_redis_sentinels *sentinels)
{
    if (sentinels == NULL)
        return;
    for (size_t i = 0; i < sentinels->options.count; i++)
        publish_redis_link_free(sentinels->peers[i].link);
    free(sentinels);
}
