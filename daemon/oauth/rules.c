#include "oauth/rules.h"

#include <inttypes.h>

enum { TEXT_LOOK_MAX = 64 * 1024 };

/** RFC 6749 §5.2, OpenID Connect Core §3.1.2.6, RFC 8628 §3.5, RFC 9449 §8. */
static const struct {
    struct str word;
    enum outcome outcome;
} words[] = {
    {STR_INIT("server_error"), OUTCOME_TRANSIENT},
    {STR_INIT("temporarily_unavailable"), OUTCOME_TRANSIENT},
    {STR_INIT("internal_failure"), OUTCOME_TRANSIENT},
    {STR_INIT("slow_down"), OUTCOME_RATE_LIMITED},
    {STR_INIT("invalid_grant"), OUTCOME_GRANT_DEAD},
    {STR_INIT("invalid_client"), OUTCOME_CLIENT_REJECTED},
    {STR_INIT("unauthorized_client"), OUTCOME_CLIENT_REJECTED},
    {STR_INIT("invalid_request"), OUTCOME_CLIENT_REJECTED},
    {STR_INIT("unsupported_grant_type"), OUTCOME_CLIENT_REJECTED},
    {STR_INIT("use_dpop_nonce"), OUTCOME_CLIENT_REJECTED},
    {STR_INIT("invalid_scope"), OUTCOME_SCOPE_PROBLEM},
    {STR_INIT("interaction_required"), OUTCOME_REAUTH_REQUIRED},
    {STR_INIT("login_required"), OUTCOME_REAUTH_REQUIRED},
    {STR_INIT("consent_required"), OUTCOME_REAUTH_REQUIRED},
    {STR_INIT("access_denied"), OUTCOME_REAUTH_REQUIRED},
};

bool rules_find_word(struct str word, enum outcome *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq_nocase(word, words[i].word)) {
            *ret = words[i].outcome;
            return true;
        }
    }
    return false;
}

bool rules_is_transient_word(struct str word)
{
    enum outcome outcome;
    return rules_find_word(word, &outcome) && outcome == OUTCOME_TRANSIENT;
}

static bool in_ranges(const struct number_range *ranges, size_t count, int64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (number >= ranges[i].low && number <= ranges[i].high)
            return true;
    }
    return false;
}

/** A rule that names no status can't be reached by an overloaded, broken or redirecting server. */
static bool status_matches(const struct error_rule *rule, int status)
{
    if (rule->status_count > 0)
        return in_ranges(rule->statuses, rule->status_count, status);
    return (status >= 200 && status <= 299) || (status >= 400 && status <= 499 && status != 408 &&
                                                status != 423 && status != 425 && status != 429);
}

static bool equals_one(const struct str_list *list, struct str text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_eq_nocase(list->items[i], text))
            return true;
    }
    return false;
}

static bool contains_one(const struct str_list *list, struct str text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_contains_nocase(text, list->items[i]))
            return true;
    }
    return false;
}

bool rules_member_matches(const struct member_condition *condition, const struct json *json,
                          struct arena *arena, struct str *ret_value)
{
    struct str value = answer_scalar(json_get_path(json, condition->path), arena);
    if (!str_is_set(value) || !equals_one(&condition->values, value))
        return false;
    *ret_value = value;
    return true;
}

/** A rule with several conditions is told by the last of them that has a word. */
static bool members_match(const struct error_rule *rule, const struct answer *read,
                          struct arena *arena, struct str *matched)
{
    for (size_t i = 0; i < rule->member_count; i++) {
        if (!rules_member_matches(&rule->members[i], read->json, arena, matched))
            return false;
    }
    return true;
}

static bool numbers_match(const struct error_rule *rule, const struct answer *read,
                          struct arena *arena, struct str *matched)
{
    if (rule->number_count == 0)
        return true;
    for (size_t i = 0; i < read->number_count; i++) {
        if (in_ranges(rule->numbers, rule->number_count, read->numbers[i])) {
            *matched = arena_printf(arena, "%" PRId64, read->numbers[i]);
            return true;
        }
    }
    return false;
}

/** No page of a proxy or a login form speaks about a grant, whatever words it holds. */
static bool body_matches(const struct error_rule *rule, const struct answer *read)
{
    bool verdict = rule->outcome == OUTCOME_GRANT_DEAD || rule->outcome == OUTCOME_REAUTH_REQUIRED;
    if (verdict && read->kind == BODY_HTML)
        return false;
    return rule->body == BODY_ANY || rule->body == read->kind;
}

static bool matches(const struct error_rule *rule, const struct oauth_answer *answer,
                    const struct answer *read, struct arena *arena, struct str *matched)
{
    *matched = STR_NONE;
    if (!status_matches(rule, answer->status) || !body_matches(rule, read))
        return false;
    if (rule->errors.count > 0) {
        if (!equals_one(&rule->errors, read->error))
            return false;
        *matched = read->error;
    }
    if (rule->description_contains.count > 0 &&
        !contains_one(&rule->description_contains, read->description))
        return false;
    if (str_is_set(rule->description_equals) &&
        !str_eq_nocase(rule->description_equals, read->description))
        return false;
    if (rule->text_contains.count > 0 &&
        !contains_one(&rule->text_contains, str_slice(read->text, 0, TEXT_LOOK_MAX)))
        return false;
    if (str_is_set(rule->www_authenticate_contains) &&
        !str_contains_nocase(answer_header(answer, STR("www-authenticate")),
                             rule->www_authenticate_contains))
        return false;
    return members_match(rule, read, arena, matched) && numbers_match(rule, read, arena, matched);
}

bool rules_find(const struct profile *profile, const struct oauth_answer *answer,
                const struct answer *read, struct arena *arena, struct rule_hit *ret)
{
    for (size_t i = 0; i < profile->rule_count; i++) {
        if (matches(&profile->rules[i], answer, read, arena, &ret->matched)) {
            ret->rule = &profile->rules[i];
            return true;
        }
    }
    return false;
}
