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
    struct loop_timer *retry;
    enum session_state state;
    struct publish_redis_greeting greeting;
    size_t greeted; /* steps answered */
    int64_t backoff_ms;
    char sha[PUBLISH_REDIS_SHA_HEX + 1];
    uint64_t connections;
};

static void become_ready(struct publish_redis_session *session)
{
    session->state = SESSION_READY;
    session->backoff_ms = 0;
    session->connections++;
    session->events.ready(session->events.ctx);
}

static void on_step(void *user, const struct redisReply *reply)
{
    struct publish_redis_session *session = user;
    if (reply == NULL || session->state != SESSION_GREETING)
        return;
    const struct publish_redis_step *step = &session->greeting.steps[session->greeted];
    struct error why;
    if (publish_redis_step_check(step, reply, &why) != STATUS_OK) {
        publish_redis_link_abandon(session->link, &why);
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
    if (publish_redis_password_read(session->options->password, session->options->password_file,
                                    &password, &why) != STATUS_OK)
        publish_redis_link_abandon(session->link, &why);
    else
        greet(session, password);
}

static void connect_now(struct publish_redis_session *session)
{
    session->state = SESSION_OPENING;
    publish_redis_link_open(session->link);
}

static void on_retry(void *ctx)
{
    struct publish_redis_session *session = ctx;
    session->state = SESSION_IDLE;
    if (session->events.is_wanted(session->events.ctx))
        connect_now(session);
}

static void on_lost(void *ctx, const struct error *why)
{
    struct publish_redis_session *session = ctx;
    session->state = SESSION_WAITING;
    session->backoff_ms = session->backoff_ms == 0
                              ? PUBLISH_REDIS_BACKOFF_MIN_MS
                              : MIN_OF(session->backoff_ms * 2, PUBLISH_REDIS_BACKOFF_MAX_MS);
    loop_timer_set(session->retry, session->backoff_ms);
    session->events.lost(session->events.ctx, why);
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
    return session;
}

void publish_redis_session_free(struct publish_redis_session *session)
{
    if (session == NULL)
        return;
    publish_redis_link_free(session->link);
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

uint64_t publish_redis_session_connections(const struct publish_redis_session *session)
{
    return session->connections;
}
