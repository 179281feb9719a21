#include "engine/code_exchange.h"

#include "common/assert.h"
#include "core/schedule.h"
#include "engine/scrub.h"
#include "oauth/authorization.h"
#include "oauth/grant_config.h"
#include "oauth/jwt_claims.h"
#include "oauth/scope_set.h"
#include "oauth/token_request.h"

static struct code_exchange *exchange_of(const struct op *op)
{
    return op->extra;
}

/* ---- into the store ---- */

/* Where a race is lost, only this is begun anew. What has the connector's id by now may be somebody
 * else's: the grant is not for that. */
static void save(struct op *op, struct now now)
{
    (void)now;
    if (op->entry->gone)
        op_fail(op, RPC_CODE_UNKNOWN_CONNECTOR, "the connector was unregistered meanwhile");
    else
        incoming_save(op, &exchange_of(op)->incoming);
}

static void save_with_account(struct op *op, struct now now)
{
    struct code_exchange *exchange = exchange_of(op);
    struct new_grant *grant = &exchange->incoming.grant;
    grant->account_id = exchange->who.id;
    grant->account_label = exchange->who.label;
    grant->account_issuer = exchange->who.issuer;
    grant->account_verified = str_is_set(exchange->who.id);
    op->begin = save;
    save(op, now);
}

/* ---- whose it is ---- */

/* OpenID Connect Core §5.3.2: an answer with another `sub` than the ID token's is not about this
 * person. False: the op has failed. */
static bool take_said(struct op *op, const struct profile *profile,
                      const struct oauth_identity *said)
{
    struct code_exchange *exchange = exchange_of(op);
    if (profile_identity_is_subject(profile) && str_is_set(exchange->who.id) &&
        str_is_set(said->id) && !str_eq(exchange->who.id, said->id)) {
        op_fail(op, RPC_CODE_CHECK_FAILED,
                "the provider names another account than its ID token does");
        return false;
    }
    if (str_is_set(said->id))
        exchange->who.id = said->id;
    if (str_is_set(said->label))
        exchange->who.label = said->label;
    return true;
}

static void on_userinfo(void *user, const struct errand_answer *answer, struct now now)
{
    struct op *op = user;
    struct code_exchange *exchange = exchange_of(op);
    const struct profile *profile = catalog_profile(op->engine, op->entry);
    int status = answer->http.status;
    bool is_answered = answer->end == TRANSPORT_ANSWERED;
    if (is_answered && status >= 200 && status < 300 && profile != NULL) {
        struct oauth_identity said;
        oauth_identity_from_answer(profile, &answer->http, &op->arena, &said);
        if (!take_said(op, profile, &said))
            return;
    } else if (!is_answered || status >= 500 || status == 429) {
        struct str why = is_answered ? arena_printf(&op->arena, "userinfo answered %d", status)
                                     : arena_copy(&op->arena, str_c(answer->why));
        exchange->incoming.account_unread = why.data;
        log_write(op->engine->log, LOG_LEVEL_WARNING, "flow.userinfo_failed", why.data,
                  LOG_TEXT("connection", exchange->flow.connection));
    }
    save_with_account(op, now);
}

static void ask_userinfo(struct op *op, const struct profile *profile, struct now now)
{
    struct code_exchange *exchange = exchange_of(op);
    struct oauth_message message = {0};
    struct error err = {0};
    const struct errand_order order = {
        .message = &message,
        .deadline_ms = ERRAND_DEADLINE_MS,
        .for_caller = true,
        .entry = op->entry,
        .done = on_userinfo,
        .user = op,
    };
    CLEANUP(json_freep) struct json *made = NULL;
    enum status status = oauth_build_userinfo(
        profile, grant_config_merge(op->entry->config, exchange->incoming.grant.config_json, &made),
        exchange->incoming.access_token, &message, &err);
    if (status == STATUS_OK)
        status = errand_send(op->engine, &order, now, &err);
    if (status == STATUS_OK)
        return;
    exchange->incoming.account_unread = arena_copy(&op->arena, str_c(err.text)).data;
    save_with_account(op, now);
}

