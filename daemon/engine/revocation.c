#include "engine/revocation.h"

#include "common/memory.h"
#include "engine/errand.h"
#include "engine/job.h"
#include "engine/sealed_token.h"
#include "oauth/revoke_request.h"

#include <stdlib.h>

/** One that is under way: from its row to what came of it, saved. */
struct revocation_run {
    struct engine *engine;
    struct revocation_run *next;
    struct revocation row; /* texts in arena */
    struct arena arena;
};

/* ---- the queue ---- */

static const char *field_of(bool is_access_token)
{
    return is_access_token ? "access_token" : "refresh_token";
}

/* Which of its tokens is presented; empty: it has none. */
static struct str choose_token(const struct profile *profile, const struct connection *before,
                               bool *ret_is_access_token)
{
    *ret_is_access_token =
        profile_revokes_access_token(profile) || str_is_empty(before->sealed_refresh);
    return *ret_is_access_token ? before->sealed_access : before->sealed_refresh;
}

const char *revocation_why_not(const struct engine *engine, const struct catalog_entry *entry,
                               const struct connection *before)
{
    const struct profile *profile = catalog_profile(engine, entry);
    bool is_access_token;
    if (profile == NULL || !profile_can_revoke(profile))
        return "the provider has no way to revoke a grant, as far as its profile knows";
    if (before->phase != PHASE_CONNECTED ||
        str_is_empty(choose_token(profile, before, &is_access_token)))
        return "there is no token to revoke";
    return NULL;
}

const char *revocation_append(struct engine *engine, struct store_write *write,
                              const struct catalog_entry *entry, const struct connection *before,
                              struct now now)
{
    const char *why_not = revocation_why_not(engine, entry, before);
    if (why_not != NULL)
        return why_not;
    struct revocation revocation = {
        .connector = before->connector,
        .connection = before->id,
        .generation = before->generation,
        .credential_version = connection_client_version(before),
        .created_ms = now.ms,
        .due_ms = now.ms,
    };
    revocation.sealed_token =
        choose_token(catalog_profile(engine, entry), before, &revocation.is_access_token);
    store_write_put_revocation(write, &revocation);
    return NULL;
}

void revocation_kick(struct engine *engine, struct now now)
{
    engine->revocations.next_ms = MIN_OF(engine->revocations.next_ms, now.ms);
}

/* ---- the end of one ---- */

static void run_free(struct revocation_run *run)
{
    struct revocation_state *state = &run->engine->revocations;
    struct revocation_run **link = &state->runs;
    while (*link != run)
        link = &(*link)->next;
    *link = run->next;
    state->run_count--;
    arena_deinit(&run->arena);
    free(run);
}

static void on_saved(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct revocation_run *run = write->user;
    struct engine *engine = run->engine;
    engine->background--;
    /* What was not saved is presented once more: that does no harm. */
    int64_t look_ms = write->status == STATUS_OK ? now.ms : now.ms + REVOCATION_STORE_RETRY_MS;
    run_free(run);
    store_write_free(write);
    engine->revocations.next_ms = MIN_OF(engine->revocations.next_ms, look_ms);
}

