#include "oauth/provider_text.h"

#include "oauth/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void cleaning(UNUSED void **state)
{
    static const struct {
        const char *text, *cleaned;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"two\r\nlines", "two lines"},
        {"\x1b[31mred\x1b[0m", "[31mred [0m"},
        {"  a \t b  ", "a b"},
        {"na\xc3\xafve", "na\xc3\xafve"},
        {"a\xc2\x85"
         "b",
         "a b"},
        {"a\xe2\x80\xae"
         "b",
         "a b"},
        {"a\xe2\x80\xa8"
         "b",
         "a b"},
        {"\xff\xfe", ""},
        {"a\xc3", "a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        provider_text_clean(str_c(rows[i].text), text, sizeof(text));
        assert_string_equal(text, rows[i].cleaned);
    }
}

static void cutting_keeps_characters_whole(UNUSED void **state)
{
    char text[6];
    provider_text_clean(STR("abcd\xc3\xaf"), text, sizeof(text));
    assert_string_equal(text, "abcd");
    provider_text_clean(STR("abc\xc3\xaf"), text, sizeof(text));
    assert_string_equal(text, "abc\xc3\xaf");
}

static void words(UNUSED void **state)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"INVALID_GRANT", "invalid_grant"},
        {"expired-refresh-token", "expired_refresh_token"},
        {"Invalid refresh  token!", "invalid_refresh_token"},
        {"--x", "x"},
        {"\xc3\xaf", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        provider_text_word(str_c(rows[i].text), text, sizeof(text));
        assert_string_equal(text, rows[i].word);
    }
}

static void scrubbing(UNUSED void **state)
{
    static const struct {
        const char *text, *scrubbed;
    } rows[] = {
        {"nothing here", "nothing here"},
        {"token RT-secret-1 is bad", "token *** is bad"},
        {"RT-secret-1RT-secret-1", "******"},
        {"cut: RT-secr", "cut: ***"},
        {"cut: RT-s", "cut: RT-s"},
        {"client s3cr", "client ***"},
        {"ab", "ab"},
        {"base64 UlQtc2VjcmV0LTE=, more", "base64 ***=, more"},
        {"base64 UlQtc2VjcmV0LTE", "base64 ***"},
        {"hex 52542d7365637265742d31.", "hex ***."},
        {"form a%26b%3Dc+d, uri a%26b%3Dc%20d", "form ***, uri ***"},
        {"base64url Pz8_Pz8_", "base64url ***"},
    };
    const struct str secrets[] = {STR("RT-secret-1"), STR("s3cr"),    STR("ab"),
                                  STR_NONE,           STR("a&b=c d"), STR("??????")};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        str_copy_cut(str_c(rows[i].text), text, sizeof(text));
        oauth_scrub(secrets, ARRAY_LEN(secrets), text);
        assert_string_equal(text, rows[i].scrubbed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleaning),
        cmocka_unit_test(cutting_keeps_characters_whole),
        cmocka_unit_test(words),
        cmocka_unit_test(scrubbing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
