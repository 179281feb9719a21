/* How near two words are, and which of several was meant. */
#include "common/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void counts_edits(void **state UNUSED)
{
    static const struct {
        const char *name, *a, *b;
        size_t distance;
    } rows[] = {
        {"the same", "token", "token", 0},      {"one more", "token", "tokens", 1},
        {"one other", "token", "taken", 1},     {"neighbours swapped", "tokne", "token", 1},
        {"nothing in common", "abc", "xyz", 3}, {"from nothing", "", "abc", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        assert_int_equal(suggest_distance(str_c(rows[i].a), str_c(rows[i].b)), rows[i].distance);
    }
}

static void offers_what_is_near(void **state UNUSED)
{
    static const char *const candidates[] = {"name", "socket", "socket_mode", "key_file", "url"};
    static const struct {
        const char *name, *word, *meant;
    } rows[] = {
        {"a letter missing", "socke", "socket"},
        {"neighbours swapped", "naem", "name"},
        {"an underscore left out", "keyfile", "key_file"},
        {"cut short", "key", "key_file"},
        {"capitals", "Name", "name"},
        {"another word", "zebra", NULL},
        {"one letter", "x", NULL},
        {"nothing", "", NULL},
        {"longer than any word", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        struct suggest suggest = {.word = str_c(rows[i].word)};
        for (size_t j = 0; j < ARRAY_LEN(candidates); j++)
            suggest_offer(&suggest, candidates[j]);
        const char *meant = suggest_best(&suggest);
        if (rows[i].meant == NULL)
            assert_null(meant);
        else
            assert_string_equal(meant, rows[i].meant);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_edits),
        cmocka_unit_test(offers_what_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
