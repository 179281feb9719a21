#include "engine/guard.h"

#include "common/assert.h"
#include "common/memory.h"
#include "engine/guard_hold.h"
#include "engine/guard_sweep.h"

#include <stdlib.h>

/* ---- which hold concerns whom ---- */

/* Also one of whose endpoint nobody has asked since the start. */
static bool concerns(struct engine *engine, const struct hold *hold, struct catalog_entry *entry)
{
    if (hold->connector != NULL)
        return str_eq(entry->connector.id, str_c(hold->connector));
    return !entry->gone && str_eq(str_c(endpoint_of(engine, entry)->key), str_c(hold->endpoint));
}

/* What was decided for one connector comes before what is thought of its endpoint. */
static struct hold *find_hold(struct engine *engine, struct catalog_entry *entry)
{
    struct hold *found = NULL;
    for (struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next) {
        if (hold->kind != HOLD_GRANTS || hold->is_over || !concerns(engine, hold, entry))
            continue;
        if (found == NULL || (hold->connector != NULL && hold->state != HOLD_HOLDS))
            found = hold;
    }
    return found;
}

static struct hold *find_outage(struct engine *engine, struct catalog_entry *entry)
{
    struct hold *hold = engine->guard.holds;
    while (hold != NULL &&
           (hold->kind != HOLD_OUTAGE || hold->is_over || !concerns(engine, hold, entry)))
        hold = hold->next;
    return hold;
}

const struct hold *guard_hold_of(struct engine *engine, struct catalog_entry *entry)
{
    const struct hold *hold = find_hold(engine, entry);
    return hold != NULL && hold->state == HOLD_HOLDS ? hold : NULL;
}

struct guard_word guard_word_for(struct engine *engine, struct catalog_entry *entry)
{
    const struct hold *hold = guard_hold_of(engine, entry);
    if (hold == NULL)
        return (struct guard_word){0};
    return (struct guard_word){.holds = true, .since_ms = hold->since_ms};
}

/* ---- a hold begins ---- */

static const char *named_of(const struct endpoint *endpoint, uint64_t group)
{
    for (size_t i = 0; i < endpoint->entry_count && group != 0; i++) {
        struct str id = endpoint->entries[i]->connector.id;
        if (guard_hash(id) == group)
            return id.data;
    }
    return NULL;
}

static void add_sweeps(struct engine *engine, struct hold *hold)
{
    for (size_t i = 0; i < engine->entry_count; i++) {
        struct catalog_entry *entry = engine->entries[i];
        if (concerns(engine, hold, entry))
            guard_sweep_add(engine, entry, hold);
    }
    if (hold->sweeps == 0)
        hold->todo = GUARD_ACTION_NONE;
}

/* @named the connector that all of it is about; NULL: several */
static struct hold *begin(struct engine *engine, enum hold_kind kind, struct catalog_entry *entry,
                          bool whole_endpoint, const char *named, struct now now)
{
    size_t count = 0;
    for (const struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next)
        count++;
    if (count >= GUARD_HOLDS_MAX) {
        log_write(engine->log, LOG_LEVEL_ERROR, "guard.too_many_holds",
                  "so many providers are suspected that no further one is held",
                  LOG_TEXT("connector", entry->connector.id));
        return NULL;
    }
    const struct schedule_rules *rules = &engine->settings.rules;
    struct hold *hold =
        hold_new(entry->endpoint, whole_endpoint ? NULL : entry->connector.id.data, named, kind);
    hold->since_ms = now.ms;
    hold->look_ms = INT64_MAX;
    if (kind == HOLD_GRANTS) {
        hold->until_ms =
            now.ms + (rules->hold_count > 0 ? rules->hold_ms[rules->hold_count - 1] : 0);
        hold->look_ms = hold->until_ms + GUARD_LOOK_MS;
        hold->todo = GUARD_ACTION_RECHECK;
    }
    hold->next = engine->guard.holds;
    engine->guard.holds = hold;
    engine->guard.is_dirty = true;
    if (hold->todo != GUARD_ACTION_NONE)
        add_sweeps(engine, hold);
    return hold;
}

