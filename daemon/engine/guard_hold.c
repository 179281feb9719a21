#include "engine/guard_hold.h"

#include "common/assert.h"
#include "common/memory.h"
#include "engine/event_json.h"
#include "engine/guard_sweep.h"
#include "engine/outbox.h"
#include "engine/schedule.h"

#include <stdlib.h>

static char *copy_or_null(const char *text)
{
    return text != NULL ? memory_copy_str(str_c(text)) : NULL;
}

struct hold *hold_new(const struct endpoint *endpoint, const char *connector, const char *named,
                      enum hold_kind kind)
{
    struct hold *hold = memory_new(sizeof(*hold));
    hold->endpoint = memory_copy_str(str_c(endpoint->key));
    hold->provider = memory_copy_str(str_c(endpoint->provider));
    hold->connector = copy_or_null(connector);
    hold->named = copy_or_null(named);
    hold->kind = kind;
    return hold;
}

static void hold_free(struct hold *hold)
{
    free(hold->endpoint);
    free(hold->connector);
    free(hold->named);
    free(hold->provider);
    free(hold);
}

void hold_remove(struct engine *engine, struct hold *hold)
{
    struct hold **link = &engine->guard.holds;
    while (*link != hold)
        link = &(*link)->next;
    *link = hold->next;
    guard_sweep_drop(engine, hold);
    hold_free(hold);
}

void hold_free_all(struct engine *engine)
{
    while (engine->guard.holds != NULL)
        hold_remove(engine, engine->guard.holds);
    free(engine->guard.save);
    engine->guard.save = NULL;
}

/* ---- as text ---- */

static const char *const kind_texts[] = {[HOLD_GRANTS] = "grants", [HOLD_OUTAGE] = "outage"};
static const char *const state_texts[] = {
    [HOLD_HOLDS] = "holds", [HOLD_BELIEVED] = "believed", [HOLD_CLEARED] = "cleared"};
static const char *const action_texts[] = {
    [GUARD_ACTION_NONE] = "none",
    [GUARD_ACTION_RECHECK] = "recheck",
    [GUARD_ACTION_CONFIRM] = "confirm",
    [GUARD_ACTION_CLEAR] = "clear",
};

static unsigned find_text(struct str text, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(text, str_c(texts[i])))
            return (unsigned)i;
    }
    return 0;
}

static struct json *hold_to_json(const struct hold *hold)
{
    struct json *json = json_new_object();
    json_set_text(json, "endpoint", str_c(hold->endpoint));
    json_set_text(json, "provider", str_c(hold->provider));
    if (hold->connector != NULL)
        json_set_text(json, "connector", str_c(hold->connector));
    if (hold->named != NULL)
        json_set_text(json, "named", str_c(hold->named));
    json_set_text(json, "kind", str_c(kind_texts[hold->kind]));
    json_set_text(json, "state", str_c(state_texts[hold->state]));
    json_set_text(json, "todo", str_c(action_texts[hold->todo]));
    json_set_i64(json, "since_ms", hold->since_ms);
    json_set_i64(json, "until_ms", hold->until_ms);
    json_set_i64(json, "held", hold->held);
    json_set_bool(json, "any_lived", hold->any_lived);
    return json;
}

static char *text_member(const struct json *json, const char *name)
{
    struct str text = json_text(json_get(json, name));
    return str_is_set(text) ? memory_copy_str(text) : NULL;
}

static void hold_from_json(struct engine *engine, const struct json *json)
{
    struct hold *hold = memory_new(sizeof(*hold));
    hold->endpoint = memory_copy_str(json_text(json_get(json, "endpoint")));
    hold->provider = memory_copy_str(json_text(json_get(json, "provider")));
    hold->connector = text_member(json, "connector");
    hold->named = text_member(json, "named");
    hold->kind = (enum hold_kind)find_text(json_text(json_get(json, "kind")), kind_texts,
                                           ARRAY_LEN(kind_texts));
    hold->state = (enum hold_state)find_text(json_text(json_get(json, "state")), state_texts,
                                             ARRAY_LEN(state_texts));
    hold->todo = (enum guard_action)find_text(json_text(json_get(json, "todo")), action_texts,
                                              ARRAY_LEN(action_texts));
    hold->since_ms = json_i64(json_get(json, "since_ms"), 0);
    hold->until_ms = json_i64(json_get(json, "until_ms"), 0);
    hold->held = json_i64(json_get(json, "held"), 0);
    hold->any_lived = json_bool(json_get(json, "any_lived"), false);
    hold->is_told = true;
    hold->saved_held = hold->held;
    hold->look_ms = 0; /* what is held yet, and how many: at once */
    hold->next = engine->guard.holds;
    engine->guard.holds = hold;
}

