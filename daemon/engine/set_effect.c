#include "engine/set_effect.h"

#include "common/memory.h"
#include "engine/outbox.h"
#include "engine/schedule.h"

#include <stdlib.h>

struct set_effect {
    struct engine *engine;
    struct arena arena;
    struct str profile, id;
    struct security_event event;
    char cursor[144]; /* the last connection looked at */
    bool is_last_page;
    bool was_saved; /* by a write of ours of which nothing was known: the schedule is told yet */
    int tries;
    size_t suspected;
    set_effect_done *done;
    void *user;
};

static void end(struct set_effect *effect, bool is_done, struct now now)
{
    if (is_done && effect->suspected > 0)
        log_write(effect->engine->log, LOG_LEVEL_NOTICE, "security_event.acted",
                  "a provider says that a grant may be over: a refresh will tell",
                  LOG_TEXT("provider", effect->profile), LOG_TEXT("type", effect->event.type),
                  LOG_I64("connections", effect->suspected));
    effect->done(effect->user, is_done, now);
    arena_deinit(&effect->arena);
    free(effect);
}

static void submit_read(struct set_effect *effect, struct store_read *read,
                        void (*resume)(struct completion *completion, struct now now))
{
    read->user = effect;
    read->completion.resume = resume;
    effect->engine->background++;
    effect->engine->store.read(effect->engine->store.ctx, read);
}

/* False: it is over, the read is freed. */
static bool was_read(struct set_effect *effect, struct store_read *read, struct now now)
{
    effect->engine->background--;
    if (read->status == STATUS_OK)
        return true;
    store_read_free(read);
    end(effect, false, now);
    return false;
}

static void look_whether_seen(struct set_effect *effect);
static void read_page(struct set_effect *effect);

/* ---- the write ---- */

static void note_all(struct engine *engine, const struct store_write *write, struct now now)
{
    for (size_t i = 0; i < write->op_count; i++) {
        if (write->ops[i].kind != STORE_OP_PUT_CONNECTION)
            continue;
        struct connection saved = *write->ops[i].connection;
        saved.version++;
        schedule_note(engine, &saved, now);
    }
}

static void on_written(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct set_effect *effect = write->user;
    enum status status = write->status;
    effect->engine->background--;
    if (status == STATUS_OK)
        note_all(effect->engine, write, now);
    store_write_free(write);
    bool is_raced = status == STATUS_CONFLICT || status == STATUS_UNCERTAIN;
    if (status == STATUS_OK && !effect->is_last_page)
        read_page(effect);
    else if (is_raced && ++effect->tries < SET_EFFECT_TRIES_MAX)
        look_whether_seen(effect);
    else
        end(effect, status == STATUS_OK, now);
}

