#include "oauth/classify.h"

#include "common/assert.h"
#include "oauth/answer.h"
#include "oauth/provider_text.h"
#include "oauth/retry_after.h"
#include "oauth/rules.h"
#include "oauth/success.h"

#include <stdio.h>
#include <string.h>

/** One classification under way. */
struct classification {
    const struct profile *profile;
    const struct oauth_answer *answer;
    struct answer read;
    struct oauth_verdict *verdict;
};

static void decide(struct classification *c, enum outcome outcome, const char *reason)
{
    c->verdict->outcome = outcome;
    str_copy_cut(str_c(reason), c->verdict->reason, sizeof(c->verdict->reason));
}

static void decide_http(struct classification *c, enum outcome outcome, const char *suffix)
{
    char reason[OAUTH_REASON_MAX];
    (void)snprintf(reason, sizeof(reason), "http_%d%s", c->answer->status, suffix);
    decide(c, outcome, reason);
}

/** The rule's reason, "{}" standing for the matched word; without one, that word; else the status.
 */
static void decide_reason(struct classification *c, const struct rule_hit *hit)
{
    char word[OAUTH_REASON_MAX];
    struct str reason = hit->rule->reason;
    provider_text_word(hit->matched, word, sizeof(word));
    size_t brace = str_find_byte(reason, '{');
    if (reason.len == 0 && word[0] == '\0')
        decide_http(c, hit->rule->outcome, "");
    else if (reason.len == 0)
        decide(c, hit->rule->outcome, word);
    else if (brace + 1 < reason.len && reason.data[brace + 1] == '}') {
        char text[OAUTH_REASON_MAX * 2];
        (void)snprintf(text, sizeof(text), STR_FMT "%s" STR_FMT,
                       STR_ARG(str_slice(reason, 0, MIN_OF(brace, (size_t)OAUTH_REASON_MAX))), word,
                       STR_ARG(str_slice(reason, brace + 2, OAUTH_REASON_MAX)));
        decide(c, hit->rule->outcome, text);
    } else {
        c->verdict->outcome = hit->rule->outcome;
        str_copy_cut(reason, c->verdict->reason, sizeof(c->verdict->reason));
    }
}

/** The profile's table (rule 3 of docs/behaviour.md "What an answer means"; so all below). */
static bool decide_by_table(struct classification *c)
{
    struct rule_hit hit;
    if (!rules_find(c->profile, c->answer, &c->read, &c->verdict->arena, &hit))
        return false;
    decide_reason(c, &hit);
    c->verdict->confirm = hit.rule->confirm;
    c->verdict->reread_store = hit.rule->reread_store;
    c->verdict->rotation_may_be_lost = hit.rule->rotation_may_be_lost;
    c->verdict->retry_after_s = hit.rule->retry_after_s;
    c->verdict->bare_invalid_client = hit.rule->outcome == OUTCOME_CLIENT_REJECTED;
    if (hit.rule->outcome == OUTCOME_GRANT_DEAD)
        c->verdict->dead_reason = hit.rule->dead_reason;
    return true;
}

/** RFC 6749 §5.2's words, in any case and under any status that gets here (rule 4). */
static bool decide_by_word(struct classification *c)
{
    char word[OAUTH_REASON_MAX];
    enum outcome outcome;
    struct str said = c->read.error;
    if (rules_is_transient_word(c->read.description))
        said = c->read.description;
    /* Some say it in the header alone. A page of a proxy says nothing about a grant. */
    if (said.len == 0 && !c->read.error_without_word &&
        (c->read.kind == BODY_EMPTY || c->read.kind == BODY_OBJECT))
        said = c->read.challenge_error;
    if (!rules_find_word(said, &outcome))
        return false;
    provider_text_word(said, word, sizeof(word));
    decide(c, outcome, word);
    if (outcome == OUTCOME_GRANT_DEAD)
        c->verdict->dead_reason = REASON_GRANT_REJECTED;
    c->verdict->bare_invalid_client = str_eq(str_c(word), STR("invalid_client"));
    return true;
}

/** 3xx, 408, 423, 425, 429 and 5xx say the same whatever the body says, unless the profile names
 * the status (rule 2). */
