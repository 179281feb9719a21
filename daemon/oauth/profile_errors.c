#include "oauth/profile_reader.h"

#include <stdio.h>

#define AT(member) offsetof(struct error_rule, member)

enum { RULES_MAX = 64, MEMBERS_MAX = 8 };

/** 400, "5xx", "200-299", or an array of these. */
static bool cut_range(const struct json *value, struct number_range *ret)
{
    struct str text = json_text(value);
    size_t dash = str_find_byte(text, '-');
    int64_t number = json_i64(value, -1);
    if (json_type(value) == JSON_INTEGER) {
        *ret = (struct number_range){.low = number, .high = number};
        return number >= 0;
    }
    if (text.len == 3 && str_eq(str_slice(text, 1, 2), STR("xx")) && text.data[0] >= '1' &&
        text.data[0] <= '5') {
        int64_t from = (text.data[0] - '0') * 100;
        *ret = (struct number_range){.low = from, .high = from + 99};
        return true;
    }
    return str_to_i64(str_slice(text, 0, dash), &ret->low) == STATUS_OK &&
           str_to_i64(str_slice(text, dash + 1, text.len), &ret->high) == STATUS_OK &&
           ret->low >= 0 && ret->low <= ret->high;
}

static enum status take_ranges(struct profile_reader *reader, const char *path,
                               const struct json *value, const struct number_range **ret,
                               size_t *ret_count)
{
    bool is_array = json_type(value) == JSON_ARRAY;
    size_t count = is_array ? json_count(value) : 1;
    struct number_range *ranges =
        arena_alloc(&reader->profile->arena, (count + 1) * sizeof(*ranges));
    for (size_t i = 0; i < count; i++) {
        const struct json *item = is_array ? json_at(value, i) : value;
        if (count > READER_LIST_MAX || !cut_range(item, &ranges[i]))
            return reader_fail(reader, path, item, "a number, \"4xx\" or \"200-299\"");
    }
    *ret = ranges;
    *ret_count = count;
    return STATUS_OK;
}

static enum status take_status(struct profile_reader *reader, const char *path,
                               const struct json *value, void *field)
{
    struct error_rule *rule = field;
    enum status status = take_ranges(reader, path, value, &rule->statuses, &rule->status_count);
    for (size_t i = 0; status == STATUS_OK && i < rule->status_count; i++) {
        if (rule->statuses[i].low < 200 || rule->statuses[i].high > 599)
            status = reader_fail(reader, path, value, "HTTP statuses of 200 to 599");
    }
    return status;
}

static enum status take_numbers(struct profile_reader *reader, const char *path,
                                const struct json *value, void *field)
{
    struct error_rule *rule = field;
    return take_ranges(reader, path, value, &rule->numbers, &rule->number_count);
}

static enum status take_member_conditions(struct profile_reader *reader, const char *path,
                                          const struct json *value, void *field)
{
    struct error_rule *rule = field;
    size_t count = json_count(value);
    if (json_type(value) != JSON_OBJECT || count == 0 || count > MEMBERS_MAX)
        return reader_fail(reader, path, value, "an object of 1 to 8 member paths");
    struct member_condition *members =
        arena_alloc(&reader->profile->arena, (rule->member_count + count) * sizeof(*members));
    for (size_t k = 0; k < rule->member_count; k++)
        members[k] = rule->members[k];
    size_t index = 0;
    size_t i = rule->member_count;
    struct str name;
    const struct json *wanted;
    while (json_next_member(value, &index, &name, &wanted)) {
        members[i].path = arena_copy(&reader->profile->arena, name);
        enum status status = reader_take_scalars(reader, path, wanted, &members[i].values);
        if (status != STATUS_OK)
            return status;
        i++;
    }
    rule->members = members;
    rule->member_count = i;
    return STATUS_OK;
}

static enum status take_body(struct profile_reader *reader, const char *path,
                             const struct json *value, void *field)
{
    static const char *const words[] = {"empty", "json", "html", "other"};
    static const enum body_kind kinds[] = {BODY_EMPTY, BODY_OBJECT, BODY_HTML, BODY_OTHER};
    int word = 0;
    enum status status = reader_take_word(reader, path, value, words, ARRAY_LEN(words), &word);
    if (status == STATUS_OK)
        *(enum body_kind *)field = kinds[word];
    return status;
}

static const struct habit match_members[] = {
    {"status", take_status, 0},
    {"status_any", take_status, 0},
    {"error", reader_take_texts, AT(errors)},
    {"error_any", reader_take_texts, AT(errors)},
    {"desc_contains", reader_take_texts, AT(description_contains)},
    {"desc_equals", reader_take_text, AT(description_equals)},
    {"text_contains", reader_take_texts, AT(text_contains)},
    {"json", take_member_conditions, 0},
    {"json_any", take_member_conditions, 0},
    {"number_any", take_numbers, 0},
    {"body", take_body, AT(body)},
    {"www_authenticate_contains", reader_take_text, AT(www_authenticate_contains)},
};

static enum status take_match(struct profile_reader *reader, const char *path,
                              const struct json *value, void *field)
{
    if (json_type(value) == JSON_OBJECT && json_count(value) == 0)
        return reader_fail(reader, path, value, "at least one condition");
    return reader_take_members(reader, path, value, match_members, ARRAY_LEN(match_members), field);
}

