/**
 * The word that was probably meant.
 *
 *     struct suggest suggest = {.word = STR("show-conection")};
 *     suggest_offer(&suggest, "show-connection");
 *     const char *meant = suggest_best(&suggest);   // or NULL: nothing is near enough
 */
#ifndef COMMON_SUGGEST_H
#define COMMON_SUGGEST_H

#include "common/str.h"

struct suggest {
    struct str word;  /* as typed */
    const char *best; /* nearest so far */
    size_t distance;  /* of best, in edits */
};

/** Candidates are borrowed; the first of equally near ones stays. */
void suggest_offer(struct suggest *suggest, const char *candidate);
/** NULL where even the nearest is another word: more than a third of it would have to change. */
const char *suggest_best(const struct suggest *suggest);
/** Edits (insert, delete, replace, swap neighbours) from one word to the other. */
size_t suggest_distance(struct str a, struct str b);

#endif
