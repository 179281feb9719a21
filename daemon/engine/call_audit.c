/* list-audit: who did what, and who was handed access tokens. */
#include "engine/audit.h"
#include "engine/calls.h"
#include "engine/cursor.h"
#include "engine/view.h"

#include <inttypes.h>
#include <stdio.h>

enum { AUDIT_LIMIT_DEFAULT = 100 };

static const char *list_of(bool tokens)
{
    return tokens ? "token-uses" : "audit";
}

/* @place behind which the next page begins, where this one is full */
static void answer(struct op *op, struct json *take_items, bool is_full, struct str place,
                   struct now now)
{
    CLEANUP(buf_deinit) struct buf cursor = {0};
    if (is_full)
        cursor_write(list_of(op_bool(op, "tokens", false)), place, &cursor);
    struct json *result = json_new_object();
    json_set(result, "items", take_items);
    json_set_text(result, "next_cursor", is_full ? buf_str(&cursor) : STR_NONE);
    op_result(op, result, now);
}

/* ---- calls ---- */

static struct json *call_to_json(const struct audit_entry *entry)
{
    struct json *json = json_new_object();
    json_set_i64(json, "seq", entry->seq);
    view_set_wall_time(json, "time", entry->wall_ms);
    json_set_i64(json, "uid", entry->uid);
    json_set_i64(json, "gid", entry->gid);
    json_set_i64(json, "pid", entry->pid);
    json_set_text(json, "method", entry->method);
    json_set_text(json, "subject", entry->subject);
    json_set_text(json, "outcome", entry->outcome);
    struct json *detail = NULL;
    if (json_parse(entry->detail, JSON_LIMITS_DEFAULT, &detail, NULL) == STATUS_OK)
        json_set(json, "detail", detail);
    return json;
}

static void on_calls(struct op *op, struct now now)
{
    const struct store_read *read = op->read;
    if (read->status != STATUS_OK) {
        op_fail_store(op, &read->error);
        return;
    }
    struct json *items = json_new_array();
    CLEANUP(buf_deinit) struct buf place = {0};
    for (size_t i = 0; i < read->audit_count; i++)
        json_append(items, call_to_json(&read->audit[i]));
    if (read->audit_count > 0)
        buf_printf(&place, "%" PRId64, read->audit[read->audit_count - 1].seq);
    answer(op, items, read->audit_count == read->limit, buf_str(&place), now);
}

/* ---- tokens ---- */

static void on_uses(struct op *op, struct now now)
{
    const struct store_read *read = op->read;
    if (read->status != STATUS_OK) {
        op_fail_store(op, &read->error);
        return;
    }
    struct json *items = json_new_array();
    CLEANUP(buf_deinit) struct buf place = {0};
    for (size_t i = 0; i < read->token_use_count; i++) {
        const struct token_use *use = &read->token_uses[i];
        struct json *json = json_new_object();
        view_set_wall_time(json, "hour", use->hour_wall_ms);
        json_set_text(json, "connection", use->connection);
        json_set_i64(json, "uid", use->uid);
        json_set_i64(json, "count", use->count);
        json_append(items, json);
    }
    if (read->token_use_count > 0) {
        const struct token_use *last = &read->token_uses[read->token_use_count - 1];
        buf_printf(&place, "%" PRId64 "/%" PRId64 "/" STR_FMT, last->hour_wall_ms, last->uid,
                   STR_ARG(last->connection));
    }
    answer(op, items, read->token_use_count == read->limit, buf_str(&place), now);
}

static bool read_place(struct str place, struct store_read *read, bool tokens)
{
    struct str rest = place, hour, uid, connection;
    if (!tokens)
        return str_to_i64(place, &read->after) == STATUS_OK;
    if (!str_next_word(&rest, STR("/"), &hour) || !str_next_word(&rest, STR("/"), &uid) ||
        !str_next_word(&rest, STR("/"), &connection))
        return false;
    read->cursor = arena_copy(&read->arena, connection);
    return str_to_i64(hour, &read->after) == STATUS_OK &&
           str_to_i64(uid, &read->after_uid) == STATUS_OK;
}

/* False: the op has failed. */
static bool take_cursor(struct op *op, struct store_read *read, bool tokens)
{
    struct str place;
    if (!cursor_take(op, list_of(tokens), &place))
        return false;
    if (!str_is_set(place) || read_place(place, read, tokens))
        return true;
    cursor_fail(op);
    return false;
}

/* A word that no record can have is a mistake, not an empty list. False: the op has failed. */
static bool check_words(struct op *op)
{
    struct str method = op_text(op, "method"), outcome = op_text(op, "outcome");
    if (str_is_set(method) && rpc_method_find(method) == NULL) {
        op_fail_params(op, "method", "the name of a method, as rpc.discover lists them");
        return false;
    }
    bool is_known = !str_is_set(outcome) || str_eq(outcome, STR("ok")) ||
                    str_eq(outcome, STR("invalid_params"));
    for (int code = 0; code < RPC_CODE_COUNT && !is_known; code++)
        is_known = str_eq(outcome, str_c(rpc_code_text((enum rpc_code)code)));
    if (!is_known)
        op_fail_params(op, "outcome", "\"ok\", \"invalid_params\", or a word of data.code");
    return is_known;
}

void call_list_audit(struct op *op, struct now now)
{
    if (!check_words(op))
        return;
    bool tokens = op_bool(op, "tokens", false);
    struct store_read *read = store_read_new(tokens ? STORE_READ_TOKEN_USES : STORE_READ_AUDIT);
    read->limit = (size_t)json_i64(json_get(op->params, "limit"), AUDIT_LIMIT_DEFAULT);
    read->audit_filter = (struct audit_filter){
        .method = arena_copy(&read->arena, op_text(op, "method")),
        .subject = arena_copy(&read->arena, op_text(op, "subject")),
        .outcome = arena_copy(&read->arena, op_text(op, "outcome")),
        .uid = json_i64(json_get(op->params, "uid"), -1),
    };
    if (!take_cursor(op, read, tokens)) {
        store_read_free(read);
        return;
    }
    if (tokens)
        audit_flush(op->engine, now);
    op_read(op, read, tokens ? on_uses : on_calls);
}