static void save(struct set_effect *effect, const struct store_read *records, struct now now)
{
    struct engine *engine = effect->engine;
    struct store_write *write = store_write_new(now.ms);
    for (size_t i = 0; records != NULL && i < records->connection_count; i++) {
        struct decision decision;
        const struct connection *connection = &records->connections[i];
        if (connection->suspected_by != SUSPECTED_BY_NOBODY ||
            !lifecycle_suspected(connection, SUSPECTED_BY_SECURITY_EVENT, now, &decision))
            continue;
        store_write_put_connection(write, &decision.next);
        schedule_overtake(engine, connection->id);
        engine->metrics->suspicions++;
        effect->suspected++;
    }
    if (effect->is_last_page)
        store_write_put_seen(write, effect->profile, effect->id,
                             now.ms + (int64_t)SECURITY_EVENT_AGE_MAX_S * 1000 +
                                 (int64_t)SECURITY_EVENT_SKEW_S * 1000);
    write->user = effect;
    write->completion.resume = on_written;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

/* ---- whose is it? ---- */

/* A page was looked at. */
static void go_on(struct set_effect *effect, const struct store_read *records, struct now now)
{
    if (records != NULL && !effect->was_saved)
        save(effect, records, now);
    else if (!effect->is_last_page)
        read_page(effect);
    else if (effect->was_saved)
        end(effect, true, now);
    else
        save(effect, NULL, now);
}

static void on_records(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct set_effect *effect = read->user;
    if (!was_read(effect, read, now))
        return;
    for (size_t i = 0; i < read->connection_count && effect->was_saved; i++)
        schedule_note(effect->engine, &read->connections[i], now);
    go_on(effect, read, now);
    store_read_free(read);
}

/* A transmitter speaks for its own provider's accounts and for no others. An address counts only
 * where the provider itself said that it is this account's. */
static bool is_meant(const struct set_effect *effect, const struct connection *connection)
{
    const struct catalog_entry *entry = catalog_find(effect->engine, connection->connector);
    const struct profile *profile = entry != NULL ? catalog_profile(effect->engine, entry) : NULL;
    if (profile == NULL || entry->own_profile != NULL ||
        !str_eq(profile_id(profile), effect->profile) || connection->phase != PHASE_CONNECTED)
        return false;
    if (!str_is_set(effect->event.subject))
        return connection->account_verified;
    return str_is_empty(connection->account_issuer) ||
           str_eq(connection->account_issuer, effect->event.issuer);
}

static void on_page(struct completion *completion, struct now now)
{
    struct store_read *page = CONTAINER_OF(completion, struct store_read, completion);
    struct set_effect *effect = page->user;
    if (!was_read(effect, page, now))
        return;
    effect->is_last_page = page->connection_count < page->limit;
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->ids = arena_alloc(&read->arena, (page->connection_count + 1) * sizeof(*read->ids));
    for (size_t i = 0; i < page->connection_count; i++) {
        str_copy_cut(page->connections[i].id, effect->cursor, sizeof(effect->cursor));
        if (is_meant(effect, &page->connections[i]))
            read->ids[read->id_count++] = arena_copy(&read->arena, page->connections[i].id);
    }
    store_read_free(page);
    if (read->id_count > 0) {
        submit_read(effect, read, on_records);
        return;
    }
    store_read_free(read);
    go_on(effect, NULL, now);
}

static void read_page(struct set_effect *effect)
{
    struct store_read *read = store_read_new(STORE_READ_ACCOUNT);
    read->subject = arena_copy(&read->arena, effect->event.subject);
    read->name = arena_copy(&read->arena, effect->event.email);
    read->cursor = arena_copy(&read->arena, str_c(effect->cursor));
    read->limit = SET_EFFECT_PAGE;
    submit_read(effect, read, on_page);
}

static void on_seen(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct set_effect *effect = read->user;
    if (!was_read(effect, read, now))
        return;
    bool is_seen = str_is_set(read->value);
    store_read_free(read);
    bool has_subject = str_is_set(effect->event.subject) || str_is_set(effect->event.email);
    effect->cursor[0] = '\0';
    effect->is_last_page = true;
    effect->was_saved = is_seen && effect->tries > 0;
    if (is_seen && !(effect->was_saved && has_subject))
        end(effect, true, now);
    else if (has_subject)
        read_page(effect);
    else
        save(effect, NULL, now);
}

static void look_whether_seen(struct set_effect *effect)
{
    struct store_read *read = store_read_new(STORE_READ_SEEN);
    read->name = arena_copy(&read->arena, effect->profile);
    read->subject = arena_copy(&read->arena, effect->id);
    submit_read(effect, read, on_seen);
}

void set_effect_start(struct engine *engine, struct str profile, struct str id,
                      const struct security_event *event, set_effect_done *done, void *user)
{
    struct set_effect *effect = memory_new(sizeof(*effect));
    effect->engine = engine;
    effect->profile = arena_copy(&effect->arena, profile);
    effect->id = arena_copy(&effect->arena, id);
    effect->event = (struct security_event){
        .concerns = event->concerns,
        .type = arena_copy(&effect->arena, event->type),
        .issuer = arena_copy(&effect->arena, event->issuer),
        .subject = arena_copy(&effect->arena, event->subject),
        .email = arena_copy(&effect->arena, event->email),
    };
    effect->done = done;
    effect->user = user;
    look_whether_seen(effect);
}
