#include "engine/sets.h"

#include "common/assert.h"
#include "common/memory.h"
#include "engine/errand.h"
#include "engine/set_effect.h"

#include <stdlib.h>

enum source_step { SOURCE_RESTS, SOURCE_FETCHES, SOURCE_POLLS, SOURCE_ACTS };

/** One transmitter, polled by itself; one thing after the other. */
struct set_source {
    struct set_source *next;
    struct engine *engine;
    char *profile; /* its id */
    enum source_step step;
    int64_t due_ms, failures;
    struct json *keys; /* NULL: not fetched yet */
    int64_t keys_ms;
    bool wants_keys;                    /* one that is not known was used */
    struct json *sets;                  /* of the last answer; NULL: none */
    size_t at;                          /* json_next_member's place in it */
    char id[SECURITY_EVENT_ID_MAX + 1]; /* of the one that is acted on */
    bool has_more;                      /* the transmitter has */
    bool is_held_up;                    /* one could not be saved: it comes again */
    struct json *acks;                  /* array of ids, for the next poll */
    struct json *errors;                /* object, likewise (setErrs) */
};

static void clear_reports(struct set_source *source)
{
    json_free(source->acks);
    json_free(source->errors);
    source->acks = json_new_array();
    source->errors = json_new_object();
}

static void source_free(struct set_source *source)
{
    json_free(source->keys);
    json_free(source->sets);
    json_free(source->acks);
    json_free(source->errors);
    free(source->profile);
    free(source);
}

/* ---- who is polled ---- */

void sets_reload(struct engine *engine)
{
    engine->sets.is_synced = false;
}

static struct set_source **find_source(struct engine *engine, struct str profile)
{
    struct set_source **link = &engine->sets.sources;
    while (*link != NULL && !str_eq(str_c((*link)->profile), profile))
        link = &(*link)->next;
    return link;
}

static void add_source(struct engine *engine, struct str profile)
{
    struct set_source **link = find_source(engine, profile);
    if (*link != NULL)
        return;
    if (engine->sets.count >= SETS_SOURCES_MAX) {
        log_write(engine->log, LOG_LEVEL_ERROR, "security_event.too_many",
                  "more transmitters than can be polled", LOG_TEXT("provider", profile),
                  LOG_I64("max", SETS_SOURCES_MAX));
        return;
    }
    struct set_source *source = memory_new(sizeof(*source));
    source->engine = engine;
    source->profile = memory_copy_str(profile);
    clear_reports(source);
    *link = source;
    engine->sets.count++;
}

static const struct profile *profile_of(const struct set_source *source,
                                        struct profile_security_events *ret)
{
    const struct profile *profile =
        profile_set_find(source->engine->profiles, str_c(source->profile));
    return profile != NULL && profile_security_events(profile, ret) && str_is_set(ret->token)
               ? profile
               : NULL;
}

static void sync_sources(struct engine *engine)
{
    engine->sets.is_synced = true;
    struct profile_security_events events;
    for (size_t i = 0; i < profile_set_count(engine->profiles); i++) {
        const struct profile *profile = profile_set_at(engine->profiles, i);
        if (profile_security_events(profile, &events) && str_is_set(events.token))
            add_source(engine, profile_id(profile));
    }
}

/* ---- requests ---- */

static void rest(struct set_source *source, int64_t ms, struct now now)
{
    source->step = SOURCE_RESTS;
    source->due_ms = now.ms + ms;
}

/* Full jitter is not needed: there are few. */
static void failed(struct set_source *source, const char *event, const char *why, int status,
                   struct now now)
{
    int64_t wait_ms = MIN_OF((int64_t)SETS_RETRY_MIN_MS << MIN_OF(source->failures, (int64_t)10),
                             (int64_t)SETS_RETRY_MAX_MS);
    if (source->failures++ == 0)
        log_write(source->engine->log, LOG_LEVEL_WARNING, event, why,
                  LOG_TEXT("provider", str_c(source->profile)), LOG_I64("status", status));
    rest(source, wait_ms, now);
}

static void set_header(struct oauth_message *message, struct str name, struct str value)
{
    ASSERT(message->header_count < OAUTH_HEADERS_MAX);
    message->headers[message->header_count++] = (struct oauth_header){.name = name, .value = value};
}

static void send(struct set_source *source, struct oauth_message *message, errand_done *done,
                 enum source_step step, struct now now)
{
    struct error err = {0};
    const struct errand_order order = {
        .message = message, .deadline_ms = SETS_DEADLINE_MS, .done = done, .user = source};
    source->step = step;
    if (errand_send(source->engine, &order, now, &err) != STATUS_OK)
        rest(source, SETS_RETRY_MIN_MS, now);
}

static void poll(struct set_source *source, struct now now);

