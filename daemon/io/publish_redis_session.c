#include "io/publish_redis_session.h"

#include "common/memory.h"
#include "io/publish_redis_greeting.h"
#include "io/publish_redis_password.h"
#include "io/publish_redis_tls.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

enum session_state {
    SESSION_IDLE,     /* nothing to do and no connection */
    SESSION_WAITING,  /* until the next try */
    SESSION_ASKING,   /* the sentinels, for the master */
    SESSION_OPENING,  /* connecting */
    SESSION_GREETING, /* connected, proving */
    SESSION_READY,
};

struct publish_redis_session {
    const struct publish_redis_options *options;
    const struct publish_redis_keys *keys;
    struct publish_redis_session_events events;
    struct publish_redis_tls *tls; /* NULL: in the clear */
    struct publish_redis_link *link;
    struct publish_redis_sentinels *sentinels; /* NULL: the address is given */
    struct publish_redis_master master;        /* what they said last */
    struct loop_timer *look;                   /* when they are asked again; NULL without */
    struct loop_timer *retry;
    enum session_state state;
    struct publish_redis_greeting greeting;
    size_t greeted; /* steps answered */
    int64_t backoff_ms;
    char sha[PUBLISH_REDIS_SHA_HEX + 1];
    char peer[PUBLISH_REDIS_PEER_SIZE];
    uint64_t connections;
};

static void plan_look(struct publish_redis_session *session)
{
    if (session->sentinels != NULL)
        loop_timer_set(session->look, PUBLISH_REDIS_LOOK_MS);
}

static void become_ready(struct publish_redis_session *session)
{
    session->state = SESSION_READY;
    session->backoff_ms = 0;
    session->connections++;
    plan_look(session);
    session->events.ready(session->events.ctx);
}

/** With sentinels it is not known beforehand which Redis it was. */
static void give_up_greeting(struct publish_redis_session *session, const struct error *why)
{
    struct error named;
    error_set(&named, STATUS_UNAVAILABLE, "Redis at %s: %s", session->peer, why->text);
    publish_redis_link_abandon(session->link, &named);
}

static void on_step(void *user, const struct redisReply *reply)
{
    struct publish_redis_session *session = user;
    if (reply == NULL || session->state != SESSION_GREETING)
        return;
    const struct publish_redis_step *step = &session->greeting.steps[session->greeted];
    struct error why;
    if (publish_redis_step_check(step, reply, &why) != STATUS_OK) {
        give_up_greeting(session, &why);
        return;
    }
    if (step->is_script)
        str_copy_cut((struct str){.data = reply->str, .len = (size_t)reply->len}, session->sha,
                     sizeof(session->sha));
    if (++session->greeted == session->greeting.count)
        become_ready(session);
}

static void greet(struct publish_redis_session *session, const struct secret *password)
{
    struct publish_redis_identity identity = {
        .username = session->options->username,
        .password = password,
        .database = session->options->database,
        .client_name = session->options->client_name,
    };
    publish_redis_greeting_init(&session->greeting, &identity, session->keys);
    session->state = SESSION_GREETING;
    session->greeted = 0;
    for (size_t i = 0; i < session->greeting.count; i++) {
        struct publish_redis_step *step = &session->greeting.steps[i];
        publish_redis_link_send(session->link, &step->command, on_step, session);
        publish_redis_command_deinit(&step->command); /* it borrows the password */
    }
}

static void on_opened(void *ctx)
{
    struct publish_redis_session *session = ctx;
    CLEANUP(secret_freep) struct secret *password = NULL;
    struct error why;
    if (publish_redis_password_read("password_file", session->options->password,
                                    session->options->password_file, &password, &why) != STATUS_OK)
        publish_redis_link_abandon(session->link, &why);
    else
        greet(session, password);
}

static void open_link(struct publish_redis_session *session)
{
    session->state = SESSION_OPENING;
    publish_redis_link_open(session->link);
}

static void connect_now(struct publish_redis_session *session)
{
    if (session->sentinels == NULL) {
        open_link(session);
        return;
    }
    session->state = SESSION_ASKING;
    publish_redis_sentinels_ask(session->sentinels, NULL);
}

static void on_retry(void *ctx)
{
    struct publish_redis_session *session = ctx;
    session->state = SESSION_IDLE;
    if (session->events.is_wanted(session->events.ctx))
        connect_now(session);
}

static void wait_a_while(struct publish_redis_session *session, const struct error *why)
{
    session->state = SESSION_WAITING;
    session->backoff_ms = session->backoff_ms == 0
                              ? PUBLISH_REDIS_BACKOFF_MIN_MS
                              : MIN_OF(session->backoff_ms * 2, PUBLISH_REDIS_BACKOFF_MAX_MS);
    loop_timer_set(session->retry, session->backoff_ms);
    session->events.lost(session->events.ctx, why);
}

static void on_lost(void *ctx, const struct error *why)
{
    struct publish_redis_session *session = ctx;
    if (session->sentinels != NULL) {
        loop_timer_clear(session->look);
        publish_redis_sentinels_cancel(session->sentinels);
    }
    wait_a_while(session, why);
}