/* False: the op has failed. */
static bool take_id_token(struct op *op, const struct profile *profile, struct str id_token,
                          struct now now)
{
    struct code_exchange *exchange = exchange_of(op);
    bool asked = oauth_asks_for_id_token(exchange->flow.scopes_asked);
    const struct credential *credential =
        catalog_credential(op->entry, exchange->flow.credential_version);
    CLEANUP(json_freep) struct json *made = NULL;
    const struct oauth_id_token_rules rules = {
        .profile = profile,
        .config =
            grant_config_merge(op->entry->config, exchange->incoming.grant.config_json, &made),
        .client_id = credential != NULL ? credential->client_id : STR_NONE,
        .nonce = asked ? exchange->secrets.nonce : STR_NONE,
        .now_wall_ms = now.wall_ms,
    };
    struct error err = {0};
    if (oauth_identity_from_id_token(&rules, id_token, &op->arena, &exchange->who, &err) ==
        STATUS_OK)
        return true;
    op_fail(op, RPC_CODE_CHECK_FAILED, "%s", err.text);
    return false;
}

static void find_account(struct op *op, const struct profile *profile,
                         const struct oauth_answer *answer, struct str id_token, struct now now)
{
    struct code_exchange *exchange = exchange_of(op);
    enum identity_source source = profile_identity_source(profile);
    bool has_token = !str_is_empty(id_token);
    if (has_token && !take_id_token(op, profile, id_token, now))
        return;
    if (source == IDENTITY_RESPONSE) {
        struct oauth_identity said;
        oauth_identity_from_answer(profile, answer, &op->arena, &said);
        if (!take_said(op, profile, &said))
            return;
    }
    bool wants_userinfo = source == IDENTITY_USERINFO || str_is_empty(exchange->who.id);
    if (wants_userinfo && profile_has_userinfo(profile))
        ask_userinfo(op, profile, now);
    else
        save_with_account(op, now);
}

/* ---- the answer ---- */

static struct json *provider_error(const struct oauth_verdict *verdict, int status)
{
    struct json *data = json_new_object();
    struct json *error = json_new_object();
    json_set_i64(error, "status", status);
    json_set_text(error, "code",
                  verdict->provider_code[0] != '\0' ? str_c(verdict->provider_code) : STR_NONE);
    json_set_text(error, "message",
                  verdict->provider_message[0] != '\0' ? str_c(verdict->provider_message)
                                                       : STR_NONE);
    json_set(data, "provider_error", error);
    json_set_text(data, "outcome", str_c(outcome_text(verdict->outcome)));
    return data;
}

static void fail_refused(struct op *op, const struct oauth_verdict *verdict, int status)
{
    const char *said = verdict->provider_code[0] != '\0' ? verdict->provider_code : verdict->reason;
    switch (verdict->outcome) {
    case OUTCOME_RATE_LIMITED:
    case OUTCOME_TRANSIENT:
    case OUTCOME_MALFORMED:
        op_fail_data(op, RPC_CODE_PROVIDER_UNAVAILABLE, provider_error(verdict, status),
                     "the provider could not exchange the code now (%s): begin again", said);
        return;
    case OUTCOME_CLIENT_REJECTED:
        op_fail_data(op, RPC_CODE_CHECK_FAILED, provider_error(verdict, status),
                     "the provider refused the connector's credentials (%s)", said);
        return;
    case OUTCOME_REFRESHED: /* and yet no access token */
    case OUTCOME_GRANT_DEAD:
    case OUTCOME_REAUTH_REQUIRED:
    case OUTCOME_SCOPE_PROBLEM:
    case OUTCOME_REFUSED:
    case OUTCOME_COUNT:
        break;
    }
    op_fail_data(op, RPC_CODE_CHECK_FAILED, provider_error(verdict, status),
                 "the provider refused the code (%s): begin again", said);
}