static bool decide_by_status(struct classification *c)
{
    int status = c->answer->status;
    bool fixed = status < 200 || (status >= 300 && status < 400) || status == 408 ||
                 status == 423 || status == 425 || status == 429 || status >= 500;
    if (!fixed)
        return false;
    if (decide_by_table(c))
        return true;
    if (status < 100 || status > 599)
        decide(c, OUTCOME_TRANSIENT, "no_answer");
    else if (status >= 300 && status < 400)
        decide(c, OUTCOME_TRANSIENT, "unexpected_redirect");
    else
        decide_http(c, status == 429 ? OUTCOME_RATE_LIMITED : OUTCOME_TRANSIENT, "");
    return true;
}

/** 400, 401 and 403 without a known word: no verdict by itself (rule 5). */
static void decide_refused(struct classification *c)
{
    struct str challenge = answer_header(c->answer, STR("www-authenticate"));
    bool no_object = c->read.kind != BODY_OBJECT;
    if (c->answer->status < 401 || c->read.error.len > 0)
        decide(c, OUTCOME_REFUSED, "unclassifiable_error");
    else if (c->answer->status == 401 && no_object && str_contains_nocase(challenge, STR("basic")))
        decide_http(c, OUTCOME_REFUSED, "_basic_challenge");
    else
        decide_http(c, OUTCOME_REFUSED,
                    c->answer->status == 403 && no_object ? "_no_oauth_body" : "");
}

static void decide_4xx(struct classification *c)
{
    int status = c->answer->status;
    if (decide_by_table(c) || decide_by_word(c))
        return;
    if (status == 400 || status == 401 || status == 403) {
        decide_refused(c);
    } else if (status == 409 && c->read.kind == BODY_EMPTY) {
        decide(c, OUTCOME_TRANSIENT, "concurrent_refresh");
        c->verdict->reread_store = true;
    } else {
        decide_http(c, OUTCOME_TRANSIENT, "");
    }
}

static bool marker_failed(const struct classification *c)
{
    const struct member_condition *marker = &c->profile->response.success;
    struct str value;
    if (!str_is_set(marker->path)) {
        /* No profile told of a marker: these two are believed, but only where no token came. */
        static const char *const names[] = {"ok", "success"};
        bool says_no = false;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            says_no = says_no || !json_bool(json_get(c->read.json, names[i]), true);
        return says_no && !success_has_token(c->profile, &c->read);
    }
    const struct json *member;
    return json_find_path(c->read.json, marker->path, &member) &&
           !rules_member_matches(marker, c->read.json, &c->verdict->arena, &value);
}

static void decide_malformed(struct classification *c, const char *fault)
{
    decide(c, OUTCOME_MALFORMED, fault);
    c->verdict->rotation_may_be_lost = true;
    c->verdict->access_token = c->verdict->refresh_token = STR_NONE;
}

/** An error inside a 2xx is what it would be inside a 400 (rule 2). */
static void decide_failed_2xx(struct classification *c)
{
    if (decide_by_table(c) || decide_by_word(c))
        return;
    struct str marker = c->profile->response.success.path;
    enum json_type type = json_type(json_get_path(c->read.json, marker));
    bool marker_is_code =
        str_is_set(marker) && (type == JSON_INTEGER || type == JSON_TEXT) && marker_failed(c);
    if (c->read.error.len > 0 || marker_is_code)
        decide(c, OUTCOME_REFUSED, "unclassifiable_error");
    else
        decide_malformed(c, "error_without_code");
}

static void decide_2xx(struct classification *c)
{
    if (c->read.kind == BODY_HTML) {
        decide(c, OUTCOME_TRANSIENT, c->read.fault);
        return;
    }
    if (c->read.kind != BODY_OBJECT) {
        if (!decide_by_table(c))
            decide_malformed(c, c->read.fault);
        return;
    }
    bool error_member =
        c->read.error_without_word || str_trim(json_text(json_get(c->read.json, "error"))).len > 0;
    if (error_member || marker_failed(c)) {
        decide_failed_2xx(c);
        return;
    }
    if (!c->profile->response.token_optional && !success_has_token(c->profile, &c->read)) {
        if (decide_by_table(c) || decide_by_word(c))
            return;
    }
    const char *fault = success_read(c->profile, c->answer, &c->read, c->verdict);
    if (fault != NULL)
        decide_malformed(c, fault);
    else
        c->verdict->outcome = OUTCOME_REFRESHED;
}

