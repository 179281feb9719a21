#include "common/encoding.h"

#include "rows.h"

struct coding_row {
    const char *name;
    struct str plain, hex, base64, base64url, form, uri;
};

/* Base64 of "f" to "foobar" and "" is RFC 4648 §10's. */
static const struct coding_row coding_rows[] = {
    {"nothing", STR_INIT(""), STR_INIT(""), STR_INIT(""), STR_INIT(""), STR_INIT(""), STR_INIT("")},
    {"one byte", STR_INIT("f"), STR_INIT("66"), STR_INIT("Zg=="), STR_INIT("Zg"), STR_INIT("f"),
     STR_INIT("f")},
    {"two bytes", STR_INIT("fo"), STR_INIT("666f"), STR_INIT("Zm8="), STR_INIT("Zm8"),
     STR_INIT("fo"), STR_INIT("fo")},
    {"three bytes", STR_INIT("foo"), STR_INIT("666f6f"), STR_INIT("Zm9v"), STR_INIT("Zm9v"),
     STR_INIT("foo"), STR_INIT("foo")},
    {"six bytes", STR_INIT("foobar"), STR_INIT("666f6f626172"), STR_INIT("Zm9vYmFy"),
     STR_INIT("Zm9vYmFy"), STR_INIT("foobar"), STR_INIT("foobar")},
    {"the two letters that differ", STR_INIT("\xfb\xff"), STR_INIT("fbff"), STR_INIT("+/8="),
     STR_INIT("-_8"), STR_INIT("%FB%FF"), STR_INIT("%FB%FF")},
    {"NUL", STR_INIT("\0"), STR_INIT("00"), STR_INIT("AA=="), STR_INIT("AA"), STR_INIT("%00"),
     STR_INIT("%00")},
    {"RFC 6749 appendix B", STR_INIT(" %&+\xc2\xa3\xe2\x82\xac"), STR_INIT("2025262bc2a3e282ac"),
     STR_INIT("ICUmK8Kj4oKs"), STR_INIT("ICUmK8Kj4oKs"), STR_INIT("+%25%26%2B%C2%A3%E2%82%AC"),
     STR_INIT("%20%25%26%2B%C2%A3%E2%82%AC")},
    {"what stays", STR_INIT("*-._~"), STR_INIT("2a2d2e5f7e"), STR_INIT("Ki0uX34="),
     STR_INIT("Ki0uX34"), STR_INIT("*-._%7E"), STR_INIT("%2A-._~")},
};

typedef void encode_fn(struct str, struct buf *);
typedef enum status decode_fn(struct str, struct buf *);

static void assert_encodes(encode_fn *encode, struct str plain, struct str coded)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    buf_append(&out, STR(">"));
    encode(plain, &out);
    assert_str_is(str_slice(buf_str(&out), 1, SIZE_MAX), coded);
}

static void assert_decodes(decode_fn *decode, struct str coded, struct str plain)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    assert_int_equal(decode(coded, &out), STATUS_OK);
    assert_str_is(buf_str(&out), plain);
}

static void check_coding(void **state)
{
    const struct coding_row *row = *state;
    assert_encodes(encoding_hex, row->plain, row->hex);
    assert_encodes(encoding_base64, row->plain, row->base64);
    assert_encodes(encoding_base64url, row->plain, row->base64url);
    assert_encodes(encoding_form, row->plain, row->form);
    assert_encodes(encoding_uri_component, row->plain, row->uri);
    assert_decodes(encoding_unhex, row->hex, row->plain);
    assert_decodes(encoding_unbase64, row->base64, row->plain);
    assert_decodes(encoding_unbase64url, row->base64url, row->plain);
    assert_decodes(encoding_unform, row->form, row->plain);
    assert_decodes(encoding_unform, row->uri, row->plain);
}

struct decode_row {
    const char *name;
    decode_fn *decode;
    struct str input;
    enum status status;
    struct str expected;
};

