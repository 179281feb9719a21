#include "common/suggest.h"

enum { SUGGEST_WORD_MAX = 40 };

size_t suggest_distance(struct str a, struct str b)
{
    if (a.len > SUGGEST_WORD_MAX || b.len > SUGGEST_WORD_MAX)
        return SUGGEST_WORD_MAX;
    size_t rows[SUGGEST_WORD_MAX + 1][SUGGEST_WORD_MAX + 1];
    for (size_t i = 0; i <= a.len; i++) {
        for (size_t j = 0; j <= b.len; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            size_t replaced = rows[i - 1][j - 1] + (a.data[i - 1] == b.data[j - 1] ? 0 : 1);
            size_t shorter = MIN_OF(rows[i - 1][j], rows[i][j - 1]) + 1;
            rows[i][j] = MIN_OF(replaced, shorter);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                rows[i][j] = MIN_OF(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    }
    return rows[a.len][b.len];
}

void suggest_offer(struct suggest *suggest, const char *candidate)
{
    struct str text = str_c(candidate);
    size_t distance = suggest_distance(suggest->word, text);
    /* A word that was cut short is meant, however much is missing. */
    if (suggest->word.len >= 3 && str_starts_with(text, suggest->word))
        distance = 1;
    if (suggest->best == NULL || distance < suggest->distance) {
        suggest->best = candidate;
        suggest->distance = distance;
    }
}

const char *suggest_best(const struct suggest *suggest)
{
    if (suggest->best == NULL || suggest->distance > str_c(suggest->best).len / 3)
        return NULL;
    return suggest->best;
}
