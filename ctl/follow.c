#include "ctl/follow.h"

#include "ctl/fault.h"
#include "ctl/phrase.h"
#include "ctl/show.h"
#include "ctl/text.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

enum { BACKOFF_MS = 250, BACKOFF_MAX_MS = 10 * 1000 };

/* What becomes of one connection to the daemon. */
enum outcome {
    OUTCOME_GOES_ON,
    OUTCOME_DONE,  /* all that was asked for has been shown */
    OUTCOME_LOST,  /* connect again */
    OUTCOME_ENDED, /* by what has been told */
};

int64_t follow_sequence(const struct json *event)
{
    int64_t sequence;
    return str_to_i64(phrase_text(event, "id"), &sequence) == STATUS_OK ? sequence : -1;
}

enum ctl_exit follow_print(struct session *session, const struct json *event, bool age)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    if (session_is_json(session)) {
        json_write(event, &text);
        buf_append_byte(&text, '\n');
    } else if (session->view.quiet) {
        text_clean(phrase_text(event, "id"), &text);
        buf_append_byte(&text, '\n');
    } else {
        session->view.now_ms = session->world->now_ms(session->world->ctx);
        show_event(&session->view, event, age, &text);
    }
    return session_print(session, buf_str(&text));
}

/* ---- what is said beside the events ---- */

/* On standard error for programs too: whoever keeps it wants to know why nothing came. */
static void say(const struct follow *follow, const char *code, const char *what)
{
    const struct session *session = follow->session;
    char text[ERROR_TEXT_MAX];
    snprintf(text, sizeof(text), "%s; going on behind event %" PRId64, what, follow->after);
    if (!session_is_json(session)) {
        session_remark(session, "%s", text);
        return;
    }
    CLEANUP(json_freep) struct json *note = json_new_object();
    struct json *data = json_new_object();
    json_set_text(data, "code", str_c(code));
    json_set_i64(data, "after", follow->after);
    json_set_text(note, "message", str_c(text));
    json_set(note, "data", data);
    session_tell_error(session, note);
}

static void note_away(struct follow *follow, const char *what)
{
    if (!follow->is_away)
        say(follow, "no_daemon", what);
    follow->is_away = true;
}

static void note_back(struct follow *follow)
{
    if (follow->is_away)
        say(follow, "back", "the daemon is back");
    else if (!follow->started)
        session_remark(follow->session, "watching; interrupt to end");
    follow->is_away = false;
    follow->backoff_ms = 0;
    follow->started = true;
}

/* ---- what the daemon says ---- */

static bool is_code(const struct json *error, enum rpc_code code)
{
    return str_eq(phrase_text(json_get(error, "data"), "code"), str_c(rpc_code_text(code)));
}

/* Another try helps, and nothing is lost by it. */
static bool is_passing(const struct json *error)
{
    return is_code(error, RPC_CODE_BUSY) || is_code(error, RPC_CODE_TOO_MANY) ||
           is_code(error, RPC_CODE_TOO_LARGE) || is_code(error, RPC_CODE_STORE_UNAVAILABLE);
}

static enum outcome take_error(struct follow *follow, const struct json *error,
                               enum ctl_exit *ret_exit)
{
    int64_t oldest = json_i64(json_get_path(error, STR("data.oldest")), 0);
    if (follow->from_oldest && !follow->started && is_code(error, RPC_CODE_GONE) && oldest > 0) {
        follow->after = oldest - 1;
        return OUTCOME_LOST;
    }
    if (follow->started && is_passing(error)) {
        CLEANUP(buf_deinit) struct buf text = {0};
        text_clean(phrase_text(error, "message"), &text);
        note_away(follow, buf_c(&text));
        return OUTCOME_LOST;
    }
    session_tell_error(follow->session, error);
    int64_t last = json_i64(json_get_path(error, STR("data.last")), INT64_MAX);
    if (follow->started && is_code(error, RPC_CODE_GONE) && last < follow->after)
        session_remark(follow->session,
                       "event %" PRId64 " was shown before: an older store has been restored",
                       follow->after);
    *ret_exit = fault_exit(error);
    return OUTCOME_ENDED;
}

static enum outcome take_answer(struct follow *follow, const struct json *answer,
                                enum ctl_exit *ret_exit)
{
    const struct json *error = json_get(answer, "error");
    if (error != NULL)
        return take_error(follow, error, ret_exit);
    int64_t last = json_i64(json_get_path(answer, STR("result.last")), -1);
    if (follow->after < 0)
        follow->after = last;
    note_back(follow);
    return OUTCOME_GOES_ON;
}