static enum status take_class(struct profile_reader *reader, const char *path,
                              const struct json *value, void *field)
{
    static const char *const words[] = {"grant_dead",    "reauth_required", "client_rejected",
                                        "scope_problem", "rate_limited",    "transient",
                                        "refused"};
    static const enum outcome outcomes[] = {OUTCOME_GRANT_DEAD,      OUTCOME_REAUTH_REQUIRED,
                                            OUTCOME_CLIENT_REJECTED, OUTCOME_SCOPE_PROBLEM,
                                            OUTCOME_RATE_LIMITED,    OUTCOME_TRANSIENT,
                                            OUTCOME_REFUSED};
    int word = 0;
    enum status status = reader_take_word(reader, path, value, words, ARRAY_LEN(words), &word);
    if (status == STATUS_OK)
        *(enum outcome *)field = outcomes[word];
    return status;
}

/** The reasons of a dead grant that a provider can tell (docs/behaviour.md "States and
 * reasons"). */
static bool find_dead_reason(struct str text, enum reason *ret)
{
    static const struct {
        struct str word;
        enum reason reason;
    } reasons[] = {
        {STR_INIT("access_revoked"), REASON_ACCESS_REVOKED},
        {STR_INIT("refresh_token_expired"), REASON_REFRESH_TOKEN_EXPIRED},
        {STR_INIT("account_disconnected"), REASON_ACCOUNT_DISCONNECTED},
        {STR_INIT("grant_rejected"), REASON_GRANT_REJECTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (str_eq(text, reasons[i].word)) {
            *ret = reasons[i].reason;
            return true;
        }
    }
    return false;
}

static enum status take_dead_reason(struct profile_reader *reader, const char *path,
                                    const struct json *value, void *field)
{
    if (!find_dead_reason(json_text(value), field))
        return reader_fail(reader, path, value,
                           "\"access_revoked\", \"refresh_token_expired\", "
                           "\"account_disconnected\" or \"grant_rejected\"");
    return STATUS_OK;
}

static const struct habit rule_members[] = {
    {"match", take_match, 0},
    {"class", take_class, AT(outcome)},
    {"reason", reader_take_text, AT(reason)},
    {"means", take_dead_reason, AT(dead_reason)},
    {"confirm", reader_take_bool, AT(confirm)},
    {"reread_store", reader_take_bool, AT(reread_store)},
    {"rotation_may_be_lost", reader_take_bool, AT(rotation_may_be_lost)},
    {"retry_after_s", reader_take_seconds, AT(retry_after_s)},
    {"note", reader_take_note, 0},
    {"unverified", reader_take_note, 0},
};

static bool is_verdict(enum outcome outcome)
{
    return outcome == OUTCOME_GRANT_DEAD || outcome == OUTCOME_REAUTH_REQUIRED;
}

static bool overlaps(const struct number_range *range, int64_t low, int64_t high)
{
    return range->low <= high && range->high >= low;
}

/**
 * No table may make an overloaded or broken server end a grant: a verdict can't hang on 3xx, 408
 * or 429, and on a 5xx only where it is named by its number and by what the body says.
 */
static bool statuses_fit_class(const struct error_rule *rule)
{
    bool has_words = rule->errors.count + rule->description_contains.count +
                         rule->text_contains.count + rule->member_count + rule->number_count +
                         rule->description_equals.len >
                     0;
    for (size_t i = 0; is_verdict(rule->outcome) && i < rule->status_count; i++) {
        const struct number_range *range = &rule->statuses[i];
        if (overlaps(range, 300, 399) || overlaps(range, 408, 408) || overlaps(range, 429, 429))
            return false;
        if (overlaps(range, 500, 599) && (!has_words || range->low != range->high))
            return false;
    }
    return true;
}

static enum status take_rule(struct profile_reader *reader, const char *path,
                             const struct json *value, struct error_rule *rule)
{
    rule->outcome = OUTCOME_COUNT;
    rule->retry_after_s = -1;
    enum status status =
        reader_take_members(reader, path, value, rule_members, ARRAY_LEN(rule_members), rule);
    if (status != STATUS_OK)
        return status;
    if (!json_has(value, "match") || rule->outcome == OUTCOME_COUNT)
        return reader_fail(reader, path, value, "an object with \"match\" and \"class\"");
    if (!statuses_fit_class(rule))
        return reader_fail(reader, path, value,
                           "no verdict on a grant for 3xx, 408 and 429, and for a 5xx only with "
                           "its exact status and a condition on the body");
    if (rule->dead_reason != REASON_NONE && rule->outcome != OUTCOME_GRANT_DEAD)
        return reader_fail(reader, path, value, "\"means\" only with class \"grant_dead\"");
    if (rule->outcome == OUTCOME_GRANT_DEAD && rule->dead_reason == REASON_NONE &&
        !find_dead_reason(rule->reason, &rule->dead_reason))
        rule->dead_reason = REASON_GRANT_REJECTED;
    return STATUS_OK;
}

enum status profile_take_errors(struct profile_reader *reader, const char *path,
                                const struct json *value, UNUSED void *field)
{
    struct profile *profile = reader->profile;
    size_t count = json_count(value);
    if (json_type(value) != JSON_ARRAY || count > RULES_MAX)
        return reader_fail(reader, path, value, "an array of at most 64 rules");
    struct error_rule *rules = arena_alloc(&profile->arena, (count + 1) * sizeof(*rules));
    for (size_t i = 0; i < count; i++) {
        char rule_path[READER_PATH_MAX];
        (void)snprintf(rule_path, sizeof(rule_path), "%s[%zu]", path, i);
        enum status status = take_rule(reader, rule_path, json_at(value, i), &rules[i]);
        if (status != STATUS_OK)
            return status;
    }
    profile->rules = rules;
    profile->rule_count = count;
    return STATUS_OK;
}
