#include "ctl/method.h"

#include "ctl/flag.h"
#include "ctl/import.h"
#include "ctl/phrase.h"
#include "ctl/show.h"
#include "ctl/text.h"

#include <inttypes.h>

/* Only a person at a terminal is asked: a program that calls disconnect means it. */
static bool wants_to(const struct session *session, const struct json *params)
{
    const struct world *world = session->world;
    const struct rpc_method *method = session->args->verb.method;
    bool risky = method->id == RPC_DISCONNECT || method->id == RPC_UNREGISTER;
    if (!risky || session->args->yes || json_bool(json_get(params, "dry_run"), false) ||
        !world->is_terminal(world->ctx, WORLD_IN))
        return true;
    CLEANUP(buf_deinit) struct buf question = {0};
    const char *subject = method->id == RPC_DISCONNECT ? "connection" : "connector";
    buf_printf(&question, "%s ", method->name);
    text_clean(phrase_text(params, subject), &question);
    if (method->id == RPC_DISCONNECT && json_get(params, "app") == NULL)
        buf_append(&question, STR(": its tokens are erased for good"));
    if (json_bool(json_get(params, "force"), false))
        buf_append(&question, STR(": all its connections are disconnected"));
    buf_append(&question, STR(". Go on? [y/N] "));
    return world->confirm(world->ctx, buf_c(&question));
}

/* Connections that can tell whether a credential works: all but those without a grant. */
static int64_t count_connections(const struct json *connector)
{
    int64_t sum = 0;
    size_t index = 0;
    struct str state;
    const struct json *count;
    while (json_next_member(json_get(connector, "counts"), &index, &state, &count)) {
        if (!str_eq(state, STR("pending")) && !str_eq(state, STR("disconnected")))
            sum += json_i64(count, 0);
    }
    return sum;
}

/* "check" is the command line's default when a connection exists (docs/behaviour.md "Rotate"). A
 * new client id can't be checked: the refresh tokens belong to the old one. */
static enum ctl_exit decide_check(struct session *session, struct json *params)
{
    if (json_has(params, "check") || json_has(params, "client_id"))
        return CTL_EXIT_OK;
    CLEANUP(json_freep) struct json *question = json_new_object();
    CLEANUP(json_freep) struct json *connector = NULL;
    json_set_text(question, "connector", phrase_text(params, "connector"));
    enum ctl_exit result = session_call(session, "show-connector", question, &connector);
    if (result == CTL_EXIT_OK && count_connections(connector) > 0)
        json_set_bool(params, "check", true);
    return result;
}

static enum ctl_exit call_import(struct session *session, const struct json *params,
                                 struct json **out)
{
    CLEANUP(json_freep) struct json *all = json_new_array();
    CLEANUP(json_freep) struct json *part = NULL;
    size_t position = 0;
    while (import_next(params, &position, &part)) {
        CLEANUP(json_freep) struct json *result = NULL;
        enum ctl_exit exit = session_call(session, "import", part, &result);
        if (exit != CTL_EXIT_OK) {
            session_remark(session, "  of the list, %zu were imported before that",
                           json_count(all) - import_failures(all));
            return exit;
        }
        import_join(all, result);
        json_free(TAKE_PTR(part));
    }
    *out = json_new_object();
    json_set(*out, "results", TAKE_PTR(all));
    return CTL_EXIT_OK;
}

static enum ctl_exit exit_of_refresh(struct str outcome)
{
    if (str_eq(outcome, STR("grant_dead")) || str_eq(outcome, STR("reauth_required")))
        return CTL_EXIT_NEEDS_RECONNECT;
    return str_eq(outcome, STR("refreshed")) ? CTL_EXIT_OK : CTL_EXIT_ERROR;
}

/* Some results are bad news though the call went well. */
static enum ctl_exit exit_of_result(const struct rpc_method *method, const struct json *result)
{
    if (method->id == RPC_IMPORT)
        return import_failures(json_get(result, "results")) > 0 ? CTL_EXIT_ERROR : CTL_EXIT_OK;
    if (method->id == RPC_REFRESH)
        return exit_of_refresh(phrase_text(result, "outcome"));
    bool is_over =
        method->id == RPC_REPORT && str_eq(phrase_text(result, "verdict"), STR("needs_reconnect"));
    return is_over ? CTL_EXIT_NEEDS_RECONNECT : CTL_EXIT_OK;
}

static enum ctl_exit print_lines(const struct session *session, const struct json *items)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    for (size_t i = 0; i < json_count(items); i++) {
        json_write(json_at(items, i), &text);
        buf_append_byte(&text, '\n');
    }
    return session_print(session, buf_str(&text));
}

static enum ctl_exit print_result(const struct session *session, const struct json *params,
                                  const struct json *result)
{
    const struct rpc_method *method = session->args->verb.method;
    const struct json *items = json_get(result, "items");
    if (session->args->jsonl && items != NULL)
        return print_lines(session, items);
    if (session_is_json(session))
        return session_print_json(session, result);
    CLEANUP(buf_deinit) struct buf text = {.secret = true};
    show_result(&session->view, method, params, result, &text);
    return session_print(session, buf_str(&text));
}

