#include "ctl/phrase.h"

#include "common/time_text.h"
#include "ctl/text.h"

#include <inttypes.h>
#include <string.h>

struct str phrase_text(const struct json *object, const char *name)
{
    return json_text(json_get(object, name));
}

void phrase_word(struct str word, struct buf *out)
{
    size_t start = out->len;
    text_clean(word, out);
    for (size_t i = start; i < out->len; i++) {
        if (out->data[i] == '_')
            out->data[i] = ' ';
    }
}

void phrase_label(struct str name, struct buf *out)
{
    static const struct str ends[] = {STR_INIT("_s"), STR_INIT("_ms"), STR_INIT("_at")};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (str_ends_with(name, ends[i])) {
            name.len -= ends[i].len;
            break;
        }
    }
    phrase_word(name, out);
}

void phrase_texts(const struct json *array, struct buf *out)
{
    for (size_t i = 0; i < json_count(array); i++) {
        if (i > 0)
            buf_append(out, STR(", "));
        text_clean(json_text(json_at(array, i)), out);
    }
}

void phrase_owner(const struct json *owner, struct buf *out)
{
    struct str app = phrase_text(owner, "app");
    struct str user = phrase_text(owner, "user");
    struct str superagent = phrase_text(owner, "superagent");
    const struct json *apps = json_get(owner, "apps");
    if (user.len > 0) {
        buf_append(out, STR("user "));
        text_clean(user, out);
        buf_append(out, app.len > 0 ? STR(" of app ") : STR(""));
        text_clean(app, out);
    } else if (superagent.len > 0) {
        buf_append(out, STR("Superagent "));
        text_clean(superagent, out);
    } else if (app.len > 0) {
        buf_append(out, STR("app "));
        text_clean(app, out);
    } else if (json_count(apps) > 0) {
        buf_append(out, json_count(apps) > 1 ? STR("apps ") : STR("app "));
        phrase_texts(apps, out);
    } else if (json_type(owner) == JSON_TEXT) {
        text_clean(json_text(owner), out);
    }
}

void phrase_account(const struct json *account, struct buf *out)
{
    if (json_type(account) == JSON_TEXT) {
        text_clean(json_text(account), out);
        return;
    }
    struct str id = phrase_text(account, "id");
    struct str label = phrase_text(account, "label");
    text_clean(label.len > 0 ? label : id, out);
    if (label.len == 0 || id.len == 0)
        return;
    buf_append(out, STR(" ("));
    text_clean(id, out);
    buf_append(out, STR(")"));
}

void phrase_counts(const struct json *counts, struct buf *out)
{
    size_t index = 0;
    size_t said = 0;
    struct str name;
    const struct json *value;
    while (json_next_member(counts, &index, &name, &value)) {
        int64_t number = json_i64(value, 0);
        if (number == 0)
            continue;
        buf_printf(out, "%s%" PRId64 " ", said++ > 0 ? ", " : "", number);
        phrase_word(name, out);
    }
    if (said == 0)
        buf_append(out, STR("none"));
}

static void write_provider_error(const struct json *value, struct buf *out)
{
    int64_t status = json_i64(json_get(value, "status"), 0);
    struct str code = phrase_text(value, "code");
    struct str message = phrase_text(value, "message");
    if (status != 0)
        buf_printf(out, "%" PRId64 " ", status);
    text_clean(code, out);
    if (message.len == 0)
        return;
    buf_append(out, code.len > 0 ? STR(": ") : STR(""));
    text_clean(message, out);
}

static bool is_counts(const char *name, const struct json *value)
{
    if (strcmp(name, "counts") == 0)
        return true;
    size_t index = 0;
    struct str member;
    const struct json *child;
    while (json_next_member(value, &index, &member, &child)) {
        if (json_type(child) != JSON_INTEGER)
            return false;
    }
    /* "connections": {"active":3, …} in a status; times and sizes are told member by member. */
    return strcmp(name, "connections") == 0 || strcmp(name, "connectors") == 0;
}