static enum outcome take_event(struct follow *follow, const struct json *event,
                               enum ctl_exit *ret_exit)
{
    if (event_filter_passes(follow->filter, event)) {
        *ret_exit = follow_print(follow->session, event, false);
        if (*ret_exit != CTL_EXIT_OK)
            return OUTCOME_ENDED;
        if (follow->left > 0 && --follow->left == 0)
            return OUTCOME_DONE;
    }
    follow->after = MAX_OF(follow->after, follow_sequence(event));
    return OUTCOME_GOES_ON;
}

/* ---- one connection ---- */

static enum outcome lost(struct follow *follow, enum ctl_exit result, const struct error *err,
                         enum ctl_exit *ret_exit)
{
    if (result == CTL_EXIT_NO_DAEMON && follow->started) {
        note_away(follow, "the daemon is gone");
        return OUTCOME_LOST;
    }
    session_tell_failure(follow->session, result, err);
    *ret_exit = result;
    return OUTCOME_ENDED;
}

static enum ctl_exit ask(const struct follow *follow, int64_t *ret_id, struct error *err)
{
    CLEANUP(json_freep) struct json *params = json_new_object();
    if (follow->after >= 0)
        json_set_i64(params, "after", follow->after);
    return client_send(follow->session->client, "watch", params, ret_id, err);
}

/* Nobody reads standard output any more: end as if we had written there. */
static enum outcome end_with_reader(enum ctl_exit *ret_exit)
{
    raise(SIGPIPE);
    *ret_exit = CTL_EXIT_ERROR; /* where that is ignored */
    return OUTCOME_ENDED;
}

static enum outcome follow_once(struct follow *follow, enum ctl_exit *ret_exit)
{
    struct client *client = follow->session->client;
    struct error err = {0};
    int64_t id;
    enum ctl_exit result = ask(follow, &id, &err);
    bool answered = false;
    enum outcome outcome = OUTCOME_GOES_ON;
    while (outcome == OUTCOME_GOES_ON && result == CTL_EXIT_OK) {
        CLEANUP(json_freep) struct json *message = NULL;
        int64_t timeout_ms = answered ? -1 : follow->session->args->timeout_ms;
        result = client_receive(client, timeout_ms, &message, &err);
        if (result != CTL_EXIT_OK)
            break;
        if (message == NULL)
            return end_with_reader(ret_exit);
        if (client_answers(message, id)) {
            answered = true;
            outcome = take_answer(follow, message, ret_exit);
        } else if (str_eq(phrase_text(message, "method"), STR("event"))) {
            outcome = take_event(follow, json_get(message, "params"), ret_exit);
        }
    }
    return outcome == OUTCOME_GOES_ON ? lost(follow, result, &err, ret_exit) : outcome;
}

/* ---- all of them ---- */

static enum outcome connect_again(struct follow *follow, enum ctl_exit *ret_exit)
{
    struct session *session = follow->session;
    if (follow->started) {
        follow->backoff_ms =
            follow->backoff_ms == 0 ? BACKOFF_MS : MIN_OF(2 * follow->backoff_ms, BACKOFF_MAX_MS);
        session->world->sleep_ms(session->world->ctx, follow->backoff_ms);
    }
    struct error err = {0};
    enum ctl_exit result = session_try_open(session, &err);
    if (result == CTL_EXIT_OK)
        return OUTCOME_GOES_ON;
    return lost(follow, result, &err, ret_exit);
}

enum ctl_exit follow_run(struct follow *follow)
{
    enum ctl_exit exit = CTL_EXIT_OK;
    follow->from_oldest = follow->after == FOLLOW_FROM_OLDEST;
    if (follow->from_oldest)
        follow->after = 0;
    enum outcome outcome = OUTCOME_GOES_ON;
    while (outcome == OUTCOME_GOES_ON || outcome == OUTCOME_LOST) {
        if (outcome == OUTCOME_LOST)
            outcome = connect_again(follow, &exit);
        if (outcome != OUTCOME_GOES_ON)
            continue;
        client_heed_reader(follow->session->client, follow->session->world->out_fd);
        outcome = follow_once(follow, &exit);
    }
    return exit;
}
