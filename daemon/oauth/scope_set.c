#include "oauth/scope_set.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS STR(" \t\r\n")

static int compare_scopes(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/** Sorts and joins. */
static struct str join(struct arena *arena, struct str *scopes, size_t count)
{
    size_t len = 0;
    if (count > 1)
        qsort(scopes, count, sizeof(*scopes), compare_scopes);
    for (size_t i = 0; i < count; i++)
        len += scopes[i].len + 1;
    char *text = arena_alloc(arena, len + 1);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && str_eq(scopes[i], scopes[i - 1]))
            continue;
        if (used > 0)
            text[used++] = ' ';
        memcpy(text + used, scopes[i].data, scopes[i].len);
        used += scopes[i].len;
    }
    return (struct str){.data = text, .len = used};
}

static size_t count_words(struct str text)
{
    size_t count = 0;
    struct str word;
    while (str_next_word(&text, BLANKS, &word))
        count++;
    return count;
}

struct str scope_set_from_text(struct arena *arena, struct str text)
{
    enum { SCOPES_ON_STACK = 32 };
    size_t count = count_words(text);
    struct str room[SCOPES_ON_STACK];
    struct str *scopes = count <= ARRAY_LEN(room) ? room : memory_new_array(count, sizeof(*scopes));
    for (size_t i = 0; i < count; i++)
        (void)str_next_word(&text, BLANKS, &scopes[i]);
    struct str set = join(arena, scopes, count);
    if (scopes != room)
        free(scopes);
    return set;
}

/** RFC 6749 §3.3: %x21 / %x23-5B / %x5D-7E. */
static bool is_scope_token(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '!' || text.data[i] > '~' || text.data[i] == '"' || text.data[i] == '\\')
            return false;
    }
    return text.len > 0;
}

enum status scope_set_from_json(struct arena *arena, const struct json *array, struct str *ret_set,
                                struct error *err)
{
    if (json_type(array) != JSON_ARRAY)
        return error_set(err, STATUS_INVALID, "expected an array of scope names, got %s",
                         json_type_text(json_type(array)));
    size_t count = json_count(array);
    struct str *scopes = memory_new_array(count + 1, sizeof(*scopes));
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        scopes[i] = json_text(json_at(array, i));
        if (!is_scope_token(scopes[i]))
            status = error_set(err, STATUS_INVALID,
                               "[%zu]: expected a scope name of visible ASCII characters without "
                               "blanks, quotes and backslashes (RFC 6749 §3.3)",
                               i);
    }
    if (status == STATUS_OK)
        *ret_set = join(arena, scopes, count);
    free(scopes);
    return status;
}

bool scope_set_has(struct str set, struct str scope)
{
    struct str word;
    while (str_next_word(&set, BLANKS, &word)) {
        if (str_eq(word, scope))
            return true;
    }
    return false;
}

bool scope_set_covers(struct str set, struct str subset)
{
    struct str word;
    while (str_next_word(&subset, BLANKS, &word)) {
        if (!scope_set_has(set, word))
            return false;
    }
    return true;
}

struct str scope_set_minus(struct arena *arena, struct str a, struct str b)
{
    char *text = arena_alloc(arena, a.len + 1);
    size_t used = 0;
    struct str word;
    while (str_next_word(&a, BLANKS, &word)) {
        if (scope_set_has(b, word))
            continue;
        if (used > 0)
            text[used++] = ' ';
        memcpy(text + used, word.data, word.len);
        used += word.len;
    }
    return (struct str){.data = text, .len = used};
}

struct json *scope_set_to_json(struct str set)
{
    struct json *array = json_new_array();
    struct str word;
    while (str_next_word(&set, BLANKS, &word))
        json_append_text(array, word);
    return array;
}