static void scrub(const struct op *op, struct oauth_verdict *verdict)
{
    if (verdict->provider_code[0] == '\0' && verdict->provider_message[0] == '\0')
        return;
    CLEANUP(scrub_deinit) struct scrub scrub = {0};
    scrub_add(&scrub, op_text(op, "code"));
    scrub_add(&scrub, op_text(op, "state"));
    scrub_add(&scrub, exchange_of(op)->secrets.verifier);
    scrub_add_client(&scrub, op->engine, op->entry);
    scrub_verdict(&scrub, verdict);
}

/* Answer, JWT, profile, in this order. 0: unknown. */
static int64_t lifetime_of(const struct profile *profile, const struct oauth_verdict *verdict,
                           struct now now)
{
    if (verdict->expires_in_s > 0 && !verdict->expires_assumed)
        return verdict->expires_in_s * 1000;
    int64_t jwt_s = jwt_lifetime_s(verdict->access_token, now.wall_ms);
    if (jwt_s > 0)
        return MIN_OF(jwt_s, SCHEDULE_LIFETIME_MAX_S) * 1000;
    return profile_access_lifetime_ms(profile);
}

static int64_t refresh_lifetime_of(const struct profile *profile,
                                   const struct oauth_verdict *verdict, struct now now)
{
    if (profile_presents_access_token(profile))
        return lifetime_of(profile, verdict, now);
    return profile_refresh_left_ms(profile, 0, true,
                                   MAX_OF(verdict->refresh_expires_in_s, 0) * 1000);
}

/* The flow's own variables, with what the provider tells of itself in this answer. */
static struct str config_of(struct op *op, const struct oauth_verdict *verdict)
{
    struct str own = exchange_of(op)->flow.config_json;
    struct str bound = grant_config_bind(op->entry->config, own, verdict->learned, &op->arena);
    if (str_is_set(bound))
        return bound;
    return str_is_empty(own) ? STR_NONE : own;
}

static void take_grant(struct op *op, const struct profile *profile,
                       const struct oauth_verdict *verdict, struct now now)
{
    struct code_exchange *exchange = exchange_of(op);
    struct incoming *incoming = &exchange->incoming;
    const struct flow *flow = &exchange->flow;
    incoming->access_token = arena_copy(&op->arena, verdict->access_token);
    incoming->refresh_token = arena_copy(&op->arena, verdict->refresh_token);
    incoming->revoke = flow->revoke;
    /* RFC 6749 §5.1: a scope that is not said is the one that was asked for. */
    struct str scope = scope_set_from_text(&op->arena, verdict->scope);
    incoming->grant = (struct new_grant){
        .token_type = arena_copy(&op->arena, verdict->token_type),
        .lifetime_ms = lifetime_of(profile, verdict, now),
        .refresh_lifetime_ms = refresh_lifetime_of(profile, verdict, now),
        .config_json = config_of(op, verdict),
        .scopes_asked = flow->scopes_asked,
        .scopes_granted = str_is_empty(scope) ? flow->scopes_asked : scope,
        .scopes_version = flow->scopes_version,
        .credential_version = exchange->tried[exchange->tried_count - 1],
        .requested_ms = flow->created_ms,
    };
}

static bool send_again(struct op *op, struct now now);

static void read_answer(struct op *op, const struct errand_answer *answer, struct now now)
{
    const struct profile *profile = catalog_profile(op->engine, op->entry);
    CLEANUP(oauth_verdict_deinit) struct oauth_verdict verdict = {0};
    if (profile == NULL) { /* a reload took it away meanwhile */
        op_fail(op, RPC_CODE_CHECK_FAILED, "the connector's profile is not loaded any more");
        return;
    }
    const struct code_exchange *exchange = exchange_of(op);
    CLEANUP(json_freep) struct json *made = NULL;
    struct oauth_answer http = answer->http;
    http.config = grant_config_merge(op->entry->config, exchange->flow.config_json, &made);
    oauth_classify(profile, &http, &verdict);
    scrub(op, &verdict);
    if (verdict.outcome == OUTCOME_CLIENT_REJECTED && send_again(op, now))
        return;
    if (verdict.outcome != OUTCOME_REFRESHED || str_is_empty(verdict.access_token)) {
        fail_refused(op, &verdict, answer->http.status);
        return;
    }
    take_grant(op, profile, &verdict, now);
    find_account(op, profile, &answer->http, verdict.id_token, now);
}