static void on_keys(void *user, const struct errand_answer *answer, struct now now)
{
    struct set_source *source = user;
    CLEANUP(json_freep) struct json *keys = NULL;
    bool is_good = answer->end == TRANSPORT_ANSWERED && answer->http.status == 200 &&
                   json_parse(answer->http.body, JSON_LIMITS_DEFAULT, &keys, NULL) == STATUS_OK &&
                   json_type(json_get(keys, "keys")) == JSON_ARRAY;
    if (!is_good) {
        failed(source, "security_event.keys_unread",
               answer->end == TRANSPORT_ANSWERED ? "the transmitter's keys are no JWKS"
                                                 : answer->why,
               answer->http.status, now);
        return;
    }
    json_free(source->keys);
    source->keys = TAKE_PTR(keys);
    source->keys_ms = now.ms;
    source->wants_keys = false;
    poll(source, now);
}

static void fetch_keys(struct set_source *source, const struct profile_security_events *events,
                       struct now now)
{
    CLEANUP(oauth_message_deinit) struct oauth_message message = {.method = STR("GET")};
    message.url = arena_copy(&message.arena, events->jwks_uri);
    set_header(&message, STR("Accept"), STR("application/json"));
    send(source, &message, on_keys, SOURCE_FETCHES, now);
}

/* RFC 8936 §2.2 to §2.4. */
static struct secret *poll_body(const struct set_source *source)
{
    CLEANUP(json_freep) struct json *body = json_new_object();
    json_set_i64(body, "maxEvents", SETS_PER_POLL);
    json_set_bool(body, "returnImmediately", true);
    if (json_count(source->acks) > 0)
        json_set(body, "ack", json_copy(source->acks));
    if (json_count(source->errors) > 0)
        json_set(body, "setErrs", json_copy(source->errors));
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(body, &text);
    return secret_copy(buf_str(&text));
}

static void act_on_next(struct set_source *source, struct now now);

static void on_poll(void *user, const struct errand_answer *answer, struct now now)
{
    struct set_source *source = user;
    CLEANUP(json_freep) struct json *body = NULL;
    int status = answer->end == TRANSPORT_ANSWERED ? answer->http.status : 0;
    bool is_good = status == 200 || status == 202 || status == 204;
    if (is_good && status == 200 && !answer->http.body_too_large)
        is_good = json_parse(answer->http.body, JSON_LIMITS_DEFAULT, &body, NULL) == STATUS_OK &&
                  json_type(body) == JSON_OBJECT;
    if (!is_good) {
        const char *why = status == 401 || status == 403
                              ? "the transmitter refuses the token of token_file"
                              : "the transmitter gives no answer that can be read";
        failed(source, "security_event.poll_failed",
               answer->end == TRANSPORT_ANSWERED ? why : answer->why, status, now);
        return;
    }
    clear_reports(source); /* they have arrived */
    source->failures = 0;
    const struct json *sets = json_get(body, "sets");
    source->sets = json_type(sets) == JSON_OBJECT ? json_copy(sets) : json_new_object();
    source->has_more = json_bool(json_get(body, "moreAvailable"), false);
    source->at = 0;
    source->is_held_up = false;
    source->step = SOURCE_ACTS;
    act_on_next(source, now);
}

static void poll(struct set_source *source, struct now now)
{
    struct profile_security_events events;
    if (profile_of(source, &events) == NULL) { /* a reload took it away */
        rest(source, 0, now);
        return;
    }
    CLEANUP(oauth_message_deinit) struct oauth_message message = {.method = STR("POST")};
    message.url = arena_copy(&message.arena, events.poll_endpoint);
    set_header(&message, STR("Content-Type"), STR("application/json"));
    set_header(&message, STR("Accept"), STR("application/json"));
    set_header(&message, STR("Authorization"),
               arena_printf(&message.arena, "Bearer " STR_FMT, STR_ARG(events.token)));
    message.body = poll_body(source);
    send(source, &message, on_poll, SOURCE_POLLS, now);
}

/* ---- events ---- */

static void refuse(struct set_source *source, struct str id, const struct security_event *event)
{
    struct json *error = json_new_object();
    json_set_text(error, "err", str_c(event->error));
    json_set_text(error, "description", str_c(event->because));
    json_set(source->errors, id.data, error);
    source->engine->metrics->security_events_refused++;
    log_write(source->engine->log, LOG_LEVEL_WARNING, "security_event.refused", event->because,
              LOG_TEXT("provider", str_c(source->profile)), LOG_TEXT("error", str_c(event->error)));
}

static void on_acted(void *user, bool is_done, struct now now)
{
    struct set_source *source = user;
    if (is_done) {
        json_append_text(source->acks, str_c(source->id));
        source->engine->metrics->security_events++;
    } else {
        source->is_held_up = true; /* not acknowledged, so it is delivered again */
    }
    act_on_next(source, now);
}

