/* The health of the daemon: a headline that judges, then what it is made of. */
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

/* Events that Redis takes are there within moments: what waits longer, waits for it. */
enum { WAITS_FOR_REDIS_MS = 5000 };

static bool is_redis_wanted(const struct json *redis)
{
    return redis != NULL && json_bool(json_get(redis, "configured"), true);
}

/* STR_NONE: all is well. It may be connected and full, read-only, or of other rights. */
static struct str redis_trouble(const struct json *redis)
{
    if (!is_redis_wanted(redis))
        return STR_NONE;
    if (is_false(redis, "connected"))
        return STR("Redis not connected");
    if (json_i64(json_get(redis, "lag_ms"), 0) >= WAITS_FOR_REDIS_MS)
        return STR("events wait for Redis");
    return phrase_text(redis, "last_error").len > 0 ? STR("running, Redis in trouble") : STR_NONE;
}

/* One word for the whole: what the daemon itself says, else the worst of what its parts say. */
static struct health overall(const struct json *status)
{
    struct str said = phrase_text(status, "state");
    struct str trouble = redis_trouble(json_get(status, "redis"));
    if (said.len > 0)
        return (struct health){said, style_of_state(said)};
    if (is_false(json_get(status, "store"), "writable"))
        return (struct health){STR("store not writable"), STYLE_RED};
    if (json_i64(json_get_path(status, STR("store.unsaved_answers")), 0) > 0)
        return (struct health){STR("answers not saved"), STYLE_RED};
    if (json_bool(json_get(status, "stopping"), false))
        return (struct health){STR("stopping"), STYLE_YELLOW};
    if (trouble.len > 0)
        return (struct health){trouble, STYLE_YELLOW};
    if (json_count(json_get(status, "holds")) > 0)
        return (struct health){STR("running, a provider is suspected"), STYLE_YELLOW};
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

static void write_redis_state(const struct json *redis, struct buf *out)
{
    if (is_false(redis, "connected")) {
        buf_append(out, STR("not connected"));
        return;
    }
    struct str address = phrase_text(redis, "address");
    buf_append(out, address.len > 0 ? STR("connected to ") : STR("connected"));
    text_clean(address, out);
}

/* "12 events, the oldest from 3 min ago" */
static void write_waiting(const struct view *view, const struct json *redis, struct buf *out)
{
    int64_t events = json_i64(json_get(redis, "lag_events"), 0);
    if (events == 0)
        return;
    text_count(events, "event", out);
    buf_append(out, events == 1 ? STR(", from ") : STR(", the oldest from "));
    text_relative(view->now_ms - json_i64(json_get(redis, "lag_ms"), 0), view->now_ms, out);
}

/* What is 0 is not worth a line. */
static void add_count(struct block *block, const char *label, const struct json *count)
{
    if (json_i64(count, 0) != 0)
        block_value(block, label, "count", count);
}

static void add_redis(struct block *block, const struct json *redis)
{
    static const struct block_name told[] = {
        {"configured", NULL}, {"connected", NULL},      {"address", NULL},    {"last_error", NULL},
        {"reconnects", NULL}, {"master_changes", NULL}, {"lag_events", NULL}, {"lag_ms", NULL},
    };
    if (redis == NULL)
        return;
    if (!is_redis_wanted(redis)) {
        block_text(block, "Redis", STR("none: events stay in the log"), STYLE_PLAIN);
        return;
    }
    enum style_paint paint = redis_trouble(redis).len > 0 ? STYLE_YELLOW : STYLE_PLAIN;
    CLEANUP(buf_deinit) struct buf state = {0}, waiting = {0}, error = {0};
    write_redis_state(redis, &state);
    write_waiting(block->view, redis, &waiting);
    text_clean(phrase_text(redis, "last_error"), &error);
    block_text(block, "Redis", buf_str(&state), paint);
    block_text(block, "Redis trouble", buf_str(&error), paint);
    block_text(block, "Redis lacks", buf_str(&waiting), paint);
    add_count(block, "Redis reconnects", json_get(redis, "reconnects"));
    add_count(block, "Redis failovers", json_get(redis, "master_changes"));
    block_rest(block, redis, told, ARRAY_LEN(told));
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
        {"redis", NULL},
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
    add_redis(&block, json_get(status, "redis"));
    block_rest(&block, status, told, ARRAY_LEN(told));
    block_write(&block, out);
}