/* The sentinels. */

static void set_peer(struct publish_redis_session *session, struct str host, uint16_t port)
{
    snprintf(session->peer, sizeof(session->peer), STR_FMT ":%u", STR_ARG(host), (unsigned)port);
}

static void follow(struct publish_redis_session *session, const struct publish_redis_master *master)
{
    session->master = *master;
    set_peer(session, str_c(session->master.host), master->port);
    publish_redis_link_set_address(session->link, str_c(session->master.host), master->port);
    open_link(session);
}

static void see_whether_it_is_another(struct publish_redis_session *session,
                                      const struct publish_redis_master *master,
                                      const struct error *why)
{
    session->events.looked(session->events.ctx, why);
    plan_look(session);
    if (master == NULL || publish_redis_master_eq(master, &session->master))
        return;
    struct error replaced;
    error_set(&replaced, STATUS_UNAVAILABLE,
              "Redis at %s: the sentinels name another master, %s port %u", session->peer,
              master->host, (unsigned)master->port);
    publish_redis_link_abandon(session->link, &replaced);
}

static void on_master(void *ctx, const struct publish_redis_master *master, const struct error *why)
{
    struct publish_redis_session *session = ctx;
    if (session->state == SESSION_READY)
        see_whether_it_is_another(session, master, why);
    else if (master != NULL)
        follow(session, master);
    else
        wait_a_while(session, why);
}

static void on_look(void *ctx)
{
    struct publish_redis_session *session = ctx;
    publish_redis_sentinels_ask(session->sentinels, &session->master);
}

static void use_sentinels(struct publish_redis_session *session)
{
    const struct publish_redis_options *options = session->options;
    const struct publish_redis_sentinels_options ours = {
        .loop = options->loop,
        .sentinels = options->sentinels,
        .count = options->sentinel_count,
        .master_name = options->master_name,
        .username = options->sentinel_username,
        .password_file = options->sentinel_password_file,
        .tls = session->tls,
        .timeout_ms = MIN_OF(options->command_timeout_ms, PUBLISH_REDIS_SENTINEL_TIMEOUT_MS),
    };
    session->sentinels = publish_redis_sentinels_new(&ours, on_master, session);
    session->look = loop_timer_new(options->loop, on_look, session);
}

struct publish_redis_session *publish_redis_session_new(const struct publish_redis_options *options,
                                                        const struct publish_redis_keys *keys,
                                                        struct publish_redis_session_events events)
{
    struct publish_redis_session *session = memory_new(sizeof(*session));
    *session = (struct publish_redis_session){.options = options, .keys = keys, .events = events};
    if (options->tls)
        session->tls = publish_redis_tls_new(&(struct publish_redis_tls_options){
            .ca_file = options->ca_file,
            .certificate_file = options->certificate_file,
            .key_file = options->key_file,
            .private_directory = options->private_directory,
        });
    struct publish_redis_target target = {
        .host = options->host,
        .port = options->port,
        .socket_path = options->socket_path,
        .tls = session->tls,
        .connect_timeout_ms = options->connect_timeout_ms,
        .command_timeout_ms = options->command_timeout_ms,
    };
    session->link = publish_redis_link_new(
        options->loop, &target,
        (struct publish_redis_link_events){.ctx = session, .opened = on_opened, .lost = on_lost});
    session->retry = loop_timer_new(options->loop, on_retry, session);
    if (options->sentinel_count > 0)
        use_sentinels(session);
    else if (str_is_set(options->host))
        set_peer(session, options->host, options->port);
    else
        str_copy_cut(options->socket_path, session->peer, sizeof(session->peer));
    return session;
}

void publish_redis_session_free(struct publish_redis_session *session)
{
    if (session == NULL)
        return;
    publish_redis_link_free(session->link);
    publish_redis_sentinels_free(session->sentinels);
    loop_timer_free(session->look);
    publish_redis_tls_free(session->tls);
    loop_timer_free(session->retry);
    publish_redis_greeting_deinit(&session->greeting);
    free(session);
}

void publish_redis_session_want(struct publish_redis_session *session)
{
    if (session->state == SESSION_IDLE)
        connect_now(session);
}

bool publish_redis_session_is_ready(const struct publish_redis_session *session)
{
    return session->state == SESSION_READY;
}

void publish_redis_session_send(struct publish_redis_session *session,
                                const struct publish_redis_command *command,
                                publish_redis_reply_fn *fn, void *user)
{
    publish_redis_link_send(session->link, command, fn, user);
}

void publish_redis_session_abandon(struct publish_redis_session *session, const struct error *why)
{
    publish_redis_link_abandon(session->link, why);
}

const struct error *publish_redis_session_why(const struct publish_redis_session *session)
{
    return publish_redis_link_why(session->link);
}

struct str publish_redis_session_sha(const struct publish_redis_session *session)
{
    return str_c(session->sha);
}

const char *publish_redis_session_peer(const struct publish_redis_session *session)
{
    return session->peer;
}

uint64_t publish_redis_session_connections(const struct publish_redis_session *session)
{
    return session->connections;
}