static void look_for_a_wave(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    struct endpoint *endpoint = entry->endpoint;
    bool whole_endpoint = guard_trips(&endpoint->answers, now.ms);
    if (!whole_endpoint && !guard_trips(entry->answers, now.ms))
        return;
    const char *named = whole_endpoint
                            ? named_of(endpoint, guard_dead_group(&endpoint->answers, now.ms))
                            : entry->connector.id.data;
    if (begin(engine, HOLD_GRANTS, entry, whole_endpoint, named, now) == NULL)
        return;
    engine->metrics->guard_trips++;
    log_write(engine->log, LOG_LEVEL_WARNING, "guard.tripped",
              "many grants seem to die at once: verdicts are held until they are sure",
              LOG_TEXT("provider", entry->connector.provider),
              LOG_TEXT("connector", named != NULL ? str_c(named) : STR("several")));
}

/* ---- what is heard ---- */

static void end_hold(struct engine *engine, struct hold *hold)
{
    hold->is_over = true;
    engine->guard.is_dirty = true;
}

/* So many have lived since that the next wave is another one. */
static void rearm(struct engine *engine, struct catalog_entry *entry, struct hold *hold,
                  struct now now)
{
    const struct guard_answers *answers =
        hold->connector != NULL ? entry->answers : &entry->endpoint->answers;
    if (hold->state == HOLD_BELIEVED && hold->todo == GUARD_ACTION_NONE &&
        answers->count >= GUARD_LATEST && !guard_trips(answers, now.ms))
        end_hold(engine, hold);
}

void guard_note(struct engine *engine, struct catalog_entry *entry, struct str connection,
                enum guard_note note, struct now now)
{
    if (entry->gone || note == GUARD_NOTE_NONE)
        return;
    struct endpoint *endpoint = endpoint_of(engine, entry);
    if (entry->answers == NULL)
        entry->answers = memory_new(sizeof(*entry->answers));
    uint64_t who = guard_hash(connection), group = guard_hash(entry->connector.id);
    bool dies = note == GUARD_NOTE_DIES;
    guard_answer_add(entry->answers, who, group, dies, now.ms);
    guard_answer_add(&endpoint->answers, who, group, dies, now.ms);
    if (engine->guard.holds == NULL && !dies)
        return;
    struct hold *hold = find_hold(engine, entry);
    if (dies && hold == NULL)
        look_for_a_wave(engine, entry, now);
    if (hold != NULL)
        rearm(engine, entry, hold, now);
    struct hold *outage = find_outage(engine, entry);
    if (outage != NULL && !dies) {
        outage->any_lived = true;
        end_hold(engine, outage);
    }
}

void guard_note_held(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    (void)now;
    struct hold *hold = find_hold(engine, entry);
    engine->metrics->verdicts_held++;
    if (hold != NULL)
        hold->held++;
}

void guard_note_settled(struct engine *engine, struct catalog_entry *entry, bool lives,
                        struct now now)
{
    struct hold *hold = find_hold(engine, entry);
    engine->metrics->verdicts_cleared += lives;
    if (hold == NULL)
        return;
    if (lives && !hold->any_lived) {
        hold->any_lived = true;
        engine->guard.is_dirty = true;
    }
    hold->look_ms = MIN_OF(hold->look_ms, now.ms + GUARD_LOOK_MS);
}

void guard_note_outage(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    if (entry->gone)
        return;
    endpoint_of(engine, entry);
    if (find_outage(engine, entry) != NULL ||
        begin(engine, HOLD_OUTAGE, entry, false, entry->connector.id.data, now) == NULL)
        return;
    log_write(engine->log, LOG_LEVEL_WARNING, "guard.nobody_succeeds",
              "long past expiry no refresh of this connector works: somebody should look",
              LOG_TEXT("provider", entry->connector.provider),
              LOG_TEXT("connector", entry->connector.id));
}

/* ---- is it over? ---- */

/* What is counted here was held before the process started, if the hold knows of fewer: a crash
 * may have come before it was saved how many they are. Where they are more than one page, those
 * that were held since the last save, some milliseconds before the crash, are not counted. */
