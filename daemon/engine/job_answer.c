#include "engine/job_answer.h"

#include "engine/credentials.h"
#include "engine/job.h"
#include "engine/scrub.h"
#include "engine/sealed_token.h"
#include "oauth/grant_config.h"
#include "oauth/jwt_claims.h"
#include "oauth/scope_set.h"

enum {
    SCRUB_PRESENTED_MAX = 3,
    DEADLINE_DEFAULT_MS = 15 * 1000,
    DEADLINE_WINDOW_MIN_MS = 4 * 1000,
    DEADLINE_LONG_MS = 120 * 1000,
    SUCCESSES_WITHOUT_ROTATION = 3, /* then a provider of unknown habits counts as not rotating */
    LIVE_COUNT_GOOD_MS = 15 * 60 * 1000,
    SEALED_USUAL = 2 * 1024, /* bytes that most tokens fit into, sealed */
};

struct replay_rules job_replay_rules(const struct profile *profile,
                                     const struct connection *connection)
{
    struct replay_rules rules = {.rotates = true};
    enum rotation rotation = profile_rotation(profile);
    bool seen_not_to_rotate =
        rotation == ROTATION_UNKNOWN && connection->no_rotation_count >= SUCCESSES_WITHOUT_ROTATION;
    if (rotation == ROTATION_NEVER || seen_not_to_rotate)
        rules = (struct replay_rules){.rotates = false, .safe = true};
    switch (profile_replay(profile)) {
    case REPLAY_SAFE:
        rules.safe = true;
        break;
    case REPLAY_HOLD:
        rules.hold = true;
        break;
    case REPLAY_WINDOW:
        rules.window_ms = profile_replay_window_ms(profile);
        break;
    case REPLAY_DEFAULT:
        break;
    }
    return rules;
}

int64_t job_deadline_ms(const struct profile *profile, const struct connection *connection)
{
    struct replay_rules rules = job_replay_rules(profile, connection);
    if (rules.window_ms > 0)
        return MIN_OF(MAX_OF(rules.window_ms / 2, DEADLINE_WINDOW_MIN_MS), DEADLINE_LONG_MS);
    if (rules.hold)
        return DEADLINE_LONG_MS;
    return DEADLINE_DEFAULT_MS;
}

static struct str copy_c(struct arena *arena, const char *text)
{
    return text[0] == '\0' ? STR_NONE : arena_copy(arena, str_c(text));
}

/* Answer, JWT, last known, profile, in this order. 0: unknown. */
static int64_t lifetime_of(const struct job_answer_input *input,
                           const struct oauth_verdict *verdict)
{
    if (verdict->expires_in_s > 0 && !verdict->expires_assumed)
        return verdict->expires_in_s * 1000;
    int64_t jwt_s = jwt_lifetime_s(verdict->access_token, input->now.wall_ms);
    if (jwt_s > 0)
        return MIN_OF(jwt_s, SCHEDULE_LIFETIME_MAX_S) * 1000;
    if (input->connection->lifetime_ms > 0)
        return input->connection->lifetime_ms;
    return profile_access_lifetime_ms(input->profile);
}

/* Lost is what this grant had and does not have now; what it had includes what an earlier answer
 * already took away, or the loss would seem over with the next answer that repeats it. */
static void compare_scopes(const struct connection *connection, struct str scope,
                           struct arena *arena, struct refresh_answer *answer)
{
    bool is_same = str_eq(scope, connection->scopes_granted); /* nearly always; that is a set */
    answer->scope = is_same ? arena_copy(arena, scope) : scope_set_from_text(arena, scope);
    if (str_is_empty(answer->scope))
        return; /* some servers always say "" and mean nothing by it */
    answer->scope_said = true;
    struct str lost = str_eq(answer->scope, connection->scopes_granted)
                          ? STR("")
                          : scope_set_minus(arena, connection->scopes_granted, answer->scope);
    if (connection->advisory_reason == REASON_SCOPES_REDUCED) {
        struct str still = scope_set_minus(arena, connection->scopes_removed, answer->scope);
        lost = scope_set_from_text(
            arena, arena_printf(arena, STR_FMT " " STR_FMT, STR_ARG(lost), STR_ARG(still)));
    }
    answer->scope_lost = lost;
}