/* ---- save ---- */

struct guard_save {
    struct engine *engine;
    struct store_write *write;
    hold_saved *done; /* NULL: nobody's but the guard's own */
    void *user;
    int64_t serial;
};

/* Verdicts that settle or are held at this moment. */
static int64_t count_resting(const struct engine *engine, const struct hold *hold)
{
    int64_t count = hold->held;
    const struct heap *resting = &engine->schedule.resting;
    for (size_t i = 0; i < resting->count && hold->kind == HOLD_GRANTS; i++) {
        const struct task *task = CONTAINER_OF(resting->nodes[i], struct task, node);
        bool is_here = hold->connector != NULL
                           ? str_eq(task->entry->connector.id, str_c(hold->connector))
                           : task->entry->endpoint != NULL &&
                                 str_eq(str_c(task->entry->endpoint->key), str_c(hold->endpoint));
        count += is_here;
    }
    return count;
}

static void append_events(struct engine *engine, struct store_write *write, struct now now)
{
    for (const struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next) {
        struct provider_event event = {
            .provider = str_c(hold->provider),
            .connector = hold->named != NULL ? str_c(hold->named) : STR_NONE,
            .held = hold->is_told ? hold->held : count_resting(engine, hold),
            .window_ms = hold->kind == HOLD_GRANTS ? engine->settings.guard_window_ms
                                                   : engine->settings.rules.exhausted_after_ms,
            .until_ms = hold->until_ms,
        };
        if (!hold->is_told)
            event_append_provider(write, true, &event, now);
        if (hold->is_over && hold->any_lived && hold->state == HOLD_HOLDS)
            event_append_provider(write, false, &event, now);
    }
}

static void append_value(struct engine *engine, struct store_write *write, int64_t serial)
{
    CLEANUP(json_freep) struct json *value = json_new_object();
    struct json *holds = json_new_array();
    json_set_i64(value, "serial", serial);
    for (const struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next) {
        if (!hold->is_over)
            json_append(holds, hold_to_json(hold));
    }
    json_set(value, "holds", holds);
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(value, &text);
    store_write_put_meta(write, STR(STORE_META_GUARD), buf_str(&text));
}

/* What was over when it was written; what has ended since is written next. */
static void forget_the_saved(struct engine *engine)
{
    struct hold *hold = engine->guard.holds, *next;
    for (; hold != NULL; hold = next) {
        next = hold->next;
        hold->is_told = hold->is_told || hold->saved_told;
        if (hold->saved_over)
            hold_remove(engine, hold);
    }
}

static void save_end(struct guard_save *save, enum status status, struct now now)
{
    struct engine *engine = save->engine;
    engine->guard.save = NULL;
    engine->background--;
    if (status == STATUS_OK) {
        engine->guard.serial = save->serial;
        outbox_kick(engine, now);
    } else if (save->done == NULL) {
        engine->guard.is_dirty = true;
        engine->guard.retry_ms = now.ms + GUARD_RETRY_MS;
        log_write(engine->log, LOG_LEVEL_ERROR, "guard.save_failed", save->write->error.text,
                  LOG_TEXT("status", str_c(status_text(status))));
    }
    if (save->done != NULL)
        save->done(save->user, status, &save->write->error, engine, now);
    if (status == STATUS_OK)
        forget_the_saved(engine);
    store_write_free(save->write);
    free(save);
}

static void read_serial(struct guard_save *save);

