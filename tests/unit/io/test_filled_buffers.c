/* Blocks that are wiped as far as they were filled, whoever gives them up. */
#include "io/filled_buffers.h"

#include "common/macros.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char token[] = "S3CRET-TOKEN-";

static void fill(char *block, size_t from, size_t len)
{
    for (size_t i = from; i < from + len; i++)
        block[i] = token[i % (sizeof(token) - 1)];
}

/** Any part of the token long enough not to be there by chance. */
static bool holds_token(const char *block, size_t size)
{
    for (size_t at = 0; at + 6 < sizeof(token); at++) {
        if (memmem(block, size, token + at, 6) != NULL)
            return true;
    }
    return false;
}

static void give(void *block)
{
    assert_true(filled_buffers_give(block, malloc_usable_size(block)));
}

struct fill_row {
    const char *name;
    size_t size, from, len; /* what is written of it */
};

static const struct fill_row fill_rows[] = {
    {"nothing", 16384, 0, 0},
    {"a little", 16384, 0, 20},
    {"up to the first mark", 16384, 0, 512},
    {"into the first mark", 16384, 0, 516},
    {"over the first mark", 16384, 0, 520},
    {"one byte behind it", 16384, 0, 521},
    {"a usual answer", 16384, 0, 1983},
    {"behind a gap at the front, as OpenSSL aligns", 16712, 3, 1983},
    {"all that was asked for", 16384, 0, 16384},
    {"a record of the largest", 16712, 3, 16709},
    {"all that there is", 17408, 0, 17408},
    {"a small one, a little", 4097, 0, 20},
    {"a small one, all", 4097, 0, 4097},
    {"a small one, all that there is", 4160, 0, 4160},
};

static void nothing_stays_behind(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(fill_rows); i++) {
        const struct fill_row *row = &fill_rows[i];
        char *block = filled_buffers_take(row->size);
        assert_non_null(block);
        fill(block, row->from, row->len);
        give(block);
        /* The same one again, but under AddressSanitizer. */
        block = filled_buffers_take(row->size);
        if (holds_token(block, row->size))
            fail_msg("%s: there is something left", row->name);
        give(block);
    }
}

static void a_short_answer_after_a_long_one(void **state UNUSED)
{
    static const size_t lens[] = {16384, 100, 9000, 0, 600, 16384, 513};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        char *block = filled_buffers_take(16384);
        if (holds_token(block, 16384))
            fail_msg("%zu: there is something left", i);
        fill(block, 0, lens[i]);
        give(block);
    }
}

struct size_row {
    size_t size;
    bool is_kept;
};

static const struct size_row size_rows[] = {
    {1, false},    {4095, false},  {4096, true},  {4097, true},  {4160, true},
    {4161, false}, {16383, false}, {16384, true}, {17408, true}, {17409, false},
};

static void sizes(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(size_rows); i++) {
        void *block = filled_buffers_take(size_rows[i].size);
        if ((block != NULL) != size_rows[i].is_kept)
            fail_msg("%zu", size_rows[i].size);
        if (block != NULL)
            give(block);
    }
    assert_false(filled_buffers_give(NULL, 100));
}

/* From calloc(), say: no marks, so all of it goes. */
static void one_from_elsewhere_is_wiped_whole(void **state UNUSED)
{
    char *block = calloc(1, FILLED_BUFFER_LARGE);
    assert_non_null(block);
    fill(block, 12000, 100);
    give(block);
    block = filled_buffers_take(FILLED_BUFFER_LARGE);
    assert_false(holds_token(block, FILLED_BUFFER_LARGE));
    give(block);
}

/* More at once than are kept. */
static void many(void **state UNUSED)
{
    enum { MANY = 300 };
    void *blocks[MANY];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            blocks[i] = filled_buffers_take(16384);
            assert_false(holds_token(blocks[i], 16384));
            fill(blocks[i], 0, 16384);
        }
        for (size_t i = 0; i < MANY; i++)
            give(blocks[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stays_behind),
        cmocka_unit_test(a_short_answer_after_a_long_one),
        cmocka_unit_test(sizes),
        cmocka_unit_test(one_from_elsewhere_is_wiped_whole),
        cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
