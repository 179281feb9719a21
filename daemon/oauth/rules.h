/**
 * Error tables: the profile's own, then RFC 6749 §5.2's words. Both are ordered lists of which the
 * first line that holds decides.
 *
 *     struct rule_hit hit;
 *     if (rules_find(profile, answer, &read, &arena, &hit)) … hit.rule->outcome, hit.matched
 */
#ifndef OAUTH_RULES_H
#define OAUTH_RULES_H

#include "oauth/answer.h"

struct rule_hit {
    const struct error_rule *rule;
    struct str matched; /* the word or number that decided; empty: none did */
};

bool rules_find(const struct profile *profile, const struct oauth_answer *answer,
                const struct answer *read, struct arena *arena, struct rule_hit *ret);

/** A word of RFC 6749 §5.2 and its kin, in any case. */
bool rules_find_word(struct str word, enum outcome *ret);
/** One of the words that mean "try later" wherever they stand. */
bool rules_is_transient_word(struct str word);
/** Is the member's scalar one of the values? */
bool rules_member_matches(const struct member_condition *condition, const struct json *json,
                          struct arena *arena, struct str *ret_value);

#endif