static struct str seal(const struct job_answer_input *input, const char *field, struct str token,
                       struct arena *arena)
{
    char room[SEALED_USUAL];
    CLEANUP(buf_deinit) struct buf sealed = {0};
    buf_lend(&sealed, room, sizeof(room));
    sealed_token_make(input->engine, input->connection->id, field, input->connection->generation,
                      token, &sealed);
    return arena_copy(arena, buf_str(&sealed));
}

/* An access token that renews itself can do so until its own end. */
static void take_refresh_end(const struct job_answer_input *input,
                             const struct oauth_verdict *verdict, struct refresh_answer *answer)
{
    if (profile_presents_access_token(input->profile)) {
        answer->refresh_lifetime_ms = answer->lifetime_ms;
        return;
    }
    int64_t said_ms = verdict->refresh_expires_in_s > 0 ? verdict->refresh_expires_in_s * 1000 : 0;
    int64_t since_grant_ms = MAX_OF(input->now.ms - input->connection->requested_ms, (int64_t)0);
    answer->refresh_lifetime_ms = profile_refresh_left_ms(
        input->profile, since_grant_ms, str_is_set(answer->sealed_refresh), said_ms);
}

static void take_tokens(const struct job_answer_input *input, struct arena *arena,
                        const struct oauth_verdict *verdict, struct refresh_answer *answer)
{
    if (!str_is_empty(verdict->access_token)) /* some only prolong the one in use */
        answer->sealed_access = seal(input, "access_token", verdict->access_token, arena);
    struct str presented_next =
        profile_presented_token(input->profile, verdict->access_token, verdict->refresh_token);
    if (!str_is_empty(presented_next)) {
        uint8_t print[VAULT_PRINT_BYTES];
        vault_print(input->engine->vault, presented_next, print);
        struct str print_text = {.data = (const char *)print, .len = sizeof(print)};
        /* The same token again is no rotation. */
        if (!str_eq(print_text, input->connection->refresh_print)) {
            answer->sealed_refresh = seal(input, "refresh_token", presented_next, arena);
            answer->refresh_print = arena_copy(arena, print_text);
        }
    }
    answer->token_type = arena_copy(arena, verdict->token_type);
    if (str_is_set(verdict->scope))
        compare_scopes(input->connection, verdict->scope, arena, answer);
    answer->lifetime_ms = lifetime_of(input, verdict);
    take_refresh_end(input, verdict, answer);
    answer->config_json = grant_config_bind(input->entry->config, input->connection->config_json,
                                            verdict->learned, arena);
}

/* Only where there are words, since opening secrets costs. */
static void scrub(const struct job_answer_input *input, struct oauth_verdict *verdict)
{
    if (verdict->provider_code[0] == '\0' && verdict->provider_message[0] == '\0')
        return;
    CLEANUP(scrub_deinit) struct scrub scrub = {0};
    for (size_t i = 0; i < MIN_OF(input->secret_count, (size_t)SCRUB_PRESENTED_MAX); i++)
        scrub_add(&scrub, input->secrets[i]);
    CLEANUP(secret_freep) struct secret *access = NULL;
    const struct connection *connection = input->connection;
    if (!str_is_empty(connection->sealed_access) &&
        sealed_token_open(input->engine, connection->id, "access_token", connection->generation,
                          connection->sealed_access, &access, NULL) == STATUS_OK)
        scrub_add(&scrub, secret_str(access));
    scrub_add_client(&scrub, input->engine, input->entry);
    scrub_verdict(&scrub, verdict);
}