static bool is_held_yet(struct engine *engine, struct hold *hold, const struct store_read *page)
{
    int64_t waiting = 0, held = 0;
    for (size_t i = 0; i < page->connection_count; i++) {
        const struct connection *connection = &page->connections[i];
        struct catalog_entry *entry = catalog_find(engine, connection->connector);
        if (entry == NULL || !concerns(engine, hold, entry))
            continue;
        waiting++;
        held += connection->held_ms != TIME_NONE;
    }
    hold->held = MAX_OF(hold->held, held);
    if (hold->held != hold->saved_held)
        engine->guard.is_dirty = true;
    return waiting > 0 || page->connection_count == page->limit; /* of more than were read */
}

/* Nothing is held any more. Where grants die on as before the provider means it. */
static void nothing_is_held(struct engine *engine, struct hold *hold, struct now now)
{
    const struct endpoint *endpoint = endpoint_find(engine, str_c(hold->endpoint));
    const struct catalog_entry *entry =
        hold->connector != NULL ? catalog_find(engine, str_c(hold->connector)) : NULL;
    const struct guard_answers *answers = hold->connector == NULL
                                              ? (endpoint != NULL ? &endpoint->answers : NULL)
                                              : (entry != NULL ? entry->answers : NULL);
    bool die_on = answers != NULL && guard_trips(answers, now.ms);
    if (die_on && now.ms < hold->until_ms) {
        hold->look_ms = hold->until_ms;
        return;
    }
    log_write(engine->log, LOG_LEVEL_NOTICE, "guard.over",
              die_on ? "the provider means it: verdicts are told as they come"
                     : "nothing is held any more",
              LOG_TEXT("provider", str_c(hold->provider)), LOG_I64("held", hold->held));
    if (die_on) {
        hold->state = HOLD_BELIEVED;
        engine->guard.is_dirty = true;
    } else {
        end_hold(engine, hold);
    }
}

/* What is believed holds nothing: it ends when others live, or by its age. */
static bool wants_look(const struct hold *hold)
{
    return hold->kind == HOLD_GRANTS && hold->state != HOLD_BELIEVED && !hold->is_over &&
           hold->todo == GUARD_ACTION_NONE;
}

static void on_look(struct completion *completion, struct now now)
{
    struct store_read *page = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = page->user;
    engine->guard.looking = false;
    engine->background--;
    for (struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next) {
        if (!wants_look(hold) || hold->look_ms > page->after) /* asked for since */
            continue;
        if (page->status != STATUS_OK || is_held_yet(engine, hold, page))
            hold->look_ms = now.ms + 5 * (int64_t)GUARD_LOOK_MS;
        else if (hold->state == HOLD_HOLDS)
            nothing_is_held(engine, hold, now);
        else
            end_hold(engine, hold);
    }
    store_read_free(page);
}

static void look(struct engine *engine, struct now now)
{
    struct store_read *page = store_read_new(STORE_READ_CONNECTION_PAGE);
    page->filter = (struct connection_filter){.state = -1, .reason = -1, .has_verdict = true};
    page->limit = STORE_READ_LIMIT_DEFAULT;
    page->after = now.ms; /* ours: when it was asked */
    page->user = engine;
    page->completion.resume = on_look;
    engine->guard.looking = true;
    engine->background++;
    engine->store.read(engine->store.ctx, page);
}

static int64_t next_look_ms(const struct engine *engine)
{
    int64_t next_ms = INT64_MAX;
    if (engine->guard.looking)
        return next_ms;
    for (const struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next) {
        if (wants_look(hold))
            next_ms = MIN_OF(next_ms, hold->look_ms);
    }
    return next_ms;
}

/* ---- an operator decides ---- */

bool guard_is_busy(const struct engine *engine)
{
    return engine->guard.save != NULL || engine->guard.is_dirty;
}

struct decided {
    struct hold *hold;    /* the new one */
    struct hold *instead; /* the one that it ends; NULL: that goes on for others */
    void (*done)(void *user, enum status status, const struct error *err, struct now now);
    void *user;
    struct catalog_entry *entry;
};