static void save(struct revocation_run *run, bool is_over, struct now now)
{
    struct engine *engine = run->engine;
    struct store_write *write = store_write_new(now.ms);
    if (is_over)
        store_write_drop_revocation(write, run->row.connection, run->row.generation);
    else
        store_write_put_revocation(write, &run->row);
    write->user = run;
    write->completion.resume = on_saved;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

static void tell(const struct revocation_run *run, enum log_level level, const char *event,
                 const char *message, const char *reason)
{
    log_write(run->engine->log, level, event, message, LOG_TEXT("connection", run->row.connection),
              LOG_TEXT("connector", run->row.connector), LOG_I64("generation", run->row.generation),
              LOG_TEXT("reason", str_c(reason)), LOG_I64("tries", run->row.tries));
}

/* Full jitter: many that failed together do not come back together. */
static int64_t backoff_ms(struct engine *engine, int64_t tries)
{
    int64_t cap_ms = MIN_OF((int64_t)REVOCATION_BACKOFF_MIN_MS << MIN_OF(tries, (int64_t)12),
                            (int64_t)REVOCATION_BACKOFF_MAX_MS);
    return cap_ms / 2 + (int64_t)(engine_random(engine) % (uint64_t)(cap_ms / 2 + 1));
}

static void try_later(struct revocation_run *run, const char *reason, int64_t wait_ms,
                      struct now now)
{
    run->row.tries++;
    run->row.due_ms = now.ms + MAX_OF(backoff_ms(run->engine, run->row.tries), wait_ms);
    if (run->row.due_ms - run->row.created_ms > REVOCATION_KEEP_MS) {
        tell(run, LOG_LEVEL_WARNING, "revocation.given_up",
             "the grant could not be revoked at the provider: it may still be good there", reason);
        run->engine->metrics->revocations_given_up++;
        save(run, true, now);
        return;
    }
    tell(run, LOG_LEVEL_INFO, "revocation.later", "revoking a grant is tried again", reason);
    save(run, false, now);
}

static void on_answer(void *user, const struct errand_answer *answer, struct now now)
{
    struct revocation_run *run = user;
    const struct profile *profile =
        answer->entry->gone ? NULL : catalog_profile(run->engine, answer->entry);
    if (profile == NULL) { /* its row has gone with its connector */
        save(run, true, now);
        return;
    }
    if (answer->end != TRANSPORT_ANSWERED) {
        try_later(run, answer->why, 0, now);
        return;
    }
    struct revoke_verdict verdict;
    oauth_read_revocation(profile, &answer->http, &verdict);
    switch (verdict.outcome) {
    case REVOKE_DONE:
        run->row.tries++;
        tell(run, LOG_LEVEL_INFO, "revocation.done", "a grant was revoked at the provider",
             verdict.reason);
        run->engine->metrics->revocations_done++;
        save(run, true, now);
        return;
    case REVOKE_LATER:
        try_later(run, verdict.reason, MAX_OF(verdict.retry_after_s, (int64_t)0) * 1000, now);
        return;
    case REVOKE_REFUSED:
        run->row.tries++;
        tell(run, LOG_LEVEL_WARNING, "revocation.refused",
             "the provider refuses to revoke a grant: it may still be good there", verdict.reason);
        run->engine->metrics->revocations_given_up++;
        save(run, true, now);
        return;
    }
}

/* ---- the request ---- */

static enum status build(struct revocation_run *run, const struct catalog_entry *entry,
                         struct oauth_message *message, struct now now, struct error *err)
{
    struct engine *engine = run->engine;
    const struct revocation *row = &run->row;
    const struct profile *profile = catalog_profile(engine, entry);
    const struct credential *credential =
        catalog_credential_for(entry, row->credential_version, now.ms);
    if (profile == NULL || credential == NULL)
        return error_set(err, STATUS_INVALID, "its profile or credential is not there any more");
    CLEANUP(secret_freep) struct secret *token = NULL;
    CLEANUP(secret_freep) struct secret *secret = NULL;
    enum status status = sealed_token_open(engine, row->connection, field_of(row->is_access_token),
                                           row->generation, row->sealed_token, &token, err);
    if (status == STATUS_OK)
        status = catalog_open_secret(engine, credential, &secret, err);
    if (status != STATUS_OK)
        return status;
    const struct oauth_client client = {
        .client_id = credential->client_id,
        .method = credential->method,
        .secret = secret != NULL ? secret_str(secret) : STR_NONE,
        .certificate = credential->certificate,
    };
    struct oauth_revocation revocation = {
        .profile = profile,
        .client = &client,
        .config = entry->config,
        .token = secret_str(token),
        .is_access_token = row->is_access_token,
        .now_wall_ms = now.wall_ms,
    };
    engine->entropy.fill(engine->entropy.ctx, revocation.random, sizeof(revocation.random));
    return oauth_build_revocation(&revocation, message, err);
}

/* False: there is no room for it now. */
static bool start(struct engine *engine, struct catalog_entry *entry, const struct revocation *row,
                  struct now now)
{
    struct revocation_run *run = memory_new(sizeof(*run));
    run->engine = engine;
    run->row = *row;
    run->row.connector = arena_copy(&run->arena, row->connector);
    run->row.connection = arena_copy(&run->arena, row->connection);
    run->row.sealed_token = arena_copy(&run->arena, row->sealed_token);
    run->next = engine->revocations.runs;
    engine->revocations.runs = run;
    engine->revocations.run_count++;
    struct oauth_message message = {0};
    struct error err = {0};
    if (build(run, entry, &message, now, &err) != STATUS_OK) {
        try_later(run, err.text, REVOCATION_BACKOFF_MAX_MS / 4, now);
        return true;
    }
    const struct errand_order order = {
        .message = &message,
        .deadline_ms = ERRAND_DEADLINE_MS,
        .entry = entry,
        .done = on_answer,
        .user = run,
    };
    if (errand_send(engine, &order, now, &err) == STATUS_OK)
        return true;
    run_free(run);
    return false;
}

/* ---- the turn ---- */

static bool is_under_way(const struct engine *engine, const struct revocation *row)
{
    for (const struct revocation_run *run = engine->revocations.runs; run != NULL;
         run = run->next) {
        if (run->row.generation == row->generation && str_eq(run->row.connection, row->connection))
            return true;
    }
    return false;
}

static void look_again(struct engine *engine, int64_t at_ms)
{
    engine->revocations.next_ms = MIN_OF(engine->revocations.next_ms, at_ms);
}

/* The end of each that is under way looks again. */
static void start_due(struct engine *engine, const struct store_read *read, struct now now)
{
    for (size_t i = 0; i < read->revocation_count; i++) {
        const struct revocation *row = &read->revocations[i];
        if (row->due_ms > now.ms) {
            look_again(engine, row->due_ms);
            return;
        }
        struct catalog_entry *entry = catalog_find(engine, row->connector);
        if (entry == NULL || is_under_way(engine, row))
            continue;
        if (engine->revocations.run_count >= REVOCATIONS_UNDER_WAY_MAX)
            return;
        if (!start(engine, entry, row, now))
            look_again(engine, now.ms + REVOCATION_BACKOFF_MIN_MS);
    }
}

static void on_read(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = read->user;
    engine->background--;
    engine->revocations.reading = false;
    if (read->status != STATUS_OK)
        look_again(engine, now.ms + REVOCATION_STORE_RETRY_MS);
    else if (!engine->draining)
        start_due(engine, read, now);
    store_read_free(read);
}

void revocation_turn(struct engine *engine, struct now now)
{
    struct revocation_state *state = &engine->revocations;
    if (engine->draining || state->reading || now.ms < state->next_ms)
        return;
    state->reading = true;
    state->next_ms = INT64_MAX;
    struct store_read *read = store_read_new(STORE_READ_REVOCATIONS);
    read->until_ms = INT64_MAX;
    read->limit = REVOCATION_WINDOW;
    read->user = engine;
    read->completion.resume = on_read;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}

int64_t revocation_next_ms(const struct engine *engine)
{
    const struct revocation_state *state = &engine->revocations;
    return engine->draining || state->reading ? INT64_MAX : state->next_ms;
}