static void on_answer(void *user, const struct errand_answer *answer, struct now now)
{
    struct op *op = user;
    histogram_add(&op->engine->metrics->token_request_ms, answer->took_ms);
    if (answer->end == TRANSPORT_ANSWERED)
        read_answer(op, answer, now);
    else
        op_fail(op, RPC_CODE_PROVIDER_UNAVAILABLE,
                "the provider could not be asked to exchange the code (%s): begin again",
                answer->why);
}

/* ---- the request ---- */

static enum status build(struct op *op, const struct credential *credential, struct now now,
                         struct oauth_message *message, struct error *err)
{
    const struct code_exchange *exchange = exchange_of(op);
    CLEANUP(secret_freep) struct secret *secret = NULL;
    enum status status = catalog_open_secret(op->engine, credential, &secret, err);
    if (status != STATUS_OK)
        return status;
    const struct oauth_client client = {
        .client_id = credential->client_id,
        .method = credential->method,
        .secret = secret != NULL ? secret_str(secret) : STR_NONE,
        .certificate = credential->certificate,
        .key_id = credential->key_id,
    };
    CLEANUP(json_freep) struct json *made = NULL;
    struct oauth_code_exchange request = {
        .profile = catalog_profile(op->engine, op->entry),
        .client = &client,
        .config = grant_config_merge(op->entry->config, exchange->flow.config_json, &made),
        .code = op_text(op, "code"),
        .redirect_uri = exchange->flow.redirect_uri,
        .verifier = exchange->secrets.verifier,
        .now_wall_ms = now.wall_ms,
    };
    op->engine->entropy.fill(op->engine->entropy.ctx, request.random, sizeof(request.random));
    return oauth_build_code_exchange(&request, message, err);
}

/* False: nothing was sent, and err says why. */
static enum status send(struct op *op, const struct credential *credential, struct now now,
                        struct error *err)
{
    struct code_exchange *exchange = exchange_of(op);
    struct oauth_message message = {0};
    const struct errand_order order = {
        .message = &message,
        .deadline_ms = ERRAND_DEADLINE_MS,
        .for_caller = true,
        .entry = op->entry,
        .done = on_answer,
        .user = op,
    };
    ASSERT(exchange->tried_count < CODE_EXCHANGE_CREDENTIALS_MAX);
    exchange->tried[exchange->tried_count++] = credential->version;
    enum status status = build(op, credential, now, &message, err);
    return status == STATUS_OK ? errand_send(op->engine, &order, now, err) : status;
}

/* The client was refused, and with it no code used up: another credential of the same client may
 * still be good (a rotation that has not reached the provider yet). */
static bool send_again(struct op *op, struct now now)
{
    const struct code_exchange *exchange = exchange_of(op);
    if (exchange->tried_count == CODE_EXCHANGE_CREDENTIALS_MAX)
        return false;
    const struct credential *other =
        catalog_fallback_credential(op->entry, exchange->tried, exchange->tried_count, now.ms);
    return other != NULL && send(op, other, now, NULL) == STATUS_OK;
}

void code_exchange_begin(struct op *op, struct code_exchange *exchange, struct now now)
{
    struct error err = {0};
    const struct credential *credential =
        catalog_credential_for(op->entry, exchange->flow.credential_version, now.ms);
    op->extra = exchange;
    exchange->tried_count = 0;
    if (credential == NULL)
        error_set(&err, STATUS_INVALID, "the connector has no credential");
    else if (send(op, credential, now, &err) == STATUS_OK)
        return;
    op_fail(op,
            err.status == STATUS_UNAVAILABLE ? RPC_CODE_PROVIDER_UNAVAILABLE
                                             : RPC_CODE_CHECK_FAILED,
            "the code could not be exchanged: %s", err.text);
}