static struct str find_text(const struct classification *c, const struct field *field,
                            const char *const *names, size_t count)
{
    for (size_t i = 0; i < field->count; i++) {
        struct str text = json_text(json_get_path(c->read.json, field->names[i]));
        if (text.len > 0)
            return text;
    }
    for (size_t i = 0; i < count; i++) {
        struct str text = json_text(json_get_path(c->read.json, str_c(names[i])));
        if (text.len > 0)
            return text;
    }
    return STR_NONE;
}

/** What people get to read; where the RFC's member is missing, where else a sentence may stand. */
static void add_provider_words(struct classification *c)
{
    static const char *const sentences[] = {"error_description", "message", "error.message",
                                            "errors.0.message", "reason"};
    struct oauth_verdict *verdict = c->verdict;
    struct str message = c->read.description;
    if (message.len == 0)
        message = find_text(c, &c->profile->response.description, sentences, ARRAY_LEN(sentences));
    if (message.len == 0)
        message = answer_challenge_param(c->answer, STR("error_description"));
    provider_text_clean(message, verdict->provider_message, sizeof(verdict->provider_message));
    struct str code = c->read.error.len > 0 ? c->read.error : c->read.challenge_error;
    provider_text_clean(code, verdict->provider_code, sizeof(verdict->provider_code));
    verdict->claims = arena_copy(&verdict->arena, json_text(json_get(c->read.json, "claims")));
}

static void add_trace(struct classification *c)
{
    static const char *const members[] = {"trace_id"};
    struct oauth_verdict *verdict = c->verdict;
    struct str trace = STR_NONE;
    if (str_is_set(c->profile->response.trace_header))
        trace = answer_header(c->answer, c->profile->response.trace_header);
    if (trace.len == 0)
        trace = find_text(c, &c->profile->response.trace, members, ARRAY_LEN(members));
    char text[OAUTH_REASON_MAX];
    provider_text_clean(trace, text, sizeof(text));
    if (text[0] != '\0')
        verdict->trace_id = arena_copy(&verdict->arena, str_c(text));
}

static void add_retry_after(struct classification *c)
{
    enum outcome outcome = c->verdict->outcome;
    if (outcome != OUTCOME_RATE_LIMITED && outcome != OUTCOME_TRANSIENT &&
        outcome != OUTCOME_REFUSED)
        return;
    struct str header = answer_header(c->answer, STR("retry-after"));
    int64_t seconds = retry_after_parse(header, c->answer->now_wall_ms);
    if (seconds >= 0)
        c->verdict->retry_after_s = seconds;
}

void oauth_classify(const struct profile *profile, const struct oauth_answer *answer,
                    struct oauth_verdict *ret_verdict)
{
    ASSERT(profile != NULL && answer != NULL && ret_verdict != NULL);
    *ret_verdict = (struct oauth_verdict){
        .outcome = OUTCOME_MALFORMED,
        .retry_after_s = -1,
        .expires_in_s = -1,
        .refresh_expires_in_s = -1,
    };
    struct classification c = {.profile = profile, .answer = answer, .verdict = ret_verdict};
    answer_read(profile, answer, &ret_verdict->arena, &c.read);
    if (!decide_by_status(&c)) {
        if (answer->status < 300)
            decide_2xx(&c);
        else
            decide_4xx(&c);
    }
    if (ret_verdict->outcome != OUTCOME_REFRESHED)
        add_provider_words(&c);
    add_trace(&c);
    add_retry_after(&c);
    answer_deinit(&c.read);
}

void oauth_verdict_deinit(struct oauth_verdict *verdict)
{
    ASSERT(verdict != NULL);
    arena_deinit(&verdict->arena);
    *verdict = (struct oauth_verdict){0};
}
