/* authorize: where a person goes to grant access (docs/behaviour.md "Connecting"). */
#include "engine/calls.h"
#include "engine/flow.h"
#include "engine/owner_json.h"
#include "engine/target.h"
#include "engine/view.h"
#include "oauth/authorization.h"
#include "oauth/grant_config.h"
#include "port/record.h"

/* What lives as long as the call. */
struct authorize {
    struct target target;
    struct connection connection; /* as it is; version 0: a new one, or one that is pending */
    struct flow flow;
    struct str state, url;
};

static struct authorize *authorize_of(const struct op *op)
{
    return CONTAINER_OF(op->target, struct authorize, target);
}

/* ---- the answer ---- */

static void finish(struct op *op, struct now now)
{
    const struct authorize *authorize = authorize_of(op);
    struct json *result = json_new_object();
    json_set_text(result, "url", authorize->url);
    json_set_text(result, "state", authorize->state);
    view_set_time(result, "expires_at", authorize->flow.expires_ms, now);
    flow_note_end(op->engine, authorize->flow.expires_ms);
    op_result(op, result, now);
}

static void on_written(struct op *op, struct now now)
{
    /* Of one whose fate nobody knows nobody knows the state: it is forgotten in its time. */
    if (op->write->status == STATUS_CONFLICT || op->write->status == STATUS_UNCERTAIN)
        op_again(op, now);
    else if (op->write->status != STATUS_OK)
        op_fail_store(op, &op->write->error);
    else
        finish(op, now);
}

/* ---- the URL and what is kept ---- */

static bool build_url(struct op *op, const struct flow_secrets *secrets)
{
    struct authorize *authorize = authorize_of(op);
    const struct catalog_entry *entry = op->entry;
    const struct credential *credential =
        catalog_credential(entry, authorize->flow.credential_version);
    CLEANUP(json_freep) struct json *made = NULL;
    const struct oauth_authorization about = {
        .profile = catalog_profile(op->engine, entry),
        .config = grant_config_merge(entry->config, authorize->flow.config_json, &made),
        .client_id = credential->client_id,
        .redirect_uri = authorize->flow.redirect_uri,
        .scopes = authorize->flow.scopes_asked,
        .state = authorize->state,
        .verifier = secrets->verifier,
        .nonce = secrets->nonce,
        .login_hint = op_text(op, "login_hint"),
        .claims =
            str_is_empty(authorize->connection.claims) ? STR_NONE : authorize->connection.claims,
    };
    struct error err = {0};
    if (oauth_build_authorization_url(&about, &op->arena, &authorize->url, &err) == STATUS_OK)
        return true;
    op_fail_params(op, "connector", "one that people can be sent to: %s", err.text);
    return false;
}

/* Its own variables: those that are given, else those of the connection, which a switch leaves
 * behind. */
static struct str config_of(struct op *op)
{
    const struct authorize *authorize = authorize_of(op);
    const struct json *given = json_get(op->params, "config");
    if (json_count(given) == 0)
        return authorize->target.intent == INTENT_SWITCH ? STR_NONE
                                                         : authorize->connection.config_json;
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(given, &text);
    return arena_copy(&op->arena, buf_str(&text));
}

/* Fixed here and not later: what a grant asked for is what the connector asked for then. */
static void fill_flow(struct op *op, struct now now)
{
    struct authorize *authorize = authorize_of(op);
    const struct connector *connector = &op->entry->connector;
    authorize->state = flow_new_text(op->engine, &op->arena, FLOW_TEXT_LEN);
    authorize->flow = (struct flow){
        .print = flow_print(op->engine, authorize->state, &op->arena),
        .connector = connector->id,
        .connection = authorize->connection.id,
        .owner = authorize->target.owner,
        .intent = authorize->target.intent,
        .revoke = op_bool(op, "revoke", false),
        .redirect_uri = op_text(op, "redirect_uri"),
        .scopes_asked = arena_copy(&op->arena, connector->scopes),
        .scopes_version = connector->scopes_version,
        .credential_version = connector->credential_version,
        .config_json = config_of(op),
        .created_ms = now.ms,
        .expires_ms = now.ms + FLOW_LIFETIME_MS,
    };
}