static int64_t serial_of(struct str text)
{
    CLEANUP(json_freep) struct json *value = NULL;
    if (!str_is_set(text) || json_parse(text, JSON_LIMITS_DEFAULT, &value, NULL) != STATUS_OK)
        return 0;
    return json_i64(json_get(value, "serial"), 0);
}

static void on_serial(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct guard_save *save = read->user;
    bool is_known = read->status == STATUS_OK;
    bool is_done = is_known && serial_of(read->value) == save->serial;
    store_read_free(read);
    if (!is_known)
        read_serial(save);
    else
        save_end(save, is_done ? STATUS_OK : STATUS_UNAVAILABLE, now);
}

static void read_serial(struct guard_save *save)
{
    struct store_read *read = store_read_new(STORE_READ_META);
    read->name = arena_copy(&read->arena, STR(STORE_META_GUARD));
    read->user = save;
    read->completion.resume = on_serial;
    save->engine->store.read(save->engine->store.ctx, read);
}

static void on_saved(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct guard_save *save = write->user;
    if (write->status == STATUS_UNCERTAIN)
        read_serial(save);
    else
        save_end(save, write->status, now);
}

void hold_save(struct engine *engine, struct store_write *take_write, hold_saved *done, void *user,
               struct now now)
{
    ASSERT(engine->guard.save == NULL);
    struct guard_save *save = memory_new(sizeof(*save));
    save->engine = engine;
    save->done = done;
    save->user = user;
    save->serial = engine->guard.serial + 1;
    save->write = take_write;
    append_events(engine, take_write, now);
    append_value(engine, take_write, save->serial);
    for (struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next) {
        hold->saved_told = true;
        hold->saved_held = hold->held;
        hold->saved_over = hold->is_over;
    }
    engine->guard.is_dirty = false;
    engine->guard.save = save;
    engine->background++;
    take_write->user = save;
    take_write->completion.resume = on_saved;
    engine->store.write(engine->store.ctx, take_write);
}

void hold_save_turn(struct engine *engine, struct now now)
{
    if (!engine->guard.is_dirty || engine->guard.save != NULL || now.ms < engine->guard.retry_ms)
        return;
    hold_save(engine, store_write_new(now.ms), NULL, NULL, now);
}

int64_t hold_save_next_ms(const struct engine *engine)
{
    return engine->guard.is_dirty && engine->guard.save == NULL ? engine->guard.retry_ms
                                                                : INT64_MAX;
}

/* ---- load ---- */

struct guard_loading {
    struct engine *engine;
    void (*done)(struct engine *engine, enum status status, const struct error *err);
};

static void take_value(struct engine *engine, struct str text)
{
    CLEANUP(json_freep) struct json *value = NULL;
    struct error err = {0};
    if (!str_is_set(text))
        return;
    if (json_parse(text, JSON_LIMITS_DEFAULT, &value, &err) != STATUS_OK) {
        log_write(engine->log, LOG_LEVEL_ERROR, "guard.value_invalid", err.text,
                  LOG_TEXT("name", STR(STORE_META_GUARD)));
        return;
    }
    engine->guard.serial = json_i64(json_get(value, "serial"), 0);
    const struct json *holds = json_get(value, "holds");
    for (size_t i = 0; i < json_count(holds) && i < GUARD_HOLDS_MAX; i++)
        hold_from_json(engine, json_at(holds, i));
}

static void on_loaded(struct completion *completion, struct now now)
{
    (void)now;
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct guard_loading *loading = read->user;
    struct engine *engine = loading->engine;
    engine->background--;
    if (read->status == STATUS_OK)
        take_value(engine, read->value);
    loading->done(engine, read->status, &read->error);
    store_read_free(read);
    free(loading);
}

void hold_load(struct engine *engine,
               void (*done)(struct engine *engine, enum status status, const struct error *err))
{
    struct guard_loading *loading = memory_new(sizeof(*loading));
    *loading = (struct guard_loading){.engine = engine, .done = done};
    struct store_read *read = store_read_new(STORE_READ_META);
    read->name = arena_copy(&read->arena, STR(STORE_META_GUARD));
    read->user = loading;
    read->completion.resume = on_loaded;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}
