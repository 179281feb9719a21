#include "ctl/connect.h"

#include "ctl/fault.h"
#include "ctl/loopback.h"
#include "ctl/phrase.h"
#include "ctl/text.h"

#include <inttypes.h>
#include <signal.h>

/* connect, reconnect or switch: the word that the daemon knows it by is the verb's own. */
struct connecting {
    struct session *session;
    const struct json *params; /* of the command line */
    struct loopback *loopback;
    struct json *flow; /* {url, state, expires_at} */
    struct buf query;  /* what the browser came back with */
};

static const char *intent_of(const struct connecting *connecting)
{
    return connecting->session->args->verb.name;
}

static enum ctl_exit fail(const struct connecting *connecting, const char *text)
{
    struct error err = {0};
    error_set(&err, STATUS_INVALID, "%s", text);
    session_tell_failure(connecting->session, CTL_EXIT_ERROR, &err);
    return CTL_EXIT_ERROR;
}

/* ---- begin ---- */

static void copy_member(const struct json *from, const char *name, struct json *to)
{
    const struct json *value = json_get(from, name);
    if (value != NULL)
        json_set(to, name, json_copy(value));
}

/* A connection that is there names its connector and its owner itself. */
static enum ctl_exit add_subject(struct connecting *connecting, struct json *question)
{
    copy_member(connecting->params, "connection", question);
    if (json_get(connecting->params, "connector") != NULL) {
        copy_member(connecting->params, "connector", question);
        copy_member(connecting->params, "owner", question);
        return CTL_EXIT_OK;
    }
    CLEANUP(json_freep) struct json *named = json_new_object();
    CLEANUP(json_freep) struct json *connection = NULL;
    copy_member(connecting->params, "connection", named);
    enum ctl_exit result = session_call(connecting->session, "show-connection", named, &connection);
    if (result == CTL_EXIT_OK) {
        copy_member(connection, "connector", question);
        copy_member(connection, "owner", question);
    }
    return result;
}

static enum ctl_exit authorize(struct connecting *connecting)
{
    static const char *const rest[] = {"login_hint", "config", "revoke"};
    CLEANUP(json_freep) struct json *question = json_new_object();
    enum ctl_exit result = add_subject(connecting, question);
    if (result != CTL_EXIT_OK)
        return result;
    for (size_t i = 0; i < ARRAY_LEN(rest); i++)
        copy_member(connecting->params, rest[i], question);
    json_set_text(question, "intent", str_c(intent_of(connecting)));
    CLEANUP(buf_deinit) struct buf uri = {0};
    buf_printf(&uri, "http://127.0.0.1:%u" LOOPBACK_PATH,
               (unsigned)loopback_port(connecting->loopback));
    json_set_text(question, "redirect_uri", buf_str(&uri));
    return session_call(connecting->session, "authorize", question, &connecting->flow);
}

/* ---- the browser ---- */

/* The address is told in any case: the browser may be on another screen, or none opens. */
static void send_off(const struct connecting *connecting, int64_t wait_s)
{
    const struct session *session = connecting->session;
    const struct world *world = session->world;
    CLEANUP(buf_deinit) struct buf text = {0};
    struct str url = phrase_text(connecting->flow, "url");
    buf_append(&text, STR("Open this address in a browser on this machine:\n\n  "));
    text_clean(url, &text);
    buf_append(&text, STR("\n\n"));
    (void)world->write(world->ctx, WORLD_ERR, buf_str(&text), NULL);
    CLEANUP(buf_deinit) struct buf copy = {0};
    buf_append(&copy, url);
    bool wants = json_bool(json_get(connecting->params, "browser"), true);
    bool is_opened = wants && world->open_browser(world->ctx, buf_c(&copy));
    session_remark(session, "%swaiting %" PRId64 " s for the answer; interrupt to give up",
                   is_opened ? "a browser was opened; " : "", wait_s);
}

/* It can't be answered any more: the daemon need not keep it. Whether that is heard is no matter.
 */
static void abandon(const struct connecting *connecting)
{
    CLEANUP(json_freep) struct json *params = json_new_object();
    CLEANUP(json_freep) struct json *answer = NULL;
    struct error err;
    copy_member(connecting->flow, "state", params);
    json_set_text(params, "error", STR("abandoned"));
    if (client_call(connecting->session->client, "complete", params, 2000, &answer, &err) !=
        CTL_EXIT_OK)
        return;
}

static enum ctl_exit await(struct connecting *connecting, int64_t wait_s)
{
    struct str state = phrase_text(connecting->flow, "state");
    switch (loopback_wait(connecting->loopback, state, wait_s * 1000, &connecting->query)) {
    case LOOPBACK_CAME:
        return CTL_EXIT_OK;
    case LOOPBACK_TIMEOUT:
        abandon(connecting);
        return fail(connecting, "nobody approved in time: nothing was changed (--wait-s gives "
                                "more time)");
    case LOOPBACK_INTERRUPTED:
        abandon(connecting);
        (void)fail(connecting, "interrupted: nothing was changed");
        raise(SIGINT); /* pending until the listener is closed: then it ends us as usual */
        return CTL_EXIT_ERROR;
    case LOOPBACK_FAILED:
        break;
    }
    return fail(connecting, "the listener on 127.0.0.1 failed");
}