/* Set where the next page begins. False: there is none. Events have no cursor, but a number. */
static bool turn_page(const struct rpc_method *method, const struct json *result,
                      struct json *params)
{
    const struct json *next = json_get(result, "next_cursor");
    if (next == NULL)
        return false;
    if (flag_param(method->params, STR("cursor")) != NULL) {
        json_set(params, "cursor", json_copy(next));
        return true;
    }
    int64_t after = json_i64(next, -1);
    if (after < 0 && str_to_i64(json_text(next), &after) != STATUS_OK)
        return false;
    bool further = after > json_i64(json_get(params, "after"), -1);
    json_set_i64(params, "after", after);
    return further;
}

static void remark_on_list(const struct session *session, const struct json *result,
                           const struct json *next)
{
    const struct rpc_method *method = session->args->verb.method;
    const struct json *items = json_get(result, "items");
    if (json_count(items) == 0)
        session_remark(session, "none");
    if (next == NULL)
        return;
    CLEANUP(buf_deinit) struct buf cursor = {0};
    bool by_cursor = flag_param(method->params, STR("cursor")) != NULL;
    if (by_cursor)
        text_clean(phrase_text(next, "cursor"), &cursor);
    else
        buf_printf(&cursor, "%" PRId64, json_i64(json_get(next, "after"), 0));
    session_remark(session, "there are more: --all, or --%s %.200s", by_cursor ? "cursor" : "after",
                   buf_c(&cursor));
}

/* Events without --after: from the oldest that is kept. The daemon tells which one that is. */
static enum ctl_exit begin_with_oldest(struct session *session, struct json *params)
{
    json_set_i64(params, "after", 0);
    CLEANUP(json_freep) struct json *probe = json_copy(params);
    CLEANUP(json_freep) struct json *answer = NULL;
    json_set_i64(probe, "limit", 1);
    enum ctl_exit exit = session_ask(session, "list-events", probe, &answer);
    int64_t oldest = json_i64(json_get_path(answer, STR("error.data.oldest")), 0);
    if (oldest > 0)
        json_set_i64(params, "after", oldest - 1);
    return exit;
}

/* Every page: lines go out as they come, all else is put together first. */
static enum ctl_exit run_list(struct session *session, struct json *params)
{
    const struct rpc_method *method = session->args->verb.method;
    CLEANUP(json_freep) struct json *all = json_new_object();
    CLEANUP(json_freep) struct json *items = json_new_array();
    bool more = true;
    while (more) {
        CLEANUP(json_freep) struct json *result = NULL;
        enum ctl_exit exit = session_call(session, method->name, params, &result);
        if (exit != CTL_EXIT_OK)
            return exit;
        more = turn_page(method, result, params);
        if (!session->args->all) {
            exit = print_result(session, params, result);
            remark_on_list(session, result, more ? params : NULL);
            return exit;
        }
        if (session->args->jsonl) {
            exit = print_result(session, params, result);
            if (exit != CTL_EXIT_OK)
                return exit;
            continue;
        }
        const struct json *page = json_get(result, "items");
        for (size_t i = 0; i < json_count(page); i++)
            json_append(items, json_copy(json_at(page, i)));
    }
    if (session->args->jsonl)
        return CTL_EXIT_OK;
    json_set(all, "items", TAKE_PTR(items));
    json_set_null(all, "next_cursor");
    remark_on_list(session, all, NULL);
    return print_result(session, params, all);
}

static bool is_list(const struct rpc_method *method)
{
    return method->id == RPC_LIST_CONNECTORS || method->id == RPC_LIST_CONNECTIONS ||
           method->id == RPC_LIST_EVENTS || method->id == RPC_LIST_AUDIT;
}

enum ctl_exit method_run(struct session *session)
{
    const struct rpc_method *method = session->args->verb.method;
    CLEANUP(json_freep) struct json *params = json_copy(session->args->params);
    if (!wants_to(session, params)) {
        session_remark(session, "nothing was done");
        return CTL_EXIT_ERROR;
    }
    enum ctl_exit exit = CTL_EXIT_OK;
    if (method->id == RPC_LIST_EVENTS && !json_has(params, "after"))
        exit = begin_with_oldest(session, params);
    if (exit == CTL_EXIT_OK && is_list(method))
        return run_list(session, params);
    if (method->id == RPC_ROTATE)
        exit = decide_check(session, params);
    CLEANUP(json_freep) struct json *result = NULL;
    if (exit == CTL_EXIT_OK)
        exit = import_is_list(method, params)
                   ? call_import(session, params, &result)
                   : session_call(session, method->name, params, &result);
    if (exit != CTL_EXIT_OK)
        return exit;
    exit = print_result(session, params, result);
    return exit == CTL_EXIT_OK ? exit_of_result(method, result) : exit;
}