/* True: it is acted on, which goes on on a later turn. */
static bool take(struct set_source *source, const struct profile_security_events *events,
                 struct str id, struct str jwt, struct now now)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct security_event event;
    const struct security_event_rules rules = {.issuer = events->issuer,
                                               .audience = events->audience,
                                               .keys = source->keys,
                                               .now_wall_ms = now.wall_ms};
    switch (security_event_read(&rules, id, jwt, &arena, &event)) {
    case SECURITY_EVENT_UNKNOWN_KEY:
        if (now.ms - source->keys_ms >= SETS_KEYS_AGAIN_MS)
            source->wants_keys = true; /* it comes again, and then they are new */
        else
            refuse(source, id, &event);
        return false;
    case SECURITY_EVENT_BAD:
        refuse(source, id, &event);
        return false;
    case SECURITY_EVENT_GOOD:
        break;
    }
    if (!event.concerns) { /* a verification, say: heard, and that is all */
        json_append_text(source->acks, id);
        return false;
    }
    str_copy_cut(id, source->id, sizeof(source->id));
    set_effect_start(source->engine, str_c(source->profile), id, &event, on_acted, source);
    return true;
}

/* What was found is told at once; else the next poll has its time. */
static void finish_round(struct set_source *source, const struct profile_security_events *events,
                         struct now now)
{
    json_free(source->sets);
    source->sets = NULL;
    bool has_news = json_count(source->acks) > 0 || json_count(source->errors) > 0;
    if (source->is_held_up)
        rest(source, SETS_RETRY_MIN_MS * 5, now);
    else if (has_news || source->has_more || source->wants_keys)
        rest(source, 0, now);
    else
        rest(source, events->poll_every_ms, now);
}

static void act_on_next(struct set_source *source, struct now now)
{
    struct profile_security_events events;
    struct str id;
    const struct json *jwt;
    if (profile_of(source, &events) == NULL) {
        json_free(source->sets);
        source->sets = NULL;
        rest(source, 0, now);
        return;
    }
    while (json_next_member(source->sets, &source->at, &id, &jwt)) {
        if (take(source, &events, id, json_text(jwt), now))
            return;
    }
    finish_round(source, &events, now);
}

/* ---- the turn ---- */

static void start(struct set_source *source, const struct profile_security_events *events,
                  struct now now)
{
    bool is_old = source->keys == NULL || now.ms - source->keys_ms >= SETS_KEYS_GOOD_MS;
    if (is_old || source->wants_keys)
        fetch_keys(source, events, now);
    else
        poll(source, now);
}

static void forget_seen_in_time(struct engine *engine, struct now now);

void sets_turn(struct engine *engine, struct now now)
{
    if (engine->draining)
        return;
    if (!engine->sets.is_synced)
        sync_sources(engine);
    struct set_source **link = &engine->sets.sources;
    while (*link != NULL) {
        struct set_source *source = *link;
        struct profile_security_events events;
        bool rests = source->step == SOURCE_RESTS;
        const struct profile *profile = profile_of(source, &events);
        if (rests && profile == NULL) {
            *link = source->next;
            engine->sets.count--;
            source_free(source);
            continue;
        }
        if (rests && now.ms >= source->due_ms)
            start(source, &events, now);
        link = &source->next;
    }
    if (engine->sets.sources != NULL)
        forget_seen_in_time(engine, now);
}

int64_t sets_next_ms(const struct engine *engine)
{
    int64_t next_ms = INT64_MAX;
    if (engine->draining)
        return next_ms;
    if (!engine->sets.is_synced)
        return 0;
    for (const struct set_source *source = engine->sets.sources; source != NULL;
         source = source->next) {
        if (source->step == SOURCE_RESTS)
            next_ms = MIN_OF(next_ms, source->due_ms);
    }
    return next_ms;
}

/* ---- ids of events that are too old to come again ---- */

enum { FORGET_EVERY_MS = 60 * 60 * 1000 };

static void on_forgotten(struct completion *completion, struct now now)
{
    (void)now;
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct engine *engine = write->user;
    engine->background--;
    store_write_free(write); /* one that failed is repeated in an hour */
}

static void forget_seen_in_time(struct engine *engine, struct now now)
{
    if (now.ms < engine->sets.forget_ms)
        return;
    engine->sets.forget_ms = now.ms + FORGET_EVERY_MS;
    struct store_write *write = store_write_new(now.ms);
    store_write_purge_seen(write, now.ms);
    write->user = engine;
    write->completion.resume = on_forgotten;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

void sets_free(struct engine *engine)
{
    while (engine->sets.sources != NULL) {
        struct set_source *source = engine->sets.sources;
        engine->sets.sources = source->next;
        source_free(source);
    }
}
