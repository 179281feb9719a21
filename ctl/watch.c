#include "ctl/watch.h"

#include "ctl/fault.h"
#include "ctl/phrase.h"
#include "ctl/show.h"
#include "ctl/text.h"

#include <inttypes.h>

enum { WATCH_RETRY_MS = 1000 };

struct watch {
    struct session *session;
    struct json *params; /* as asked; `after` moves on with what is shown */
    bool started;        /* the daemon answered once */
    int64_t last;        /* sequence of the last event shown; -1: none yet */
};

static void set_last(struct watch *watch, int64_t sequence)
{
    watch->last = sequence;
    json_set_i64(watch->params, "after", sequence);
}

static enum ctl_exit show_one(struct watch *watch, const struct json *event)
{
    struct session *session = watch->session;
    int64_t sequence;
    if (str_to_i64(phrase_text(event, "id"), &sequence) == STATUS_OK)
        set_last(watch, sequence);
    CLEANUP(buf_deinit) struct buf text = {0};
    if (session_is_json(session)) {
        json_write(event, &text);
        buf_append_byte(&text, '\n');
    } else if (session->view.quiet) {
        text_clean(phrase_text(event, "id"), &text);
        buf_append_byte(&text, '\n');
    } else {
        session->view.now_ms = session->world->now_ms(session->world->ctx);
        show_event(&session->view, event, &text);
    }
    return session_print(session, buf_str(&text));
}

/* The answer to `watch` itself. Where it began is where it goes on, should no event come. */
static enum ctl_exit take_answer(struct watch *watch, const struct json *answer)
{
    const struct json *error = json_get(answer, "error");
    if (error != NULL) {
        session_tell_error(watch->session, error);
        return fault_exit(error);
    }
    int64_t last = json_i64(json_get_path(answer, STR("result.last")), -1);
    if (!watch->started && !json_has(watch->params, "after") && last >= 0)
        set_last(watch, last);
    if (!watch->started)
        session_remark(watch->session, "watching; interrupt to end");
    watch->started = true;
    return CTL_EXIT_OK;
}

/* One connection's life. CTL_EXIT_NO_DAEMON: it ended, try again; all else is final. */
static enum ctl_exit follow(struct watch *watch, struct error *err)
{
    struct client *client = watch->session->client;
    int64_t id;
    enum ctl_exit result = client_send(client, "watch", watch->params, &id, err);
    bool answered = false;
    while (result == CTL_EXIT_OK) {
        CLEANUP(json_freep) struct json *message = NULL;
        int64_t timeout_ms = answered ? -1 : watch->session->args->timeout_ms;
        result = client_receive(client, timeout_ms, &message, err);
        if (result != CTL_EXIT_OK)
            break;
        if (client_answers(message, id)) {
            answered = true;
            result = take_answer(watch, message);
            if (result == CTL_EXIT_NO_DAEMON)
                return CTL_EXIT_ERROR;
        } else if (str_eq(phrase_text(message, "method"), STR("event"))) {
            result = show_one(watch, json_get(message, "params"));
        }
    }
    return result;
}

enum ctl_exit watch_run(struct session *session)
{
    CLEANUP(json_freep) struct json *params = json_copy(session->args->params);
    struct watch watch = {.session = session, .params = params, .last = -1};
    bool told = false;
    for (;;) {
        struct error err = {0};
        enum ctl_exit result =
            session->client != NULL ? CTL_EXIT_OK : session_try_open(session, &err);
        if (result == CTL_EXIT_OK) {
            told = false;
            result = follow(&watch, &err);
        }
        bool again = result == CTL_EXIT_NO_DAEMON && watch.started;
        if (!again) {
            if (err.text[0] != '\0')
                session_tell_failure(session, result, &err);
            return result;
        }
        if (!told)
            session_remark(session,
                           "the daemon is gone; going on after event %" PRId64 " when it is back",
                           watch.last);
        told = true;
        client_free(session->client);
        session->client = NULL;
        session->world->sleep_ms(session->world->ctx, WATCH_RETRY_MS);
    }
}