/* ---- end ---- */

static void add_param(const struct connecting *connecting, const char *name, struct json *params)
{
    CLEANUP(buf_deinit) struct buf value = {.secret = true};
    struct str text = loopback_param(buf_str(&connecting->query), name, &value);
    if (str_is_set(text) && text.len > 0)
        json_set_text(params, name, text);
}

static enum ctl_exit tell_denied(const struct connecting *connecting, const struct json *params)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_append(&text, STR("not approved: "));
    text_clean(phrase_text(params, "error"), &text);
    struct str why = phrase_text(params, "error_description");
    if (why.len > 0) {
        buf_append(&text, STR(" ("));
        text_clean(str_slice(why, 0, 200), &text);
        buf_append_byte(&text, ')');
    }
    buf_append(&text, STR(". Nothing was changed"));
    return fail(connecting, buf_c(&text));
}

static void write_list(const char *word, const struct json *list, struct buf *out)
{
    if (json_count(list) == 0)
        return;
    buf_append(out, str_c(word));
    phrase_texts(list, out);
    buf_append_byte(out, '\n');
}

static void write_missing(const struct json *connection, struct buf *out)
{
    CLEANUP(json_freep) struct json *missing = json_new_array();
    const struct json *asked = json_get(connection, "scopes_asked");
    const struct json *granted = json_get(connection, "scopes_granted");
    for (size_t i = 0; i < json_count(asked); i++) {
        bool is_granted = false;
        for (size_t j = 0; j < json_count(granted); j++)
            is_granted =
                is_granted || str_eq(json_text(json_at(asked, i)), json_text(json_at(granted, j)));
        if (!is_granted)
            json_append_text(missing, json_text(json_at(asked, i)));
    }
    write_list("Asked for and not granted: ", missing, out);
}

/* Who was connected, and what they allowed. */
static enum ctl_exit tell(const struct connecting *connecting, const struct json *connection)
{
    const struct session *session = connecting->session;
    if (session_is_json(session))
        return session_print_json(session, connection);
    CLEANUP(buf_deinit) struct buf text = {0};
    const struct json *account = json_get(connection, "account");
    struct str who = phrase_text(account, "label");
    if (who.len == 0)
        who = phrase_text(account, "id");
    if (session->view.quiet) {
        text_clean(phrase_text(connection, "connection"), &text);
        buf_append_byte(&text, '\n');
        return session_print(session, buf_str(&text));
    }
    buf_append(&text, STR("Connected "));
    if (who.len > 0)
        text_clean(who, &text);
    else
        buf_append(&text, STR("an account that the provider does not name"));
    buf_append(&text, STR(" as "));
    text_clean(phrase_text(connection, "connection"), &text);
    buf_append_byte(&text, '\n');
    write_list("Permissions: ", json_get(connection, "scopes_granted"), &text);
    write_missing(connection, &text);
    return session_print(session, buf_str(&text));
}

static enum ctl_exit complete(struct connecting *connecting)
{
    static const char *const names[] = {"state", "code", "iss", "error", "error_description"};
    CLEANUP(json_freep) struct json *params = json_new_object();
    CLEANUP(json_freep) struct json *connection = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        add_param(connecting, names[i], params);
    bool is_denied = json_get(params, "error") != NULL;
    enum ctl_exit result = session_call(connecting->session, "complete", params, &connection);
    loopback_answer(connecting->loopback, result == CTL_EXIT_OK && !is_denied);
    if (result != CTL_EXIT_OK)
        return result;
    return is_denied ? tell_denied(connecting, params) : tell(connecting, connection);
}

static enum ctl_exit run_with(struct connecting *connecting)
{
    int64_t wait_s = json_i64(json_get(connecting->params, "wait_s"), CONNECT_WAIT_S_DEFAULT);
    enum ctl_exit result = authorize(connecting);
    if (result != CTL_EXIT_OK)
        return result;
    send_off(connecting, wait_s);
    result = await(connecting, wait_s);
    return result == CTL_EXIT_OK ? complete(connecting) : result;
}

enum ctl_exit connect_run(struct session *session)
{
    struct connecting connecting = {
        .session = session, .params = session->args->params, .query = {.secret = true}};
    struct error err = {0};
    int64_t port = json_i64(json_get(connecting.params, "port"), 0);
    if (loopback_open((uint16_t)port, &connecting.loopback, &err) != STATUS_OK) {
        session_tell_failure(session, CTL_EXIT_ERROR, &err);
        return CTL_EXIT_ERROR;
    }
    enum ctl_exit result = run_with(&connecting);
    json_free(connecting.flow);
    buf_deinit(&connecting.query);
    loopback_free(connecting.loopback);
    return result;
}
