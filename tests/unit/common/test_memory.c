/* What owns bytes: buf, arena, spares, secret, memory. */
#include "common/arena.h"
#include "common/buf.h"
#include "common/memory.h"
#include "common/random.h"
#include "common/secret.h"
#include "common/spares.h"

#include "rows.h"

#include <stdalign.h>

static void buf_grows(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf buf = {0};
    assert_string_equal(buf_c(&buf), "");
    assert_true(str_is_set(buf_str(&buf)));
    for (int i = 0; i < 1000; i++)
        assert_true(buf_append(&buf, STR("abc")));
    assert_true(buf_append_byte(&buf, '!'));
    assert_int_equal(buf.len, 3001);
    assert_int_equal(strlen(buf_c(&buf)), 3001);
}

static void buf_stops_at_its_maximum(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf buf = {.max = 4};
    assert_true(buf_append(&buf, STR("abcd")));
    assert_false(buf.overflowed);
    assert_false(buf_append_byte(&buf, 'e'));
    assert_true(buf.overflowed);
    assert_false(buf_printf(&buf, "%d", 7));
    assert_null(buf_extend(&buf, 1));
    assert_str_is(buf_str(&buf), STR("abcd"));
    assert_string_equal(buf_c(&buf), "abcd");
    buf_clear(&buf);
    assert_false(buf.overflowed);
    assert_false(buf_append(&buf, STR("abcde")));
    assert_int_equal(buf.len, 0);
}

static void buf_refuses_sizes_that_wrap(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf buf = {0};
    assert_true(buf_append_byte(&buf, 'a'));
    assert_null(buf_extend(&buf, SIZE_MAX));
    assert_true(buf.overflowed);
}

static void buf_prints_behind_what_is_there(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf buf = {.secret = true};
    assert_true(buf_printf(&buf, "%s-%d", "a", 1));
    assert_true(buf_printf(&buf, "%300s", "b"));
    assert_int_equal(buf.len, 303);
    assert_true(str_starts_with(buf_str(&buf), STR("a-1 ")));
}

static void buf_consumes_from_the_front(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf buf = {.secret = true};
    buf_append(&buf, STR("secret and rest"));
    buf_consume(&buf, 11);
    assert_str_is(buf_str(&buf), STR("rest"));
    for (size_t i = buf.len; i < 15; i++)
        assert_int_equal(buf.data[i], 0); /* nothing stays behind the end */
    buf_consume(&buf, 4);
    assert_int_equal(buf.len, 0);
}

static void secret_buf_wipes_what_it_forgets(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf buf = {.secret = true};
    buf_append(&buf, STR("hunter2"));
    buf_clear(&buf);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(buf.data[i], 0);
}

static void buf_begins_in_the_room_it_was_lent(void **state UNUSED)
{
    char room[16];
    struct buf buf = {.secret = true};
    buf_lend(&buf, room, sizeof(room));
    assert_true(buf_append(&buf, STR("hunter2")));
    assert_ptr_equal(buf.data, room);
    assert_true(buf_append(&buf, STR(" and more than fits")));
    assert_ptr_not_equal(buf.data, room);
    assert_str_is(buf_str(&buf), STR("hunter2 and more than fits"));
    for (size_t i = 0; i < sizeof(room); i++)
        assert_int_equal(room[i], 0); /* wiped, and still ours */
    buf_deinit(&buf);
    assert_false(buf.is_lent);
}

static void buf_wipes_the_room_it_was_lent(void **state UNUSED)
{
    char room[16];
    struct buf buf = {.secret = true};
    buf_lend(&buf, room, sizeof(room));
    assert_true(buf_append(&buf, STR("hunter2")));
    buf_deinit(&buf);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(room[i], 0);
}

static void arena_blocks_grow(void **state UNUSED)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    enum { PIECE = 700, PIECES = 400 };
    struct str pieces[PIECES];
    char text[PIECE];
    for (size_t i = 0; i < PIECES; i++) {
        memset(text, (int)('a' + i % 26), sizeof(text));
        pieces[i] = arena_copy(&arena, (struct str){.data = text, .len = sizeof(text)});
    }
    for (size_t i = 0; i < PIECES; i++) {
        assert_int_equal(pieces[i].len, PIECE);
        assert_int_equal(pieces[i].data[PIECE - 1], 'a' + i % 26);
        assert_int_equal(pieces[i].data[PIECE], 0);
    }
}

