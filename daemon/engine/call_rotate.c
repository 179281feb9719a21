/* rotate: replace a connector's credentials and disconnect nobody (docs/behaviour.md
 * "Rotate"). */
#include "engine/calls.h"
#include "engine/candidate.h"
#include "engine/connector_write.h"
#include "engine/credentials.h"
#include "engine/event_json.h"
#include "engine/job.h"
#include "oauth/token_request.h"

enum { OVERLAP_DEFAULT_S = 86400 };

/* What lives as long as the call. */
struct rotate_call {
    struct credential candidate;
    bool checked;
    bool was_checked_with_nobody;
    bool met_busy; /* one that would do, but for a refresh that is under way */
    bool replaces_client;
    struct job_waiter waiter;
    struct op *op;
    int64_t connections;
    int64_t rows; /* of the connector, ended ones among them: the sweep's total */
};

static struct rotate_call *rotation_of(struct op *op)
{
    return op->extra;
}

/* Empty where the method needs none. */
static struct str secret_of(const struct op *op)
{
    return op->secret != NULL ? secret_str(op->secret) : STR_NONE;
}

static void finish(struct op *op, struct now now)
{
    struct rotate_call *rotation = rotation_of(op);
    struct json *result = json_new_object();
    json_set_text(result, "connector", op->entry->connector.id);
    json_set_i64(result, "credential_version", op->entry->connector.credential_version);
    json_set_bool(result, "checked", rotation->checked);
    if (rotation->replaces_client)
        json_set_text(result, "not_checked_because",
                      STR("refresh tokens belong to the old client id"));
    else if (rotation->was_checked_with_nobody)
        json_set_text(result, "not_checked_because", STR("no connection to check it with"));
    json_set_i64(result, "connections", rotation->connections);
    op_result(op, result, now);
}

/* ---- the counts that the answer tells ---- */

static void count_connections(struct op *op)
{
    struct rotate_call *rotation = rotation_of(op);
    rotation->connections = rotation->rows = 0;
    for (size_t i = 0; i < op->read->count_count; i++) {
        const struct count_row *row = &op->read->counts[i];
        rotation->rows += row->count;
        if (row->phase == PHASE_CONNECTED)
            rotation->connections += row->count;
    }
}

static void on_counts(struct op *op, struct now now)
{
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    count_connections(op);
    finish(op, now);
}

static void read_counts(struct op *op, op_step *next)
{
    struct store_read *read = store_read_new(STORE_READ_COUNTS);
    read->connector = arena_copy(&read->arena, op->entry->connector.id);
    op_read(op, read, next);
}

/* ---- taking over ---- */

static void take_over(struct op *op, struct now now);

static void on_rotated(struct connector_write *change, enum status status, const struct error *err,
                       struct now now)
{
    struct op *op = change->user;
    if (status == STATUS_CONFLICT) {
        op_again(op, now);
        return;
    }
    if (status != STATUS_OK) {
        op_fail_store(op, err);
        return;
    }
    credentials_note_rotated(op->entry, rotation_of(op)->replaces_client);
    const struct success success = {.version = change->next.credential_version, .refreshed = true};
    if (rotation_of(op)->checked)
        credentials_note_works(op->engine, op->entry, &success, now);
    else if (op->entry->connector.rejected_ms != TIME_NONE)
        credentials_probe_now(op->engine, op->entry, now);
    read_counts(op, on_counts);
}

static int64_t overlap_end_ms(const struct op *op, bool same_client, struct now now)
{
    int64_t overlap_s =
        json_i64(json_get(op->params, "overlap_s"), same_client ? OVERLAP_DEFAULT_S : -1);
    return overlap_s < 0 ? TIME_NONE : now.ms + overlap_s * 1000;
}

/* The current one steps back and is kept for a while; what is past its overlap is erased. */
static void retire_others(struct op *op, struct connector_write *change, struct now now)
{
    for (size_t i = 0; i < change->credential_count; i++) {
        struct credential *old = &change->credentials[i];
        bool is_over = old->retires_ms != TIME_NONE && now.ms >= old->retires_ms;
        bool same_client = str_eq(old->client_id, rotation_of(op)->candidate.client_id);
        if (old->state == CREDENTIAL_CURRENT) {
            old->state = CREDENTIAL_RETIRING;
            old->retires_ms = overlap_end_ms(op, same_client, now);
            is_over = old->retires_ms == now.ms;
            change->credential_changed[i] = true;
        }
        if (old->state == CREDENTIAL_RETIRING && is_over) {
            old->state = CREDENTIAL_RETIRED;
            old->sealed_secret = STR_NONE;
            change->credential_changed[i] = true;
        }
    }
}

