/** Scope sets as canonical text: sorted, unique, blank-separated (RFC 6749 §3.3). */
#ifndef OAUTH_SCOPE_SET_H
#define OAUTH_SCOPE_SET_H

#include "common/arena.h"
#include "common/json.h"

/** Any order, duplicates, blanks → canonical, in arena. */
struct str scope_set_from_text(struct arena *arena, struct str text);
/** An array of texts; STATUS_INVALID for an element that is no scope-token (names its index). */
MUST_CHECK enum status scope_set_from_json(struct arena *arena, const struct json *array,
                                           struct str *ret_set, struct error *err);
bool scope_set_covers(struct str set, struct str subset);
bool scope_set_has(struct str set, struct str scope);
/** What is in a and not in b, canonical. Both canonical. */
struct str scope_set_minus(struct arena *arena, struct str a, struct str b);
struct json *scope_set_to_json(struct str set);

#endif