static void secrets_of_all_lengths_are_zeroed(void **state UNUSED)
{
    const size_t lengths[] = {0, 1, 1000, 1001, 4000, 4001, 100000};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
            struct secret *secret = secret_new(lengths[i]);
            assert_int_equal(secret_str(secret).len, lengths[i]);
            for (size_t at = 0; at <= lengths[i]; at++) /* and the NUL */
                assert_int_equal(secret_data(secret)[at], 0);
            memset(secret_data(secret), 0xff, lengths[i]);
            secret_cut(secret, lengths[i] / 2);
            secret_free(secret);
        }
    }
}

static void arena_aligns_and_zeroes(void **state UNUSED)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    assert_str_is(arena_copy(&arena, STR("abc")), STR("abc"));
    for (size_t size = 1; size < 300; size += 7) {
        unsigned char *block = arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)block % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xff, size);
        arena_copy(&arena, STR("x"));
    }
}

static void arena_copies_end_in_nul(void **state UNUSED)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    char text[5000];
    memset(text, 'a', sizeof(text));
    struct str copy = arena_copy(&arena, (struct str){.data = text, .len = sizeof(text)});
    assert_int_equal(strlen(copy.data), sizeof(text));
    assert_str_is(arena_printf(&arena, "%s=%d", "n", 5), STR("n=5"));
    assert_string_equal(arena_copy(&arena, STR("")).data, "");
    assert_false(str_is_set(arena_copy(&arena, STR_NONE)));
    assert_int_equal(strlen(copy.data), sizeof(text)); /* the first one stays where it is */
}

static void arena_can_be_used_again(void **state UNUSED)
{
    struct arena arena = {0};
    arena_deinit(&arena);
    arena_copy(&arena, STR("abc"));
    arena_deinit(&arena);
    assert_null(arena.blocks);
}

static void arena_begins_in_the_room_it_was_lent(void **state UNUSED)
{
    alignas(max_align_t) char room[256];
    memset(room, 0xff, sizeof(room));
    struct arena arena = {0};
    arena_lend(&arena, room, sizeof(room));
    unsigned char *zeroed = arena_alloc(&arena, 16);
    assert_true((char *)zeroed > room && (char *)zeroed < room + sizeof(room));
    assert_int_equal(zeroed[15], 0);
    struct str inside = arena_copy(&arena, STR("hunter2"));
    assert_true(inside.data > room && inside.data < room + sizeof(room));
    char *outside = arena_alloc(&arena, sizeof(room));
    assert_true(outside + sizeof(room) <= room || outside >= room + sizeof(room));
    assert_str_is(inside, STR("hunter2"));
    arena_deinit(&arena);
    for (size_t i = 0; i < inside.len; i++)
        assert_int_equal(inside.data[i], 0); /* wiped, and the room is still ours */
}

static void plain_arena_is_not_wiped(void **state UNUSED)
{
    alignas(max_align_t) char room[256];
    struct arena arena = {.is_plain = true};
    arena_lend(&arena, room, sizeof(room));
    struct str inside = arena_copy(&arena, STR("connection.refreshed"));
    arena_deinit(&arena);
    assert_str_is(inside, STR("connection.refreshed"));
    assert_null(arena.blocks);
}

static void secret_grows(void **state UNUSED)
{
    struct secret *secret = secret_append(NULL, STR("h"));
    size_t len = 1;
    for (; len < 10 * 1000; len++) {
        char next = (char)('a' + len % 26);
        secret = secret_append(secret, (struct str){.data = &next, .len = 1});
    }
    secret = secret_append(secret, STR(""));
    struct str grown = secret_str(secret);
    assert_int_equal(grown.len, len);
    assert_int_equal(grown.data[0], 'h');
    for (size_t i = 1; i < len; i++)
        assert_int_equal(grown.data[i], 'a' + i % 26);
    assert_int_equal(grown.data[len], '\0');
    secret_free(secret);
}

static void secret_lives_as_long_as_anybody_holds_it(void **state UNUSED)
{
    struct secret *first = secret_copy(STR("hunter2"));
    struct secret *second = secret_share(first);
    assert_ptr_equal(first, second);
    secret_free(first);
    assert_str_is(secret_str(second), STR("hunter2"));
    secret_free(second); /* AddressSanitizer tells what is left or used after this */
    assert_null(secret_share(NULL));
}

static void spares_stay_under_their_maximum(void **state UNUSED)
{
    struct spares spares = {.size = 100};
    char *blocks[SPARES_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        blocks[i] = spares_take(&spares);
        memset(blocks[i], (int)i, 100);
    }
    assert_int_equal(spares.count, 0);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        spares_give(&spares, blocks[i]);
    assert_in_range(spares.count, 0, SPARES_MAX);
    for (size_t left = spares.count; left > 0; left--) {
        free(spares_take(&spares));
        assert_int_equal(spares.count, left - 1);
    }
    assert_null(spares.first);
}

