#include "ctl/show.h"

#include "ctl/block.h"
#include "ctl/phrase.h"
#include "ctl/text.h"

#include <inttypes.h>

/* Any object: what newer daemons may answer is told as well as can be. */
static void show_object(const struct view *view, const struct json *object,
                        const struct block_name *told, size_t count, struct buf *out)
{
    CLEANUP(block_deinit) struct block block = block_new(view, 2);
    block_rest(&block, object, told, count);
    block_write(&block, out);
}

static bool is_connection(const struct json *object)
{
    return json_type(json_get(object, "connection")) == JSON_TEXT && json_has(object, "state");
}

static bool is_connector(const struct json *object)
{
    return json_type(json_get(object, "connector")) == JSON_TEXT && json_has(object, "type");
}

static void show_subject(const struct view *view, const struct json *result, struct buf *out)
{
    if (is_connection(result))
        show_connection(view, result, out);
    else if (is_connector(result))
        show_connector(view, result, out);
    else if (!view->quiet)
        show_object(view, result, NULL, 0, out);
}

/* "gcal: unregistered", for results that say nothing more. */
static void show_done(const struct view *view, const char *what, const char *subject,
                      const struct json *params, const struct json *result, struct buf *out)
{
    static const struct block_name told[] = {
        {"connector", NULL},
        {"connection", NULL},
        {"unregistered", NULL},
    };
    if (is_connection(result) || is_connector(result)) {
        show_subject(view, result, out);
        return;
    }
    if (view->quiet)
        return;
    struct str id = phrase_text(params, subject);
    text_clean(id, out);
    buf_printf(out, "%s%s\n", id.len > 0 ? ": " : "", what);
    show_object(view, result, told, ARRAY_LEN(told), out);
}

static void show_reload(const struct view *view, const struct json *result, struct buf *out)
{
    static const struct block_name told[] = {{"reloaded", NULL}, {"needs_restart", NULL}};
    if (view->quiet)
        return;
    buf_append(out, STR("configuration and profiles read again\n"));
    const struct json *fixed = json_get(result, "needs_restart");
    if (json_count(fixed) > 0) {
        CLEANUP(buf_deinit) struct buf line = {0};
        buf_append(&line, STR("read at start only: restart refreshd for "));
        phrase_texts(fixed, &line);
        style_append(view->style, STYLE_YELLOW, buf_str(&line), out);
        buf_append_byte(out, '\n');
    }
    show_object(view, result, told, ARRAY_LEN(told), out);
}

static void show_rotation(const struct view *view, const struct json *params,
                          const struct json *result, struct buf *out)
{
    static const struct block_name told[] = {
        {"connector", NULL},
        {"credential_version", NULL},
        {"checked", NULL},
        {"connections", NULL},
    };
    if (view->quiet)
        return;
    text_clean(phrase_text(params, "connector"), out);
    buf_printf(out, ": credential version %" PRId64,
               json_i64(json_get(result, "credential_version"), 0));
    buf_append(out, json_bool(json_get(result, "checked"), false) ? STR(", proved with one refresh")
                                                                  : STR(", not checked"));
    const struct json *connections = json_get(result, "connections");
    if (json_type(connections) == JSON_INTEGER) {
        buf_append(out, STR("; "));
        text_count(json_i64(connections, 0), "connection", out);
        buf_append(out, STR(" will use it from the next refresh on"));
    }
    buf_append_byte(out, '\n');
    show_object(view, result, told, ARRAY_LEN(told), out);
}

static void add_list(const char *word, const struct json *list, struct buf *out)
{
    if (json_count(list) == 0)
        return;
    buf_printf(out, ", %s ", word);
    phrase_texts(list, out);
}

