/* A token that was read, copied, written and freed is nowhere in the heap any more. */
#include "common/frame.h"
#include "common/json.h"
#include "common/secret.h"

#include "rows.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { TOKEN_LEN = 48, CHUNK = 65536 };

/** The token is made up byte by byte, so that the test itself holds no second copy. */
static char token_byte(size_t i)
{
    return (char)('A' + (i * 7 + i * i * 3) % 26);
}

static void write_token(char *to)
{
    for (size_t i = 0; i < TOKEN_LEN; i++)
        to[i] = token_byte(i);
}

/** Half a token found is found: memory that is handed out again overwrites its start. */
static bool holds_token(const unsigned char *bytes, size_t len)
{
    for (size_t at = 0; at + TOKEN_LEN / 2 <= len; at++) {
        size_t same = 0;
        while (same < TOKEN_LEN / 2 &&
               bytes[at + same] == (unsigned char)token_byte(same + TOKEN_LEN / 2))
            same++;
        if (same == TOKEN_LEN / 2)
            return true;
    }
    return false;
}

static bool heap_holds_token(void)
{
    static unsigned char chunk[CHUNK];
    uintptr_t from = 0;
    uintptr_t to = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        if (strstr(line, "[heap]") != NULL)
            assert_int_equal(sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to), 2);
    }
    fclose(maps);
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(memory >= 0);
    bool found = false;
    for (uintptr_t at = from; at < to && !found; at += CHUNK - TOKEN_LEN) {
        ssize_t len = pread(memory, chunk, MIN_OF((uintptr_t)CHUNK, to - at), (off_t)at);
        found = len > 0 && holds_token(chunk, (size_t)len);
    }
    close(memory);
    secret_wipe(chunk, sizeof(chunk));
    return found;
}

static struct json *parsed_with_token(const char *before, const char *behind)
{
    char text[256];
    int len = snprintf(text, sizeof(text), "%s%*s%s", before, TOKEN_LEN, "", behind);
    write_token(text + strlen(before));
    struct json *json = NULL;
    assert_int_equal(json_parse((struct str){.data = text, .len = (size_t)len}, JSON_LIMITS_DEFAULT,
                                &json, NULL),
                     STATUS_OK);
    secret_wipe(text, sizeof(text));
    return json;
}

static void freed_value(void)
{
    json_free(parsed_with_token("{\"access_token\":\"", "\"}"));
}

static void freed_value_with_escapes(void)
{
    json_free(parsed_with_token("[{\"t\":\"\\u0041", "\\n\"}]"));
}

static void refused_text(void)
{
    char text[] =
        "[\"                                                \",\"\\n                      "
        "                          \",]";
    write_token(text + 2);
    write_token(text + strlen(text) - 3 - TOKEN_LEN);
    struct json *json = NULL;
    assert_int_equal(json_parse(str_c(text), JSON_LIMITS_DEFAULT, &json, NULL), STATUS_INVALID);
    secret_wipe(text, sizeof(text));
}

static void replaced_and_removed_members(void)
{
    struct json *json = parsed_with_token("{\"a\":[\"", "\"]}");
    json_set(json, "b", json_copy(json_get(json, "a")));
    json_set_text(json, "a", STR("x"));
    json_remove(json, "b");
    assert_false(heap_holds_token());
    json_free(json);
}

static void written_value(void)
{
    struct json *json = parsed_with_token("{\"access_token\":\"", "\"}");
    struct buf out = {.secret = true};
    for (int i = 0; i < 20; i++)
        json_write(json, &out); /* grows several times */
    buf_deinit(&out);
    json_free(json);
}

static void read_line(void)
{
    struct frame_reader reader;
    frame_reader_init(&reader, FRAME_LINE_MAX);
    struct str line;
    for (int i = 0; i < 50; i++) {
        char text[TOKEN_LEN + 1];
        write_token(text);
        text[TOKEN_LEN] = i % 3 == 0 ? '\n' : 'x';
        frame_reader_feed(&reader, (struct str){.data = text, .len = sizeof(text)});
        while (frame_reader_next(&reader, &line) == FRAME_LINE)
            ;
        secret_wipe(text, sizeof(text));
    }
    frame_reader_feed(&reader, STR("\nnext"));
    while (frame_reader_next(&reader, &line) == FRAME_LINE)
        ;
    frame_reader_deinit(&reader);
}

static void freed_secret(void)
{
    char text[TOKEN_LEN];
    write_token(text);
    struct secret *secret = secret_copy((struct str){.data = text, .len = sizeof(text)});
    secret_wipe(text, sizeof(text));
    secret_cut(secret, 3);
    assert_false(heap_holds_token());
    secret_free(secret);
}

struct wipe_row {
    const char *name;
    void (*act)(void);
};

static const struct wipe_row wipe_rows[] = {
    {"a freed value", freed_value},
    {"a freed value with escapes", freed_value_with_escapes},
    {"a text that was refused half-way", refused_text},
    {"replaced and removed members", replaced_and_removed_members},
    {"a written value", written_value},
    {"a line that was read", read_line},
    {"a secret", freed_secret},
};

static void check_wipe(void **state)
{
    const struct wipe_row *row = *state;
    row->act();
    assert_false(heap_holds_token());
}

/** Else the other rows would prove nothing. (A sanitizer's heap is elsewhere.) */
static void the_search_finds_what_is_there(void **state UNUSED)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
    skip();
#else
    struct json *json = parsed_with_token("[\"", "\"]");
    assert_true(heap_holds_token());
    json_free(json);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_search_finds_what_is_there)};
    return cmocka_run_group_tests(tests, NULL, NULL) + RUN_ROWS(wipe_rows, check_wipe);
}
