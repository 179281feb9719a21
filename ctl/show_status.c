#include "ctl/show.h"

#include "ctl/block.h"
#include "ctl/phrase.h"
#include "ctl/text.h"

struct health {
    struct str word;
    enum style_paint paint;
};

static bool is_false(const struct json *object, const char *name)
{
    return json_has(object, name) && !json_bool(json_get(object, name), true);
}

/* One word for the whole: what the daemon itself says, else the worst of what its parts say. */
static struct health overall(const struct json *status)
{
    struct str said = phrase_text(status, "state");
    const struct json *redis = json_get(status, "redis");
    if (said.len > 0)
        return (struct health){said, style_of_state(said)};
    if (is_false(json_get(status, "store"), "writable"))
        return (struct health){STR("store not writable"), STYLE_RED};
    if (json_i64(json_get_path(status, STR("store.unsaved_answers")), 0) > 0)
        return (struct health){STR("answers not saved"), STYLE_RED};
    if (json_bool(json_get(status, "stopping"), false))
        return (struct health){STR("stopping"), STYLE_YELLOW};
    if (json_bool(json_get(redis, "configured"), true) && is_false(redis, "connected"))
        return (struct health){STR("Redis not connected"), STYLE_YELLOW};
    if (json_i64(json_get(status, "connectors_blocked"), 0) > 0)
        return (struct health){STR("running, connectors blocked"), STYLE_YELLOW};
    return (struct health){STR("running"), STYLE_GREEN};
}

static void write_headline(const struct view *view, const struct json *status, struct buf *out)
{
    struct health health = overall(status);
    CLEANUP(buf_deinit) struct buf word = {0};
    text_clean(health.word, &word);
    style_append(view->style, health.paint, style_bullet(view->style), out);
    buf_append(out, STR(" refreshd"));
    struct str version = phrase_text(status, "version");
    buf_append(out, version.len > 0 ? STR(" ") : STR(""));
    text_clean(version, out);
    buf_append(out, style_dot(view->style));
    style_append(view->style, health.paint, buf_str(&word), out);
    if (json_get(status, "started_at") != NULL) {
        buf_append(out, style_dot(view->style));
        buf_append(out, STR("started "));
        phrase_write(view, PHRASE_SHORT, "started_at", json_get(status, "started_at"), out);
    }
    buf_append_byte(out, '\n');
}

/* Switches are worth a line only where they are not as they should be. */
static void add_warnings(struct block *block, const struct json *status)
{
    if (is_false(status, "memory_locked"))
        block_text(block, "Memory", STR("not locked: secrets may be swapped out"), STYLE_YELLOW);
    if (json_bool(json_get(status, "clock_was_unset"), false))
        block_text(block, "Clock", STR("was not set at the start: due times were spread"),
                   STYLE_YELLOW);
}

void show_status(const struct view *view, const struct json *status, struct buf *out)
{
    static const struct block_name told[] = {
        {"state", NULL},
        {"version", NULL},
        {"started_at", NULL},
        {"stopping", NULL},
        {"memory_locked", NULL},
        {"clock_was_unset", NULL},
        {"source", "Source"},
        {"connectors", "Connectors"},
        {"connectors_blocked", "Connectors blocked"},
        {"connections", "Connections"},
    };
    if (view->quiet) {
        text_clean(overall(status).word, out);
        buf_append_byte(out, '\n');
        return;
    }
    write_headline(view, status, out);
    CLEANUP(block_deinit) struct block block = block_new(view, 2);
    add_warnings(&block, status);
    block_members(&block, status, told, ARRAY_LEN(told));
    block_rest(&block, status, told, ARRAY_LEN(told));
    block_write(&block, out);
}