static void show_rescope(const struct view *view, const struct json *params,
                         const struct json *result, struct buf *out)
{
    static const struct block_name told[] = {
        {"connector", NULL}, {"scopes_version", NULL}, {"added", NULL},
        {"removed", NULL},   {"affected", NULL},       {"dry_run", NULL},
    };
    if (view->quiet)
        return;
    text_clean(phrase_text(params, "connector"), out);
    buf_printf(out, ": scopes version %" PRId64, json_i64(json_get(result, "scopes_version"), 0));
    const struct json *added = json_get(result, "added");
    const struct json *removed = json_get(result, "removed");
    add_list("added", added, out);
    add_list("removed", removed, out);
    if (json_count(added) + json_count(removed) == 0)
        buf_append(out, STR(", nothing changed"));
    int64_t affected = json_i64(json_get(result, "affected"), -1);
    if (affected >= 0) {
        buf_append(out, STR("; "));
        text_count(affected, "connection", out);
        buf_append(out, affected == 1 ? STR(" needs") : STR(" need"));
        buf_append(out, STR(" a reconnect"));
    }
    if (json_bool(json_get(params, "dry_run"), false))
        buf_append(out, STR(" (dry run: nothing was changed)"));
    buf_append_byte(out, '\n');
    show_object(view, result, told, ARRAY_LEN(told), out);
}

/* The member that --quiet is for, or all of them. */
static void show_one_or_all(const struct view *view, const struct json *result, const char *one,
                            const struct block_name *names, size_t count, struct buf *out)
{
    if (view->quiet) {
        text_clean(phrase_text(result, one), out);
        buf_append_byte(out, '\n');
        return;
    }
    CLEANUP(block_deinit) struct block block = block_new(view, 0);
    block_members(&block, result, names, count);
    block_rest(&block, result, names, count);
    block_write(&block, out);
}

static void show_token(const struct view *view, const struct json *result, struct buf *out)
{
    static const struct block_name names[] = {
        {"access_token", "Access token"},
        {"token_type", "Type"},
        {"expires_at", "Expires"},
        {"scopes", "Scopes"},
    };
    show_one_or_all(view, result, "access_token", names, ARRAY_LEN(names), out);
}

static void show_authorize(const struct view *view, const struct json *result, struct buf *out)
{
    static const struct block_name names[] = {
        {"url", "Open"},
        {"expires_at", "Until"},
        {"state", "State"},
    };
    show_one_or_all(view, result, "url", names, ARRAY_LEN(names), out);
}

static void show_refresh(const struct view *view, const struct json *result, struct buf *out)
{
    static const struct block_name told[] = {{"outcome", NULL}, {"connection", NULL}};
    const struct json *connection = json_get(result, "connection");
    if (!view->quiet) {
        struct str outcome = phrase_text(result, "outcome");
        CLEANUP(buf_deinit) struct buf word = {0};
        phrase_word(outcome, &word);
        style_append(view->style, style_of_state(outcome), buf_str(&word), out);
        buf_append_byte(out, '\n');
        show_object(view, result, told, ARRAY_LEN(told), out);
    }
    if (json_type(connection) == JSON_OBJECT)
        show_connection(view, connection, out);
}

/* What the reporter is to do next, in words beside the verdict. */
static void show_report(const struct json *result, struct buf *out)
{
    static const struct {
        const char *verdict, *text;
    } texts[] = {
        {"refreshed", "the grant is good: use a new access token"},
        {"needs_reconnect", "the grant is over: somebody has to reconnect"},
        {"fetch_again", "that access token was replaced: use the new one"},
        {"unknown", "nothing could be found out"},
    };
    struct str verdict = phrase_text(result, "verdict");
    text_clean(verdict, out);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (str_eq(verdict, str_c(texts[i].verdict)))
            buf_printf(out, "  %s", texts[i].text);
    }
    buf_append_byte(out, '\n');
}

static void show_imports(const struct view *view, const struct json *results, struct buf *out)
{
    size_t failed = 0;
    for (size_t i = 0; i < json_count(results); i++) {
        const struct json *result = json_at(results, i);
        const struct json *error = json_get(result, "error");
        if (error == NULL && view->quiet) {
            text_clean(phrase_text(result, "connection"), out);
            buf_append_byte(out, '\n');
        } else if (error != NULL) {
            failed++;
            buf_printf(out, "connections[%zu]: ", i);
            text_clean(phrase_text(error, "message"), out);
            struct str code = phrase_text(json_get(error, "data"), "code");
            buf_append(out, code.len > 0 ? STR(" (") : STR(""));
            text_clean(code, out);
            buf_append(out, code.len > 0 ? STR(")\n") : STR("\n"));
        }
    }
    if (view->quiet)
        return;
    text_count((int64_t)(json_count(results) - failed), "connection", out);
    buf_printf(out, " imported, %zu refused\n", failed);
}