static void classify(const struct job_answer_input *input, struct arena *arena,
                     struct oauth_verdict *verdict, struct refresh_answer *answer)
{
    const struct http_request *request = input->request;
    CLEANUP(json_freep) struct json *own_config = NULL;
    const struct oauth_answer raw = {
        .status = request->status,
        .headers = request->headers,
        .header_count = request->header_count,
        .body = request->body != NULL ? secret_str(request->body) : STR(""),
        .body_too_large = request->body_too_large,
        .now_wall_ms = input->now.wall_ms,
        .config =
            grant_config_merge(input->entry->config, input->connection->config_json, &own_config),
    };
    oauth_classify(input->profile, &raw, verdict);
    scrub(input, verdict);
    answer->outcome = verdict->outcome;
    answer->dead_reason = verdict->dead_reason;
    answer->bare_invalid_client = verdict->bare_invalid_client;
    answer->confirm = verdict->confirm;
    answer->maybe_rotated = verdict->rotation_may_be_lost && answer->replay.rotates;
    answer->status = request->status;
    answer->retry_after_ms = verdict->retry_after_s >= 0 ? verdict->retry_after_s * 1000 : -1;
    answer->provider_code = copy_c(arena, verdict->provider_code);
    answer->provider_message = copy_c(arena, verdict->provider_message);
    answer->claims = arena_copy(arena, verdict->claims);
    if (verdict->outcome == OUTCOME_REFRESHED)
        take_tokens(input, arena, verdict, answer);
}

/* What the other connections of the same client went through since this one fails. */
static void compare_with_others(const struct job_answer_input *input, int64_t client_version,
                                struct refresh_answer *answer)
{
    const struct connection *connection = input->connection;
    const struct client_facts *facts =
        &input->entry->facts[catalog_client_of(input->entry, client_version)];
    int64_t since_ms =
        connection->failing_since_ms != TIME_NONE ? connection->failing_since_ms : input->now.ms;
    answer->others_succeed = facts->last_success_ms > since_ms;
    for (size_t i = 0; i < ARRAY_LEN(facts->refused) && !answer->others_succeed; i++) {
        const struct refused_once *refused = &facts->refused[i];
        if (refused->at_ms != TIME_NONE && refused->at_ms >= since_ms &&
            !str_eq(str_c(refused->connection), connection->id))
            answer->others_fail = true;
    }
    int64_t good_for_ms = LIVE_COUNT_GOOD_MS + 2 * input->engine->settings.rules.backoff_max_ms;
    answer->has_no_others = facts->counted_ms != TIME_NONE && facts->live <= 1 &&
                            input->now.ms - facts->counted_ms <= good_for_ms;
}

void job_read_answer(const struct job_answer_input *input, struct arena *arena,
                     struct oauth_verdict *ret_verdict, struct refresh_answer *ret_answer)
{
    const struct connection *connection = input->connection;
    const struct catalog_entry *entry = input->entry;
    int64_t client_version = connection_client_version(connection);
    *ret_answer = (struct refresh_answer){
        .end = input->request->end,
        .outcome = OUTCOME_TRANSIENT,
        .retry_after_ms = -1,
        .started_ms = input->started_ms,
        .took_ms = input->request->took_ms,
        .credential_version = input->credential_version,
        .first_after_rotation =
            !input->is_check && client_version != 0 && client_version < input->credential_version,
        .replay = job_replay_rules(input->profile, connection),
    };
    compare_with_others(input, input->credential_version, ret_answer);
    if (input->request->end == TRANSPORT_ANSWERED)
        classify(input, arena, ret_verdict, ret_answer);
    else
        ret_answer->provider_message = copy_c(arena, input->request->error.text);
    if (catalog_is_of_old_client(entry, input->credential_version))
        ret_answer->client_replaced = !input->has_fallback;
    else if (credentials_are_acquitted(entry, connection->id, input->now))
        ret_answer->bare_invalid_client = false;
}