static void random_bytes_fill_every_byte_and_no_more(void **state UNUSED)
{
    for (size_t len = 0; len < 12; len++) {
        unsigned char bytes[13], seen[13] = {0};
        for (int round = 0; round < 64; round++) {
            memset(bytes, 0, sizeof(bytes));
            random_fill(bytes, len);
            for (size_t i = 0; i < sizeof(bytes); i++)
                seen[i] |= bytes[i];
        }
        for (size_t i = 0; i < sizeof(seen); i++)
            assert_true((seen[i] != 0) == (i < len));
    }
}

static void secret_holds_a_copy(void **state UNUSED)
{
    char source[] = "hunter2";
    CLEANUP(secret_freep) struct secret *secret = secret_copy(str_c(source));
    memset(source, 'x', 7);
    assert_str_is(secret_str(secret), STR("hunter2"));
    assert_string_equal(secret_data(secret), "hunter2");
    secret_cut(secret, 3);
    assert_string_equal(secret_data(secret), "hun");
    assert_int_equal(secret_data(secret)[6], 0);
    assert_false(str_is_set(secret_str(NULL)));
    secret_free(NULL);
}

struct secret_eq_row {
    const char *name;
    struct str a, b;
    bool expected;
};

static const struct secret_eq_row secret_eq_rows[] = {
    {"the same", STR_INIT("abc"), STR_INIT("abc"), true},
    {"one byte differs", STR_INIT("abc"), STR_INIT("abd"), false},
    {"shorter", STR_INIT("abc"), STR_INIT("ab"), false},
    {"both empty", STR_INIT(""), {NULL, 0}, true},
};

static void check_secret_eq(void **state)
{
    const struct secret_eq_row *row = *state;
    assert_int_equal(secret_eq(row->a, row->b), row->expected);
}

static void secret_hash_is_sha256(void **state UNUSED)
{
    /* FIPS 180-4's example "abc", and the hash of nothing. */
    static const uint8_t abc[4] = {0xba, 0x78, 0x16, 0xbf};
    static const uint8_t nothing[4] = {0xe3, 0xb0, 0xc4, 0x42};
    uint8_t hash[SECRET_HASH_BYTES];
    secret_sha256(STR("abc"), hash);
    assert_memory_equal(hash, abc, sizeof(abc));
    secret_sha256(STR_NONE, hash);
    assert_memory_equal(hash, nothing, sizeof(nothing));
}

static void memory_copies_with_nul(void **state UNUSED)
{
    CLEANUP(memory_freep) char *copy = memory_copy_str(STR("abc"));
    assert_string_equal(copy, "abc");
    assert_null(memory_copy_str(STR_NONE));
    CLEANUP(memory_freep) char *none = memory_new(0);
    assert_non_null(none);
    none = memory_grow(none, 100);
    assert_non_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_grows),
        cmocka_unit_test(buf_stops_at_its_maximum),
        cmocka_unit_test(buf_refuses_sizes_that_wrap),
        cmocka_unit_test(buf_prints_behind_what_is_there),
        cmocka_unit_test(buf_consumes_from_the_front),
        cmocka_unit_test(secret_buf_wipes_what_it_forgets),
        cmocka_unit_test(buf_begins_in_the_room_it_was_lent),
        cmocka_unit_test(buf_wipes_the_room_it_was_lent),
        cmocka_unit_test(arena_blocks_grow),
        cmocka_unit_test(secrets_of_all_lengths_are_zeroed),
        cmocka_unit_test(arena_aligns_and_zeroes),
        cmocka_unit_test(arena_copies_end_in_nul),
        cmocka_unit_test(arena_can_be_used_again),
        cmocka_unit_test(arena_begins_in_the_room_it_was_lent),
        cmocka_unit_test(plain_arena_is_not_wiped),
        cmocka_unit_test(secret_grows),
        cmocka_unit_test(secret_lives_as_long_as_anybody_holds_it),
        cmocka_unit_test(spares_stay_under_their_maximum),
        cmocka_unit_test(random_bytes_fill_every_byte_and_no_more),
        cmocka_unit_test(secret_holds_a_copy),
        cmocka_unit_test(secret_hash_is_sha256),
        cmocka_unit_test(memory_copies_with_nul),
    };
    return RUN_ROWS(secret_eq_rows, check_secret_eq) + cmocka_run_group_tests(tests, NULL, NULL);
}