static void show_guard(const struct view *view, enum rpc_method_id method,
                       const struct json *result, struct buf *out)
{
    int64_t held = json_i64(json_get(result, "held"), 0);
    if (view->quiet) {
        buf_printf(out, "%lld\n", (long long)held);
        return;
    }
    text_clean(phrase_text(result, "connector"), out);
    if (held == 0) {
        buf_append(out, STR(": nothing is held\n"));
        return;
    }
    buf_append(out, STR(": "));
    text_count(held, "verdict", out);
    buf_append(out, method == RPC_CONFIRM ? STR(" confirmed: these people are told to reconnect\n")
                                          : STR(" cleared: these grants are refreshed again\n"));
}

static void show_list(const struct view *view, const struct rpc_method *method,
                      const struct json *result, struct buf *out)
{
    const struct json *items = json_get(result, "items");
    const char *id = method->id == RPC_LIST_CONNECTORS    ? "connector"
                     : method->id == RPC_LIST_CONNECTIONS ? "connection"
                     : method->id == RPC_LIST_AUDIT       ? "seq"
                                                          : "id";
    for (size_t i = 0; view->quiet && i < json_count(items); i++) {
        phrase_write(view, PHRASE_SHORT, id, json_get(json_at(items, i), id), out);
        buf_append_byte(out, '\n');
    }
    if (view->quiet)
        return;
    if (method->id == RPC_LIST_CONNECTORS)
        show_connectors(view, items, out);
    else if (method->id == RPC_LIST_CONNECTIONS)
        show_connections(view, items, out);
    else if (method->id == RPC_LIST_EVENTS)
        show_events(view, items, out);
    else
        block_table(view, items, 0, out);
}

void show_result(const struct view *view, const struct rpc_method *method,
                 const struct json *params, const struct json *result, struct buf *out)
{
    switch (method->id) {
    case RPC_UNREGISTER:
        show_done(view, "unregistered", "connector", params, result, out);
        return;
    case RPC_DISABLE:
        show_done(view, "disabled", "connector", params, result, out);
        return;
    case RPC_ENABLE:
        show_done(view, "enabled", "connector", params, result, out);
        return;
    case RPC_DISCONNECT:
        show_done(view, "disconnected", "connection", params, result, out);
        return;
    case RPC_RELOAD:
        show_reload(view, result, out);
        return;
    case RPC_ROTATE:
        show_rotation(view, params, result, out);
        return;
    case RPC_RESCOPE:
        show_rescope(view, params, result, out);
        return;
    case RPC_TOKEN:
        show_token(view, result, out);
        return;
    case RPC_AUTHORIZE:
        show_authorize(view, result, out);
        return;
    case RPC_REFRESH:
        show_refresh(view, result, out);
        return;
    case RPC_REPORT:
        show_report(result, out);
        return;
    case RPC_IMPORT:
        if (json_get(result, "results") != NULL)
            show_imports(view, json_get(result, "results"), out);
        else
            show_subject(view, result, out);
        return;
    case RPC_CONFIRM:
    case RPC_CLEAR:
        show_guard(view, method->id, result, out);
        return;
    case RPC_STATUS:
        show_status(view, result, out);
        return;
    case RPC_METRICS:
        buf_append(out, phrase_text(result, "text"));
        return;
    case RPC_LIST_CONNECTORS:
    case RPC_LIST_CONNECTIONS:
    case RPC_LIST_EVENTS:
    case RPC_LIST_AUDIT:
        show_list(view, method, result, out);
        return;
    case RPC_DISCOVER:
        json_write_pretty(result, out);
        buf_append_byte(out, '\n');
        return;
    case RPC_REGISTER:
    case RPC_SHOW_CONNECTOR:
    case RPC_SHOW_CONNECTION:
    case RPC_COMPLETE:
    case RPC_ATTACH:
    case RPC_WATCH:
    case RPC_METHOD_COUNT:
        break;
    }
    show_subject(view, result, out);
}
