#include "oauth/classify_json.h"

#include "common/assert.h"
#include "common/encoding.h"
#include "common/memory.h"

#include <stdlib.h>

enum { BODY_GENERATED_MAX = 8 * 1024 * 1024, HEADERS_READ_MAX = 64 };

static enum status fail(struct error *err, const char *member, const char *expected,
                        const struct json *got)
{
    return error_set(err, STATUS_INVALID, "%s: expected %s, got %s", member, expected,
                     json_type_text(json_type(got)));
}

static enum status read_status(const struct json *json, struct oauth_answer *ret, struct error *err)
{
    int64_t status = json_i64(json_get(json, "status"), -1);
    if (status < 100 || status > 599)
        return fail(err, "status", "an HTTP status of 100 to 599", json_get(json, "status"));
    ret->status = (int)status;
    return STATUS_OK;
}

static enum status read_headers(const struct json *json, struct oauth_header *headers,
                                struct oauth_answer *ret, struct error *err)
{
    const struct json *object = json_get(json, "headers");
    if (object != NULL && json_type(object) != JSON_OBJECT)
        return fail(err, "headers", "an object of texts", object);
    if (json_count(object) > HEADERS_READ_MAX)
        return error_set(err, STATUS_INVALID, "headers: expected at most %d", HEADERS_READ_MAX);
    size_t index = 0;
    struct str name;
    const struct json *value;
    while (json_next_member(object, &index, &name, &value)) {
        if (json_type(value) != JSON_TEXT)
            return fail(err, "headers", "an object of texts", value);
        headers[ret->header_count++] =
            (struct oauth_header){.name = name, .value = json_text(value)};
    }
    ret->headers = headers;
    return STATUS_OK;
}

/** prefix, then repeat count times, then suffix. */
static enum status generate_body(const struct json *recipe, struct buf *body, struct error *err)
{
    struct str repeat = json_text(json_get(recipe, "repeat"));
    int64_t count = json_i64(json_get(recipe, "count"), -1);
    if (json_type(recipe) != JSON_OBJECT || !str_is_set(repeat) || count < 0)
        return fail(err, "body_gen", "{prefix, repeat, count, suffix}", recipe);
    if (count > BODY_GENERATED_MAX || (uint64_t)count * repeat.len > BODY_GENERATED_MAX)
        return error_set(err, STATUS_INVALID, "body_gen: expected at most %d bytes",
                         BODY_GENERATED_MAX);
    buf_append(body, json_text(json_get(recipe, "prefix")));
    for (int64_t i = 0; i < count; i++)
        buf_append(body, repeat);
    buf_append(body, json_text(json_get(recipe, "suffix")));
    return STATUS_OK;
}

static enum status read_body(const struct json *json, struct buf *body, struct error *err)
{
    const struct json *text = json_get(json, "body");
    const struct json *base64 = json_get(json, "body_b64");
    const struct json *recipe = json_get(json, "body_gen");
    if ((text != NULL) + (base64 != NULL) + (recipe != NULL) > 1)
        return error_set(err, STATUS_INVALID,
                         "expected one of body, body_b64 and body_gen, got several");
    if (text != NULL && json_type(text) != JSON_TEXT)
        return fail(err, "body", "a text", text);
    if (base64 != NULL &&
        (json_type(base64) != JSON_TEXT || encoding_unbase64(json_text(base64), body) != STATUS_OK))
        return fail(err, "body_b64", "base64 text", base64);
    if (recipe != NULL)
        return generate_body(recipe, body, err);
    if (text != NULL)
        buf_append(body, json_text(text));
    return STATUS_OK;
}

static enum status read_now(const struct json *json, int64_t now_wall_ms, struct oauth_answer *ret,
                            struct error *err)
{
    const int64_t seconds_max = 100000000000;
    const struct json *now = json_get(json, "now");
    double seconds = json_f64(now, -1);
    ret->now_wall_ms = now_wall_ms;
    if (now == NULL)
        return STATUS_OK;
    if (!(seconds >= 0 && seconds <= (double)seconds_max))
        return fail(err, "now", "seconds since 1970", now);
    ret->now_wall_ms = (int64_t)(seconds * 1000);
    return STATUS_OK;
}

static void set_number(struct json *verdict, const char *name, int64_t number)
{
    if (number < 0)
        json_set_null(verdict, name);
    else
        json_set_i64(verdict, name, number);
}

static void set_flag(struct json *verdict, const char *name, bool flag)
{
    if (flag)
        json_set_bool(verdict, name, true);
    else
        json_set_null(verdict, name);
}

static void set_words(struct json *verdict, const char *name, const char *text)
{
    json_set_text(verdict, name, text[0] == '\0' ? STR_NONE : str_c(text));
}

static struct json *to_json(const struct oauth_verdict *verdict)
{
    struct json *json = json_new_object();
    json_set_text(json, "outcome", str_c(outcome_text(verdict->outcome)));
    json_set_text(json, "reason", str_c(verdict->reason));
    set_number(json, "retry_after_s", verdict->retry_after_s);
    json_set_text(json, "access_token", verdict->access_token);
    set_number(json, "expires_in", verdict->expires_in_s);
    json_set_text(json, "refresh_token", verdict->refresh_token);
    json_set_text(json, "scope", verdict->scope);
    set_number(json, "refresh_expires_in", verdict->refresh_expires_in_s);
    set_flag(json, "confirm", verdict->confirm);
    set_flag(json, "claims", str_is_set(verdict->claims));
    json_set_text(json, "trace_id", verdict->trace_id);
    json_set_text(json, "learned", verdict->learned);
    set_flag(json, "reread_store", verdict->reread_store);
    set_flag(json, "rotation_may_be_lost", verdict->rotation_may_be_lost);
    json_set_text(json, "dead_reason",
                  verdict->outcome == OUTCOME_GRANT_DEAD ? str_c(reason_text(verdict->dead_reason))
                                                         : STR_NONE);
    set_words(json, "provider_code", verdict->provider_code);
    set_words(json, "provider_message", verdict->provider_message);
    return json;
}

enum status oauth_classify_json(const struct profile *profile, const struct json *answer,
                                int64_t now_wall_ms, struct json **out, struct error *err)
{
    ASSERT(profile != NULL && out != NULL && *out == NULL);
    CLEANUP(buf_deinit) struct buf body = {.secret = true};
    struct oauth_header headers[HEADERS_READ_MAX];
    struct oauth_answer read = {0};
    if (json_type(answer) != JSON_OBJECT)
        return fail(err, "answer", "an object", answer);
    enum status status = read_status(answer, &read, err);
    if (status == STATUS_OK)
        status = read_headers(answer, headers, &read, err);
    if (status == STATUS_OK)
        status = read_body(answer, &body, err);
    if (status == STATUS_OK)
        status = read_now(answer, now_wall_ms, &read, err);
    if (status != STATUS_OK)
        return status;
    read.body = buf_str(&body);
    read.config = json_get(answer, "config");
    if (read.config != NULL && json_type(read.config) != JSON_OBJECT)
        return fail(err, "config", "an object of the profile's variables", read.config);
    struct oauth_verdict verdict = {0};
    oauth_classify(profile, &read, &verdict);
    *out = to_json(&verdict);
    oauth_verdict_deinit(&verdict);
    return STATUS_OK;
}