static const struct decode_row decode_rows[] = {
    {"hex in upper case", encoding_unhex, STR_INIT("FFfe"), STATUS_OK, STR_INIT("\xff\xfe")},
    {"hex of odd length", encoding_unhex, STR_INIT("abc"), STATUS_INVALID, STR_INIT("")},
    {"hex with a stranger", encoding_unhex, STR_INIT("0g"), STATUS_INVALID, STR_INIT("")},
    {"hex with a blank", encoding_unhex, STR_INIT("00 0"), STATUS_INVALID, STR_INIT("")},
    {"base64 without padding", encoding_unbase64, STR_INIT("Zm8"), STATUS_OK, STR_INIT("fo")},
    {"base64url with padding", encoding_unbase64url, STR_INIT("-_8="), STATUS_OK,
     STR_INIT("\xfb\xff")},
    {"base64 with url's letters", encoding_unbase64, STR_INIT("-_8="), STATUS_INVALID,
     STR_INIT("")},
    {"base64url with the others", encoding_unbase64url, STR_INIT("+/8"), STATUS_INVALID,
     STR_INIT("")},
    {"base64 with too much padding", encoding_unbase64, STR_INIT("Zm8=="), STATUS_INVALID,
     STR_INIT("")},
    {"base64 with too little padding", encoding_unbase64, STR_INIT("Zg="), STATUS_INVALID,
     STR_INIT("")},
    {"base64 of one letter", encoding_unbase64, STR_INIT("Z"), STATUS_INVALID, STR_INIT("")},
    {"base64 with bits left over", encoding_unbase64, STR_INIT("Zh=="), STATUS_INVALID,
     STR_INIT("")},
    {"base64 with a line break", encoding_unbase64, STR_INIT("Zm9v\nYmFy"), STATUS_INVALID,
     STR_INIT("")},
    {"form in lower case", encoding_unform, STR_INIT("%c3%a4"), STATUS_OK, STR_INIT("\xc3\xa4")},
    {"form with a cut escape", encoding_unform, STR_INIT("a%4"), STATUS_INVALID, STR_INIT("")},
    {"form with a bare percent", encoding_unform, STR_INIT("a%"), STATUS_INVALID, STR_INIT("")},
    {"form with a wrong escape", encoding_unform, STR_INIT("%zz"), STATUS_INVALID, STR_INIT("")},
};

static void check_decode(void **state)
{
    const struct decode_row *row = *state;
    CLEANUP(buf_deinit) struct buf out = {0};
    buf_append(&out, STR(">"));
    assert_int_equal(row->decode(row->input, &out), row->status);
    assert_str_is(str_slice(buf_str(&out), 1, SIZE_MAX), row->expected);
}

struct printable_row {
    const char *name;
    struct str input;
    size_t max;
    struct str expected;
};

static const struct printable_row printable_rows[] = {
    {"text", STR_INIT("a \xc3\xa4 \xf0\x9f\x98\x80"), 99, STR_INIT("a \xc3\xa4 \xf0\x9f\x98\x80")},
    {"controls", STR_INIT("\n\x1b\x7f"), 99, STR_INIT("\\x0a\\x1b\\x7f")},
    {"C1 controls", STR_INIT("\xc2\x9b"), 99, STR_INIT("\\xc2\\x9b")},
    {"no UTF-8", STR_INIT("a\xff"), 99, STR_INIT("a\\xff")},
    {"cut character", STR_INIT("a\xe2\x82"), 99, STR_INIT("a\\xe2\\x82")},
    {"line separator", STR_INIT("\xe2\x80\xa8"), 99, STR_INIT("\\xe2\\x80\\xa8")},
    {"bidirectional override", STR_INIT("\xe2\x80\xae"), 99, STR_INIT("\\xe2\\x80\\xae")},
    {"bidirectional isolate", STR_INIT("\xe2\x81\xa6"), 99, STR_INIT("\\xe2\\x81\\xa6")},
    {"dash and ellipsis stay", STR_INIT("\xe2\x80\x93\xe2\x80\xa6"), 99,
     STR_INIT("\xe2\x80\x93\xe2\x80\xa6")},
    {"cut between characters", STR_INIT("ab\xe2\x82\xac"), 4, STR_INIT("ab")},
    {"cut between escapes", STR_INIT("\n\n"), 7, STR_INIT("\\x0a")},
    {"nothing fits", STR_INIT("abc"), 0, STR_INIT("")},
    {"absent", {NULL, 0}, 9, STR_INIT("")},
};

static void check_printable(void **state)
{
    const struct printable_row *row = *state;
    CLEANUP(buf_deinit) struct buf out = {0};
    encoding_printable(row->input, row->max, &out);
    assert_str_is(buf_str(&out), row->expected);
}

/** Letters, digits and four others stay (URL Standard, application/x-www-form-urlencoded; RFC 3986
 * §2.3). */
static void each_byte_is_plain_or_not(void **state UNUSED)
{
    static const char alphanumeric[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (int byte = 1; byte < 256; byte++) {
        const char text[1] = {(char)byte};
        const struct str one = {.data = text, .len = 1};
        CLEANUP(buf_deinit) struct buf form = {0};
        CLEANUP(buf_deinit) struct buf uri = {0};
        encoding_form(one, &form);
        encoding_uri_component(one, &uri);
        bool is_alphanumeric = strchr(alphanumeric, byte) != NULL;
        bool stays_in_form = is_alphanumeric || strchr("*-._", byte) != NULL;
        bool stays_in_uri = is_alphanumeric || strchr("-._~", byte) != NULL;
        assert_int_equal(str_eq(buf_str(&form), one), stays_in_form);
        assert_int_equal(str_eq(buf_str(&uri), one), stays_in_uri);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_byte_is_plain_or_not)};
    return RUN_ROWS(coding_rows, check_coding) + RUN_ROWS(decode_rows, check_decode) +
           RUN_ROWS(printable_rows, check_printable) + cmocka_run_group_tests(tests, NULL, NULL);
}
