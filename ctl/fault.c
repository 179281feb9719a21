#include "ctl/fault.h"

#include "ctl/flag.h"
#include "ctl/phrase.h"
#include "ctl/remedy.h"
#include "ctl/text.h"

#include <inttypes.h>

static bool is_code(const struct json *error, enum rpc_code code)
{
    return str_eq(phrase_text(json_get(error, "data"), "code"), str_c(rpc_code_text(code)));
}

enum ctl_exit fault_exit(const struct json *error)
{
    if (is_code(error, RPC_CODE_FORBIDDEN))
        return CTL_EXIT_FORBIDDEN;
    if (is_code(error, RPC_CODE_NEEDS_RECONNECT))
        return CTL_EXIT_NEEDS_RECONNECT;
    return CTL_EXIT_ERROR;
}

/* What to do next, where that does not depend on the error's members. */
static const struct {
    enum rpc_code code;
    const char *hint;
} hints[] = {
    {RPC_CODE_UNKNOWN_CONNECTOR, "the connectors there are: refreshctl list-connectors"},
    {RPC_CODE_UNKNOWN_CONNECTION, "the connections there are: refreshctl list-connections"},
    {RPC_CODE_NOT_CONNECTED, "import a new grant for it: refreshctl import"},
    {RPC_CODE_TOKEN_EXPIRED, "see why it is not refreshed: refreshctl show-connection ID"},
    {RPC_CODE_HELD, "the store may be a copy: if it is the real one, adopt it"},
    {RPC_CODE_INVALID_OWNER, "an owner is --owner apps=APP (shared), --owner superagent=ID, or "
                             "--owner app=APP,user=ID (app_user)"},
    {RPC_CODE_CONFLICT, "somebody changed it meanwhile: look at it and try again"},
    {RPC_CODE_BUSY, "it is being worked on: try again shortly"},
    {RPC_CODE_TOO_MANY, "close other clients, or ask for less at a time"},
    {RPC_CODE_TOO_LARGE, "send less at a time"},
    {RPC_CODE_PROVIDER_UNAVAILABLE, "refreshd goes on trying; follow it: refreshctl watch"},
    {RPC_CODE_CHECK_FAILED, "nothing was changed. After rotate: was the credential copied whole? "
                            "(--no-check takes it over unproved.) After reload: refreshd --check "
                            "tells every mistake"},
    {RPC_CODE_STORE_UNAVAILABLE, "the daemon can't write its store: see its log and the disk"},
    {RPC_CODE_ACCOUNT_MISMATCH, "another account takes its place with --intent switch"},
};

static void write_line(const struct view *view, struct str text, struct buf *out)
{
    if (text.len == 0)
        return;
    buf_append(out, STR("  "));
    style_append(view->style, STYLE_BOLD, text, out);
    buf_append_byte(out, '\n');
}

void fault_write_roles(const struct rpc_method *method, struct buf *out)
{
    static const struct {
        enum rpc_role role;
        const char *name;
    } roles[] = {
        {RPC_ROLE_ADMIN, "admin"},
        {RPC_ROLE_PLATFORM, "platform"},
        {RPC_ROLE_OPERATOR, "operator"},
        {RPC_ROLE_ANYONE, "everyone who can connect"},
    };
    size_t said = 0;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (method->roles & (unsigned)roles[i].role)
            buf_printf(out, "%s%s", said++ > 0 ? " or " : "", roles[i].name);
    }
}

static void write_forbidden(const struct view *view, const struct rpc_method *method,
                            struct buf *out)
{
    CLEANUP(buf_deinit) struct buf line = {0};
    buf_printf(&line, "%s is for ", method->name);
    fault_write_roles(method, &line);
    buf_append(&line, STR(": [access] in refreshd.conf says who that is"));
    write_line(view, buf_str(&line), out);
}

/* From where on the log can be read, and where it ends. */
static void write_log_ends(const struct view *view, const struct json *data, struct buf *out)
{
    int64_t oldest = json_i64(json_get(data, "oldest"), -1);
    int64_t last = json_i64(json_get(data, "last"), -1);
    CLEANUP(buf_deinit) struct buf line = {0};
    if (oldest > 0 && oldest != last + 1)
        buf_printf(&line, "the oldest event kept is %" PRId64 ": --after %" PRId64, oldest,
                   oldest - 1);
    if (last >= 0)
        buf_printf(&line, "%sthe newest is %" PRId64 ": --after %" PRId64, line.len > 0 ? "; " : "",
                   last, last);
    write_line(view, buf_str(&line), out);
}

static void write_hint(const struct view *view, const struct rpc_method *method,
                       const struct json *error, struct buf *out)
{
    const struct json *data = json_get(error, "data");
    if (is_code(error, RPC_CODE_FORBIDDEN)) {
        write_forbidden(view, method, out);
        return;
    }
    if (is_code(error, RPC_CODE_GONE)) {
        write_log_ends(view, data, out);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        if (is_code(error, hints[i].code))
            write_line(view, str_c(hints[i].hint), out);
    }
}

/* -32602: where and what was expected, in the words of the command line. The daemon's message says
 * the same in its own. */
static bool write_expected(const struct rpc_method *method, const struct json *data,
                           struct buf *out)
{
    struct str path = phrase_text(data, "path");
    struct str wanted = phrase_text(data, "expected");
    if (wanted.len == 0)
        return false;
    const struct rpc_param *param = flag_param(method->params, path);
    if (param != NULL && !flag_is_positional(method, param))
        flag_write_name(param, out);
    else
        text_clean(path, out);
    buf_append(out, path.len > 0 ? STR(": expected ") : STR("expected "));
    text_clean(wanted, out);
    return true;
}

static void write_remedy(const struct view *view, const struct json *data, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf sentence = {0};
    CLEANUP(buf_deinit) struct buf command = {0};
    remedy_write(view, json_get(data, "remedy"), data, &sentence);
    write_line(view, buf_str(&sentence), out);
    remedy_write_command(json_get(data, "remedy"), data, &command);
    write_line(view, buf_str(&command), out);
}

void fault_write(const struct view *view, const struct rpc_method *method, const struct json *error,
                 struct buf *out)
{
    const struct json *data = json_get(error, "data");
    struct str message = phrase_text(error, "message");
    struct str code = phrase_text(data, "code");
    struct str reason = phrase_text(data, "reason");
    struct str detail = phrase_text(data, "detail");
    style_append(view->style, STYLE_RED, STR("refreshctl:"), out);
    buf_append_byte(out, ' ');
    if (!write_expected(method, data, out))
        text_clean(message.len > 0 ? message : STR("the daemon answered with an error"), out);
    if (code.len > 0) {
        buf_append(out, STR(" ("));
        text_clean(code, out);
        buf_append(out, reason.len > 0 ? STR(": ") : STR(""));
        text_clean(reason, out);
        buf_append(out, detail.len > 0 ? STR(", ") : STR(""));
        text_clean(detail, out);
        buf_append(out, STR(")"));
    }
    buf_append_byte(out, '\n');
    write_remedy(view, data, out);
    write_hint(view, method, error, out);
}
