/*
 * Answers of real and hostile servers, one a line in vectors/: {name, profile, answer, verdict}.
 * answer is what --classify reads; what verdict does not name must be null in the outcome's
 * everyday members, and may be anything in the others.
 */
#include "oauth/classify_json.h"
#include "unit/oauth/support_profiles.h"

#include <dirent.h>

static const char *const always_compared[] = {
    "outcome", "reason", "retry_after_s", "access_token", "expires_in", "refresh_token", "scope"};

static bool same(const struct json *a, const struct json *b)
{
    CLEANUP(buf_deinit) struct buf left = {0};
    CLEANUP(buf_deinit) struct buf right = {0};
    json_write(a, &left);
    json_write(b, &right);
    return str_eq(buf_str(&left), buf_str(&right));
}

static bool compare(struct str name, const char *member, const struct json *wanted,
                    const struct json *got)
{
    const struct json *want = json_get(wanted, member);
    const struct json *have = json_get(got, member);
    if (same(want, have))
        return true;
    CLEANUP(buf_deinit) struct buf left = {0};
    CLEANUP(buf_deinit) struct buf right = {0};
    json_write(want, &left);
    json_write(have, &right);
    print_error(STR_FMT ": %s: want %s, got %s\n", STR_ARG(name), member, buf_c(&left),
                buf_c(&right));
    return false;
}

static bool run_vector(const struct json *vector)
{
    const int64_t now_wall_ms = 1750000000000;
    struct error err = {0};
    struct str name = json_text(json_get(vector, "name"));
    CLEANUP(profile_freep)
    struct profile *profile = load_profile(json_text(json_get(vector, "profile")));
    CLEANUP(json_freep) struct json *got = NULL;
    const struct json *wanted = json_get(vector, "verdict");
    if (oauth_classify_json(profile, json_get(vector, "answer"), now_wall_ms, &got, &err) !=
        STATUS_OK)
        fail_msg(STR_FMT ": %s", STR_ARG(name), err.text);
    bool right = true;
    for (size_t i = 0; i < ARRAY_LEN(always_compared); i++)
        right = compare(name, always_compared[i], wanted, got) && right;
    size_t index = 0;
    struct str member;
    const struct json *value;
    while (json_next_member(wanted, &index, &member, &value)) {
        char text[64];
        str_copy_cut(member, text, sizeof(text));
        right = compare(name, text, wanted, got) && right;
    }
    return right;
}

static void run_file(const char *file)
{
    char path[512];
    CLEANUP(buf_deinit) struct buf text = {0};
    (void)snprintf(path, sizeof(path), REFRESHD_SOURCE_DIR "/tests/unit/oauth/vectors/%s", file);
    read_whole_file(path, &text);
    struct str rest = buf_str(&text);
    struct str line;
    size_t count = 0;
    size_t wrong = 0;
    while (str_next_word(&rest, STR("\n"), &line)) {
        struct error err = {0};
        CLEANUP(json_freep) struct json *vector = NULL;
        if (json_parse(line, JSON_LIMITS_DEFAULT, &vector, &err) != STATUS_OK)
            fail_msg("%s: line %zu: %s", file, count + 1, err.text);
        count++;
        wrong += run_vector(vector) ? 0 : 1;
    }
    print_message("%s: %zu of %zu right\n", file, count - wrong, count);
    assert_true(count > 0);
    assert_int_equal(wrong, 0);
}

static void success(UNUSED void **state)
{
    run_file("success.jsonl");
}

static void a_grant_that_is_dead_or_needs_its_person(UNUSED void **state)
{
    run_file("grant.jsonl");
}

static void a_client_that_is_refused(UNUSED void **state)
{
    run_file("client.jsonl");
}

static void weather(UNUSED void **state)
{
    run_file("weather.jsonl");
}

static void hostile(UNUSED void **state)
{
    run_file("hostile.jsonl");
}

static void dialects_and_edges(UNUSED void **state)
{
    run_file("dialects.jsonl");
}

/** Each line of each profile's table has an answer that it decides. */
static void error_tables(UNUSED void **state)
{
    run_file("tables.jsonl");
}

/** Servers that no profile knows, each odd in its own way. */
static void strangers(UNUSED void **state)
{
    run_file("strangers.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success),
        cmocka_unit_test(a_grant_that_is_dead_or_needs_its_person),
        cmocka_unit_test(a_client_that_is_refused),
        cmocka_unit_test(weather),
        cmocka_unit_test(hostile),
        cmocka_unit_test(dialects_and_edges),
        cmocka_unit_test(error_tables),
        cmocka_unit_test(strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