static bool is_known_object(const char *name)
{
    static const char *const names[] = {"owner", "account", "provider_error", "remedy"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

bool phrase_fits(const char *name, const struct json *value)
{
    switch (json_type(value)) {
    case JSON_OBJECT:
        return json_count(value) == 0 || is_known_object(name) || is_counts(name, value);
    case JSON_ARRAY:
        for (size_t i = 0; i < json_count(value); i++) {
            enum json_type type = json_type(json_at(value, i));
            if (type == JSON_OBJECT || type == JSON_ARRAY)
                return false;
        }
        return true;
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_INTEGER:
    case JSON_NUMBER:
    case JSON_TEXT:
        break;
    }
    return true;
}

static void write_object(const char *name, const struct json *value, struct buf *out)
{
    if (strcmp(name, "owner") == 0) {
        phrase_owner(value, out);
    } else if (strcmp(name, "account") == 0) {
        phrase_account(value, out);
    } else if (strcmp(name, "provider_error") == 0) {
        write_provider_error(value, out);
    } else if (json_count(value) == 0) {
        buf_append(out, STR("none"));
    } else if (is_counts(name, value)) {
        phrase_counts(value, out);
    } else {
        CLEANUP(buf_deinit) struct buf compact = {0};
        json_write(value, &compact);
        text_clean(buf_str(&compact), out);
    }
}

static void write_array(const struct view *view, const char *name, const struct json *value,
                        struct buf *out)
{
    if (json_count(value) == 0)
        buf_append(out, STR("none"));
    for (size_t i = 0; i < json_count(value); i++) {
        if (i > 0)
            buf_append(out, STR(", "));
        phrase_write(view, PHRASE_SHORT, name, json_at(value, i), out);
    }
}

static void write_text(const struct view *view, enum phrase_size size, struct str text,
                       struct buf *out)
{
    int64_t wall_ms;
    bool is_time = text.len >= 20 && time_text_parse_rfc3339(text, &wall_ms) == STATUS_OK;
    if (!is_time) {
        text_clean(text, out);
        return;
    }
    if (size == PHRASE_SHORT) {
        text_relative(wall_ms, view->now_ms, out);
        return;
    }
    text_time(wall_ms, out);
    buf_append(out, STR(" ("));
    text_relative(wall_ms, view->now_ms, out);
    buf_append(out, STR(")"));
}

static void write_integer(const char *name, int64_t number, struct buf *out)
{
    bool seconds = str_ends_with(str_c(name), STR("_s"));
    bool millis = str_ends_with(str_c(name), STR("_ms"));
    if ((!seconds && !millis) || number < 0 || number > INT64_MAX / 1000) {
        buf_printf(out, "%" PRId64, number);
        return;
    }
    char span[TIME_SPAN_SIZE];
    time_text_span(seconds ? number * 1000 : number, span);
    buf_append(out, str_c(span));
}

void phrase_write(const struct view *view, enum phrase_size size, const char *name,
                  const struct json *value, struct buf *out)
{
    switch (json_type(value)) {
    case JSON_NULL:
        return;
    case JSON_BOOL:
        buf_append(out, json_bool(value, false) ? STR("yes") : STR("no"));
        return;
    case JSON_INTEGER:
        write_integer(name, json_i64(value, 0), out);
        return;
    case JSON_NUMBER:
        buf_printf(out, "%g", json_f64(value, 0));
        return;
    case JSON_TEXT:
        write_text(view, size, json_text(value), out);
        return;
    case JSON_ARRAY:
        write_array(view, name, value, out);
        return;
    case JSON_OBJECT:
        write_object(name, value, out);
        return;
    }
}

void phrase_state(const struct view *view, const struct json *connection, struct buf *out)
{
    struct str reason = phrase_text(connection, "reason");
    struct str detail = phrase_text(connection, "detail");
    text_clean(phrase_text(connection, "state"), out);
    if (reason.len > 0) {
        buf_append(out, style_dot(view->style));
        text_clean(reason, out);
    }
    if (detail.len > 0) {
        buf_append(out, STR(", "));
        text_clean(detail, out);
    }
    if (str_eq(phrase_text(connection, "severity"), STR("advisory")))
        buf_append(out, STR(" (advisory)"));
}

enum style_paint phrase_state_paint(const struct json *connection)
{
    struct str state = phrase_text(connection, "state");
    if (str_eq(state, STR("needs_reconnect")) &&
        json_bool(json_get(connection, "grant_alive"), false))
        return STYLE_YELLOW;
    return style_of_state(state);
}