static void take_over(struct op *op, struct now now)
{
    struct engine *engine = op->engine;
    struct rotate_call *rotation = rotation_of(op);
    struct connector_write *change = connector_write_begin(engine, op->entry, now);
    if (change == NULL) { /* what was checked need not be checked again */
        op->begin = take_over;
        op_again(op, now);
        return;
    }
    struct connector *next = &change->next;
    struct credential candidate = rotation->candidate;
    candidate.version = next->credential_version + 1; /* another rotation may have come between */
    CLEANUP(buf_deinit) struct buf sealed = {0};
    if (op->secret != NULL)
        catalog_seal_secret(engine, next->id, candidate.version, secret_of(op), &sealed);
    candidate.sealed_secret = arena_copy(&change->arena, buf_str(&sealed));
    candidate.connector = next->id;
    retire_others(op, change, now);
    connector_write_add_credential(change, &candidate);
    next->credential_version = candidate.version;
    next->rotated_ms = now.ms;
    if (rotation->replaces_client) /* the grants there are belong to the old one: say so to each */
        next->sweep =
            (struct sweep){.scopes_version = next->scopes_version, .total = rotation->rows};
    event_append_connector(change->write, EVENT_CONNECTOR_ROTATED, next, -1, now);
    change->stamps_rotated = true;
    CLEANUP(json_freep) struct json *detail = json_new_object();
    json_set_i64(detail, "credential_version", candidate.version);
    json_set_bool(detail, "checked", rotation->checked);
    op_audit(op, change->write, next->id, detail, now);
    connector_write_commit(change, on_rotated, op);
}

/* ---- the check: one connection's refresh, before the new credential is taken over ---- */

static void on_checked(struct job_waiter *self, enum job_end end,
                       const struct connection *connection, const char *why, struct now now)
{
    (void)connection;
    struct rotate_call *rotation = CONTAINER_OF(self, struct rotate_call, waiter);
    struct op *op = rotation->op;
    switch (end) {
    case JOB_REFRESHED:
    case JOB_DEAD: /* the grant was judged, hence the client was accepted */
        rotation->checked = true;
        take_over(op, now);
        return;
    case JOB_REJECTED:
        op_fail(op, RPC_CODE_CHECK_FAILED,
                "the provider refuses the new credential; nothing was changed");
        return;
    case JOB_FAILED:
    case JOB_NOT_NEEDED:
    case JOB_STORE:
    case JOB_SETUP:
        op_fail(op, RPC_CODE_CHECK_FAILED,
                "the check got no answer that settles it%s%s; nothing was changed",
                why[0] != '\0' ? ": " : "", why);
        return;
    }
}

static void read_canaries(struct op *op, const struct store_read *last);

static void check_with(struct op *op, const struct connection *canary, struct task *task,
                       struct now now)
{
    struct rotate_call *rotation = rotation_of(op);
    task->due_ms = task->stored_due_ms = canary->due_ms;
    task->expires_ms = canary->expires_ms;
    task_detach(op->engine, task);
    rotation->op = op;
    rotation->waiter.done = on_checked;
    rotation->waiter.at_once = true;
    job_wait(task, &rotation->waiter);
    job_start_check(op->engine, task, &rotation->candidate, secret_of(op), now);
}

/* A healthy grant of this very client, lest the check costs somebody else a grant, or passes on
 * old news. */
static void on_canary_records(struct op *op, struct now now)
{
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    for (size_t i = 0; i < op->read->connection_count; i++) {
        const struct connection *connection = &op->read->connections[i];
        enum candidate_rating rating = candidate_rate(op->entry, connection, now);
        struct task *task = NULL;
        if (rating == CANDIDATE_GOOD)
            task = task_get(op->engine, connection->id, op->entry);
        if (task != NULL && task->place != TASK_RUNNING) {
            check_with(op, connection, task, now);
            return;
        }
        bool is_under_way = rating == CANDIDATE_BUSY && connection->attempt_id != 0;
        if (rating == CANDIDATE_GOOD || is_under_way)
            rotation_of(op)->met_busy = true;
    }
    read_canaries(op, op->read);
}

static void on_canaries(struct op *op, struct now now)
{
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    struct store_read *records = candidate_read_records(op->read);
    if (records != NULL) {
        op_read(op, records, on_canary_records);
    } else if (rotation_of(op)->met_busy) {
        op_again(op, now);
    } else {
        rotation_of(op)->was_checked_with_nobody = true;
        take_over(op, now);
    }
}

static void read_canaries(struct op *op, const struct store_read *last)
{
    op_read(op, candidate_read_page(op->entry, last), on_canaries);
}

/* ---- the parameters ---- */