/* A connection that is not there yet waits for its grant; so long as somebody asks for it. */
static void put_pending(struct op *op, struct store_write *write, struct now now)
{
    struct authorize *authorize = authorize_of(op);
    struct connection *pending = &authorize->connection;
    if (pending->generation > 0 || pending->phase != PHASE_PENDING)
        return;
    pending->owner = authorize->target.owner;
    pending->scopes_asked = authorize->flow.scopes_asked;
    pending->scopes_version = authorize->flow.scopes_version;
    pending->unscheduled = UNSCHEDULED_NO_GRANT;
    pending->requested_ms = now.ms;
    store_write_put_connection(write, pending);
}

static bool has_room(struct op *op, const struct flow_bounds *bounds)
{
    if (bounds->open < FLOWS_MAX && bounds->of_connection < FLOWS_OF_CONNECTION_MAX)
        return true;
    bool is_full = bounds->open >= FLOWS_MAX;
    op_fail(op, RPC_CODE_TOO_MANY,
            "%d authorizations are under way%s: they end after 10 minutes at the latest",
            is_full ? FLOWS_MAX : FLOWS_OF_CONNECTION_MAX, is_full ? "" : " for this connection");
    return false;
}

static void on_bounds(struct op *op, struct now now)
{
    struct authorize *authorize = authorize_of(op);
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    if (!has_room(op, &op->read->flow_bounds))
        return;
    if (op->entry->gone || op->entry->leaving) {
        op_again(op, now);
        return;
    }
    const struct flow_secrets secrets = {
        .verifier = flow_new_text(op->engine, &op->arena, FLOW_TEXT_LEN),
        .nonce = flow_new_text(op->engine, &op->arena, FLOW_NONCE_LEN),
    };
    fill_flow(op, now);
    if (!build_url(op, &secrets))
        return;
    authorize->flow.sealed_secrets =
        flow_seal(op->engine, authorize->flow.print, &secrets, &op->arena);
    struct store_write *write = store_write_new(now.ms);
    if (str_is_set(authorize->target.supersedes))
        store_write_drop_pending(write, authorize->target.supersedes);
    put_pending(op, write, now);
    store_write_put_flow(write, &authorize->flow);
    CLEANUP(json_freep) struct json *detail = json_new_object();
    json_set_text(detail, "intent", str_c(intent_text(authorize->flow.intent)));
    op_audit(op, write, authorize->flow.connection, detail, now);
    op_write(op, write, on_written);
}

/* ---- for which connection ---- */

static void on_found(struct op *op, const struct connection *connection, struct now now)
{
    struct authorize *authorize = authorize_of(op);
    if (connection == NULL)
        target_make_new(op, &authorize->target, now, &authorize->connection);
    else
        record_copy_connection(&op->arena, connection, &authorize->connection);
    struct store_read *read = store_read_new(STORE_READ_FLOW_BOUNDS);
    read->subject = arena_copy(&read->arena, authorize->connection.id);
    read->until_ms = now.ms;
    op_read(op, read, on_bounds);
}

static bool check_params(struct op *op)
{
    const char *expected;
    if (!oauth_redirect_uri_check(op_text(op, "redirect_uri"), &expected)) {
        op_fail_params(op, "redirect_uri", "%s", expected);
        return false;
    }
    if (catalog_profile(op->engine, op->entry) == NULL) {
        op_fail_params(op, "connector", "one whose profile is loaded");
        return false;
    }
    return true;
}

void call_authorize(struct op *op, struct now now)
{
    (void)now;
    struct authorize *authorize = arena_alloc(&op->arena, sizeof(*authorize));
    struct target *target = &authorize->target;
    if (!op_take_entry(op))
        return;
    struct error err = {0};
    if (owner_from_json(&op->arena, op->entry->connector.type, json_get(op->params, "owner"),
                        &target->owner, &err) != STATUS_OK) {
        op_fail(op, RPC_CODE_INVALID_OWNER, "%s", err.text);
        return;
    }
    target->intent = target_intent(op);
    target->named = op_text(op, "connection");
    target->found = on_found;
    if (target_may_act(op, target) && check_params(op))
        target_find(op, target);
}
