#include "common/encoding.h"
#include "vault/vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct vault *vault_of(uint8_t byte)
{
    uint8_t key[VAULT_KEY_BYTES];
    memset(key, byte, sizeof(key));
    return vault_new(key);
}

static void test_what_is_sealed_opens(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str aad, plain;
    } rows[] = {
        {"a token", STR_INIT("connection\0c-1\0"), STR_INIT("ya29.a0AfH6")},
        {"nothing", STR_INIT("x"), STR_INIT("")},
        {"no identity", STR_INIT(""), STR_INIT("token")},
        {"bytes with NUL", STR_INIT("x"), STR_INIT("a\0b")},
    };
    struct vault *vault = vault_of(1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_deinit) struct buf sealed = {0};
        assert_true(buf_append(&sealed, STR("before")));
        vault_seal(vault, rows[i].aad, rows[i].plain, &sealed);
        assert_int_equal(sealed.len, 6 + rows[i].plain.len + VAULT_OVERHEAD);
        CLEANUP(secret_freep) struct secret *opened = NULL;
        struct str bytes = str_slice(buf_str(&sealed), 6, sealed.len);
        if (vault_open(vault, rows[i].aad, bytes, &opened, NULL) != STATUS_OK ||
            !str_eq(secret_str(opened), rows[i].plain))
            fail_msg("%s", rows[i].name);
    }
    vault_free(vault);
}

static void test_no_byte_can_be_changed(void **state)
{
    (void)state;
    struct vault *vault = vault_of(1);
    CLEANUP(buf_deinit) struct buf sealed = {0};
    vault_seal(vault, STR("aad"), STR("token"), &sealed);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] = (char)(sealed.data[i] ^ 1);
        struct secret *opened = NULL;
        struct error err = {0};
        assert_int_equal(vault_open(vault, STR("aad"), buf_str(&sealed), &opened, &err),
                         STATUS_INVALID);
        assert_null(opened);
        assert_true(err.text[0] != '\0');
        sealed.data[i] = (char)(sealed.data[i] ^ 1);
    }
    vault_free(vault);
}

static void test_what_does_not_open(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t key;
        struct str aad;
        size_t cut;
    } rows[] = {
        {"under another key", 2, STR_INIT("aad"), 0},
        {"as another record", 1, STR_INIT("aae"), 0},
        {"as a record that begins alike", 1, STR_INIT("aad2"), 0},
        {"shortened by a byte", 1, STR_INIT("aad"), 1},
        {"shorter than any", 1, STR_INIT("aad"), 6},
        {"empty", 1, STR_INIT("aad"), 5 + VAULT_OVERHEAD},
    };
    struct vault *vault = vault_of(1);
    CLEANUP(buf_deinit) struct buf sealed = {0};
    vault_seal(vault, STR("aad"), STR("token"), &sealed);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vault *other = vault_of(rows[i].key);
        struct secret *opened = NULL;
        struct str bytes = str_slice(buf_str(&sealed), 0, sealed.len - rows[i].cut);
        if (vault_open(other, rows[i].aad, bytes, &opened, NULL) != STATUS_INVALID ||
            opened != NULL)
            fail_msg("%s", rows[i].name);
        vault_free(other);
    }
    vault_free(vault);
}

static void test_a_nonce_is_used_once(void **state)
{
    (void)state;
    enum { MANY = 500, NONCE_AT = 1, NONCE_BYTES = 24 };
    static char seen[MANY][NONCE_BYTES];
    struct vault *vault = vault_of(1);
    for (size_t i = 0; i < MANY; i++) {
        CLEANUP(buf_deinit) struct buf sealed = {0};
        vault_seal(vault, STR("aad"), STR("token"), &sealed);
        memcpy(seen[i], sealed.data + NONCE_AT, NONCE_BYTES);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(seen[i], seen[j], NONCE_BYTES);
    }
    vault_free(vault);
}