/* One that can't be opened is no reason not to replace it. */
static bool is_same_secret(const struct op *op, const struct credential *current, struct str secret)
{
    bool same = false;
    return catalog_compare_secret(op->engine, current, secret, &same, NULL) == STATUS_OK && same;
}

static bool holds_key(enum auth_method method)
{
    return method == AUTH_PRIVATE_KEY_JWT || method == AUTH_TLS_CLIENT_AUTH;
}

/* A secret goes the way that this client's newest secret went, a key likewise; the first one of its
 * kind goes the way that `register` would choose. */
static enum auth_method method_with(const struct op *op, bool is_key, bool has_certificate)
{
    const struct catalog_entry *entry = op->entry;
    for (size_t i = 0; i < entry->credential_count; i++) {
        enum auth_method method = entry->credentials[i].method;
        if (method != AUTH_NONE && holds_key(method) == is_key)
            return method;
    }
    if (is_key)
        return has_certificate ? AUTH_TLS_CLIENT_AUTH : AUTH_PRIVATE_KEY_JWT;
    const struct profile *profile = catalog_profile(op->engine, entry);
    return profile != NULL ? profile_secret_auth_method(profile) : AUTH_CLIENT_SECRET_BASIC;
}

static bool take_candidate(struct op *op, const struct credential *current, bool *ret_is_same,
                           struct now now)
{
    bool is_key = json_get(op->params, "private_key") != NULL;
    struct str given = op_text(op, is_key ? "private_key" : "client_secret");
    struct str client_id = op_text(op, "client_id");
    struct str certificate = op_text(op, "certificate");
    if (!str_is_set(given) && !str_is_set(client_id) && !str_is_set(certificate)) {
        op_fail_params(op, "client_secret",
                       "a new client_secret, private_key, certificate or client_id");
        return false;
    }
    if (!str_is_set(client_id))
        client_id = current->client_id;
    struct str key_id = op_text(op, "key_id"); /* another key has another id, or none */
    enum auth_method method =
        str_is_set(given) ? method_with(op, is_key, str_is_set(certificate)) : current->method;
    bool keeps_key = !str_is_set(given) && holds_key(method);
    if (!str_is_set(certificate) && holds_key(method))
        certificate = current->certificate;
    if (!str_is_set(key_id) && keeps_key)
        key_id = current->key_id;
    struct rotate_call *rotation = rotation_of(op);
    rotation->candidate = (struct credential){
        .connector = op->entry->connector.id,
        .version = op->entry->connector.credential_version + 1,
        .state = CREDENTIAL_CURRENT,
        .client_id = arena_copy(&op->arena, client_id),
        .method = method,
        .certificate = arena_copy(&op->arena, certificate),
        .key_id = arena_copy(&op->arena, key_id),
        .created_ms = now.ms,
    };
    struct error err = {0};
    secret_free(op->secret);
    op->secret = NULL;
    if (str_is_set(given))
        op->secret = secret_copy(given);
    else if (catalog_open_secret(op->engine, current, &op->secret, &err) != STATUS_OK) {
        op_fail(op, RPC_CODE_STORE_UNAVAILABLE, "the current secret can't be read: %s", err.text);
        return false;
    }
    const struct oauth_client client = {
        .client_id = client_id,
        .method = rotation->candidate.method,
        .secret = secret_of(op),
        .certificate = rotation->candidate.certificate,
    };
    if (oauth_client_check(&client, &err) != STATUS_OK) {
        op_fail_params_as(op, &err);
        return false;
    }
    *ret_is_same = str_eq(client_id, current->client_id) &&
                   rotation->candidate.method == current->method &&
                   str_eq(rotation->candidate.certificate, current->certificate) &&
                   (!str_is_set(key_id) || str_eq(key_id, current->key_id)) &&
                   is_same_secret(op, current, client.secret);
    return true;
}

static void on_counts_before(struct op *op, struct now now)
{
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    count_connections(op);
    take_over(op, now);
}

void call_rotate(struct op *op, struct now now)
{
    if (!op_take_entry(op) || !op_check_one_secret(op))
        return;
    const struct credential *current =
        catalog_credential(op->entry, op->entry->connector.credential_version);
    op->extra = arena_alloc(&op->arena, sizeof(struct rotate_call));
    bool is_same = false;
    if (!take_candidate(op, current, &is_same, now))
        return;
    if (is_same) { /* idempotent: nothing changes, nothing is told */
        read_counts(op, on_counts);
        return;
    }
    rotation_of(op)->replaces_client =
        !str_eq(current->client_id, rotation_of(op)->candidate.client_id);
    if (rotation_of(op)->replaces_client) /* how many are to be told */
        read_counts(op, on_counts_before);
    else if (op_bool(op, "check", false))
        read_canaries(op, NULL);
    else
        take_over(op, now);
}
