/* Events: in columns as they come, or as a table. */
#include "ctl/show.h"

#include "common/time_text.h"
#include "ctl/phrase.h"
#include "ctl/remedy.h"
#include "ctl/table.h"
#include "ctl/text.h"

#include <inttypes.h>

/* Types that ask somebody for something are red, those that say it is over green. */
static enum style_paint event_paint(const struct json *event)
{
    struct str type = phrase_text(event, "type");
    if (str_ends_with(type, STR(".needs_reconnect")))
        return phrase_state_paint(json_get(event, "data"));
    if (str_ends_with(type, STR("_rejected")))
        return STYLE_RED;
    if (str_ends_with(type, STR(".suspect")) || str_ends_with(type, STR(".expiring")) ||
        str_ends_with(type, STR(".disabled")))
        return STYLE_YELLOW;
    if (str_ends_with(type, STR("recovered")) || str_ends_with(type, STR("connected")) ||
        str_ends_with(type, STR(".enabled")))
        return str_ends_with(type, STR(".disconnected")) ? STYLE_DIM : STYLE_GREEN;
    return STYLE_PLAIN;
}

static void begin_part(const struct view *view, struct buf *out)
{
    if (out->len > 0)
        buf_append(out, style_dot(view->style));
}

static void add_reason(const struct view *view, const struct json *data, struct buf *out)
{
    struct str reason = phrase_text(data, "reason");
    if (reason.len == 0)
        return;
    begin_part(view, out);
    text_clean(reason, out);
    struct str detail = phrase_text(data, "detail");
    if (detail.len > 0) {
        buf_append(out, STR(", "));
        text_clean(detail, out);
    }
    if (str_eq(phrase_text(data, "severity"), STR("advisory")))
        buf_append(out, STR(" (advisory)"));
}

/* "added mail", "removed drive", "12 connections": what a connector's event changed. */
static void add_change(const struct view *view, const struct json *data, struct buf *out)
{
    static const char *const lists[] = {"added", "removed"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct json *list = json_get(data, lists[i]);
        if (json_count(list) == 0)
            continue;
        begin_part(view, out);
        buf_printf(out, "%s ", lists[i]);
        phrase_texts(list, out);
    }
    int64_t version = json_i64(json_get(data, "credential_version"), -1);
    if (version >= 0) {
        begin_part(view, out);
        buf_printf(out, "credential version %" PRId64, version);
    }
    int64_t affected = json_i64(json_get(data, "affected"), -1);
    if (affected >= 0) {
        begin_part(view, out);
        text_count(affected, "connection", out);
        buf_append(out, STR(" affected"));
    }
}

/* What an event says beyond its type and subject, without the remedy. */
static void write_summary(const struct view *view, const struct json *event, struct buf *out)
{
    const struct json *data = json_get(event, "data");
    CLEANUP(buf_deinit) struct buf text = {0};
    struct str connector = phrase_text(data, "connector");
    if (!str_eq(connector, phrase_text(event, "subject")))
        text_clean(connector, &text);
    if (json_get(data, "owner") != NULL) {
        begin_part(view, &text);
        phrase_owner(json_get(data, "owner"), &text);
    }
    add_reason(view, data, &text);
    add_change(view, data, &text);
    buf_append(out, buf_str(&text));
}

static void write_clock(const struct json *event, struct buf *out)
{
    int64_t wall_ms;
    struct str time = phrase_text(event, "time");
    if (time_text_parse_rfc3339(time, &wall_ms) == STATUS_OK)
        text_time(wall_ms, out);
    else
        text_clean(time, out);
}

/* Wide enough for "59 min ago", nearly all numbers, the longest type, and ids that refreshd made.
 */
enum { AGE_WIDTH = 11, NUMBER_WIDTH = 7, TYPE_WIDTH = 31, SUBJECT_WIDTH = 18, COLUMN_GAP = 2 };

static void write_column(const struct view *view, enum style_paint paint, struct str text,
                         size_t width, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf clean = {0};
    text_clean(text, &clean);
    size_t taken = text_width(buf_str(&clean));
    style_append(view->style, paint, buf_str(&clean), out);
    text_pad((taken < width ? width - taken : 0) + COLUMN_GAP, out);
}

static void write_age(const struct view *view, const struct json *event, struct buf *out)
{
    int64_t wall_ms;
    CLEANUP(buf_deinit) struct buf age = {0};
    if (time_text_parse_rfc3339(phrase_text(event, "time"), &wall_ms) == STATUS_OK)
        text_relative(wall_ms, view->now_ms, &age);
    write_column(view, STYLE_DIM, buf_str(&age), AGE_WIDTH, out);
}

static void write_line(const struct view *view, const struct json *event, bool age, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf clock = {0};
    CLEANUP(buf_deinit) struct buf number = {0};
    write_clock(event, &clock);
    write_column(view, STYLE_DIM, buf_str(&clock), 0, out);
    if (age)
        write_age(view, event, out);
    buf_append_byte(&number, '#');
    buf_append(&number, phrase_text(event, "id"));
    write_column(view, STYLE_PLAIN, buf_str(&number), NUMBER_WIDTH, out);
    write_column(view, event_paint(event), phrase_text(event, "type"), TYPE_WIDTH, out);
    write_column(view, STYLE_PLAIN, phrase_text(event, "subject"), SUBJECT_WIDTH, out);
    write_summary(view, event, out);
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    buf_append_byte(out, '\n');
}

void show_event(const struct view *view, const struct json *event, bool age, struct buf *out)
{
    const struct json *data = json_get(event, "data");
    CLEANUP(buf_deinit) struct buf remedy = {0};
    write_line(view, event, age, out);
    remedy_write(view, json_get(data, "remedy"), data, &remedy);
    if (remedy.len == 0)
        return;
    buf_append(out, view->style.utf8 ? STR("    \xe2\x86\x92 ") : STR("    -> "));
    style_append(view->style, STYLE_BOLD, buf_str(&remedy), out);
    buf_append_byte(out, '\n');
}

void show_events(const struct view *view, const struct json *items, struct buf *out)
{
    static const char *const headings[] = {"SEQ", "WHEN", "TYPE", "SUBJECT", "WHAT", "WHAT TO DO"};
    CLEANUP(table_deinit) struct table table = table_new(headings, ARRAY_LEN(headings));
    for (size_t i = 0; i < json_count(items); i++) {
        const struct json *event = json_at(items, i);
        const struct json *data = json_get(event, "data");
        CLEANUP(buf_deinit) struct buf when = {0};
        CLEANUP(buf_deinit) struct buf summary = {0};
        CLEANUP(buf_deinit) struct buf remedy = {0};
        phrase_write(view, PHRASE_SHORT, "time", json_get(event, "time"), &when);
        write_summary(view, event, &summary);
        remedy_write(view, json_get(data, "remedy"), data, &remedy);
        table_cell(&table, phrase_text(event, "id"), STYLE_PLAIN);
        table_cell(&table, buf_str(&when), STYLE_PLAIN);
        table_cell(&table, phrase_text(event, "type"), event_paint(event));
        table_cell(&table, phrase_text(event, "subject"), STYLE_PLAIN);
        table_cell(&table, buf_str(&summary), STYLE_PLAIN);
        table_cell(&table, buf_str(&remedy), STYLE_PLAIN);
    }
    table_write(&table, view->style, 0, out);
}