static void test_keys_are_parsed(void **state)
{
    (void)state;
#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    static const struct {
        const char *name;
        struct str content;
        enum status status;
    } rows[] = {
        {"raw",
         STR_INIT("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11"
                  "\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"),
         STATUS_OK},
        {"hex", STR_INIT(HEX), STATUS_OK},
        {"hex and a newline", STR_INIT(HEX "\n"), STATUS_OK},
        {"hex with white space around it", STR_INIT("\n  " HEX " \r\n"), STATUS_OK},
        {"base64", STR_INIT(BASE64), STATUS_OK},
        {"base64 and a newline", STR_INIT(BASE64 "\n"), STATUS_OK},
        {"nothing", STR_INIT(""), STATUS_INVALID},
        {"10 bytes of hex", STR_INIT("00010203040506070809"), STATUS_INVALID},
        {"hex with another letter", STR_INIT("g" HEX), STATUS_INVALID},
        {"base64 of 33 bytes", STR_INIT("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"),
         STATUS_INVALID},
        {"33 raw bytes", STR_INIT("0123456789abcdef0123456789abcdef!"), STATUS_INVALID},
    };
    uint8_t expected[VAULT_KEY_BYTES];
    for (size_t i = 0; i < sizeof(expected); i++)
        expected[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t key[VAULT_KEY_BYTES] = {0};
        struct error err = {0};
        if (vault_parse_key(rows[i].content, key, &err) != rows[i].status)
            fail_msg("%s: %s", rows[i].name, err.text);
        char found[16];
        snprintf(found, sizeof(found), "%zu bytes", rows[i].content.len);
        if (rows[i].status == STATUS_OK)
            assert_memory_equal(key, expected, sizeof(key));
        else if (!str_contains(str_c(err.text), str_c(found)))
            fail_msg("%s: %s", rows[i].name, err.text);
    }
}

static void test_parts_do_not_run_together(void **state)
{
    (void)state;
    const struct str one[] = {STR("ab"), STR("c")}, two[] = {STR("a"), STR("bc")},
                     three[] = {STR("abc")}, four[] = {STR("ab"), STR("c"), STR("")};
    CLEANUP(buf_deinit) struct buf a = {0};
    CLEANUP(buf_deinit) struct buf b = {0};
    CLEANUP(buf_deinit) struct buf c = {0};
    CLEANUP(buf_deinit) struct buf d = {0};
    vault_aad(&a, one, 2);
    vault_aad(&b, two, 2);
    vault_aad(&c, three, 1);
    vault_aad(&d, four, 3);
    assert_true(str_eq(buf_str(&a), STR("ab\0c\0")));
    assert_false(str_eq(buf_str(&a), buf_str(&b)));
    assert_false(str_eq(buf_str(&a), buf_str(&c)));
    assert_false(str_eq(buf_str(&a), buf_str(&d)));
}

static void test_prints(void **state)
{
    (void)state;
    struct vault *one = vault_of(1), *two = vault_of(2);
    uint8_t a[VAULT_PRINT_BYTES], again[VAULT_PRINT_BYTES], b[VAULT_PRINT_BYTES],
        other[VAULT_PRINT_BYTES];
    vault_print(one, STR("token"), a);
    vault_print(one, STR("token"), again);
    vault_print(one, STR("tokem"), b);
    vault_print(two, STR("token"), other);
    assert_memory_equal(a, again, sizeof(a));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, other, sizeof(a));
    vault_free(one);
    vault_free(two);
}

static void test_key_checks(void **state)
{
    (void)state;
    struct vault *one = vault_of(1), *two = vault_of(2);
    CLEANUP(buf_deinit) struct buf check = {0};
    vault_key_check_make(one, STR("store-1"), &check);
    const struct {
        const char *name;
        const struct vault *vault;
        struct str store, check;
        enum status status;
    } rows[] = {
        {"the same key", one, STR("store-1"), buf_str(&check), STATUS_OK},
        {"another key", two, STR("store-1"), buf_str(&check), STATUS_INVALID},
        {"another store", one, STR("store-2"), buf_str(&check), STATUS_INVALID},
        {"no check", one, STR("store-1"), STR_NONE, STATUS_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (vault_key_check(rows[i].vault, rows[i].store, rows[i].check) != rows[i].status)
            fail_msg("%s", rows[i].name);
    }
    vault_free(one);
    vault_free(two);
    vault_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sealed_opens),
        cmocka_unit_test(test_no_byte_can_be_changed),
        cmocka_unit_test(test_what_does_not_open),
        cmocka_unit_test(test_a_nonce_is_used_once),
        cmocka_unit_test(test_keys_are_parsed),
        cmocka_unit_test(test_parts_do_not_run_together),
        cmocka_unit_test(test_prints),
        cmocka_unit_test(test_key_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