static void on_decided(void *user, enum status status, const struct error *err,
                       struct engine *engine, struct now now)
{
    struct decided *decided = user;
    if (status == STATUS_OK) {
        /* They say nothing of the endpoint's other connectors any more. */
        guard_answers_forget(&endpoint_of(engine, decided->entry)->answers,
                             guard_hash(decided->entry->connector.id));
        if (decided->hold->todo == GUARD_ACTION_CLEAR && decided->entry->answers != NULL)
            guard_answers_forget(decided->entry->answers, 0);
        add_sweeps(engine, decided->hold);
    } else {
        hold_remove(engine, decided->hold);
        if (decided->instead != NULL)
            decided->instead->is_over = false;
    }
    decided->done(decided->user, status, err, now);
    catalog_unref(decided->entry);
    free(decided);
}

/* Does this hold concern nobody else? */
static bool is_alone(struct engine *engine, const struct hold *hold,
                     const struct catalog_entry *entry)
{
    for (size_t i = 0; i < engine->entry_count; i++) {
        struct catalog_entry *other = engine->entries[i];
        if (other != entry && concerns(engine, hold, other))
            return false;
    }
    return true;
}

void guard_decide(struct engine *engine, struct catalog_entry *entry, enum guard_action action,
                  struct store_write *take_write,
                  void (*done)(void *user, enum status status, const struct error *err,
                               struct now now),
                  void *user, struct now now)
{
    struct hold *held = find_hold(engine, entry);
    ASSERT(held != NULL && held->state == HOLD_HOLDS && !guard_is_busy(engine));
    struct decided *decided = memory_new(sizeof(*decided));
    *decided = (struct decided){.done = done, .user = user, .entry = entry};
    catalog_ref(entry);
    struct hold *hold = decided->hold =
        hold_new(entry->endpoint, entry->connector.id.data, entry->connector.id.data, HOLD_GRANTS);
    hold->state = action == GUARD_ACTION_CONFIRM ? HOLD_BELIEVED : HOLD_CLEARED;
    hold->todo = action;
    hold->since_ms = held->since_ms;
    hold->until_ms = now.ms;
    hold->look_ms = now.ms;
    hold->is_told = true;
    hold->next = engine->guard.holds;
    engine->guard.holds = hold;
    bool is_cleared = action == GUARD_ACTION_CLEAR, alone = is_alone(engine, held, entry);
    held->any_lived = alone ? is_cleared : held->any_lived || is_cleared;
    if (alone) {
        decided->instead = held;
        guard_sweep_drop(engine, held);
        held->is_over = true;
    }
    hold_save(engine, take_write, on_decided, decided, now);
}

/* ---- the turn ---- */

static void end_old_beliefs(struct engine *engine, struct now now)
{
    for (struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next) {
        bool is_gone =
            hold->connector != NULL && catalog_find(engine, str_c(hold->connector)) == NULL;
        bool is_old = hold->state == HOLD_BELIEVED && hold->todo == GUARD_ACTION_NONE &&
                      now.ms - hold->until_ms > GUARD_AGE_MAX_MS;
        if (!hold->is_over && (is_gone || is_old))
            end_hold(engine, hold);
    }
}

void guard_turn(struct engine *engine, struct now now)
{
    guard_sweep_turn(engine, now);
    if (engine->guard.holds == NULL)
        return;
    end_old_beliefs(engine, now);
    if (!engine->draining && next_look_ms(engine) <= now.ms)
        look(engine, now);
    hold_save_turn(engine, now);
}

int64_t guard_next_ms(const struct engine *engine)
{
    if (engine->draining)
        return INT64_MAX;
    int64_t save_ms = hold_save_next_ms(engine);
    return MIN_OF(MIN_OF(guard_sweep_next_ms(engine), next_look_ms(engine)), save_ms);
}

/* ---- after a start ---- */

void guard_load(struct engine *engine, struct now now,
                void (*done)(struct engine *engine, enum status status, const struct error *err))
{
    engine->guard.started_ms = now.ms;
    hold_load(engine, done);
}

void guard_resume(struct engine *engine)
{
    for (struct hold *hold = engine->guard.holds; hold != NULL; hold = hold->next) {
        if (hold->todo != GUARD_ACTION_NONE)
            add_sweeps(engine, hold);
    }
}

void guard_free(struct engine *engine)
{
    guard_sweep_free(engine);
    hold_free_all(engine);
}
