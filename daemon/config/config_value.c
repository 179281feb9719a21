#include "config/config_value.h"

#include "common/time_text.h"

#include <inttypes.h>
#include <string.h>

enum { LIST_ITEMS_MAX = 64 };

/** The key's field; the table says of what type it is. */
static void *field_of(const struct config_key *key, struct config *config)
{
    return (char *)config + key->offset;
}

static const char *span_text(int64_t ms, char text[TIME_SPAN_SIZE])
{
    time_text_span(ms, text);
    return text;
}

void config_value_range(const struct config_key *key, struct buf *out)
{
    char min[TIME_SPAN_SIZE], max[TIME_SPAN_SIZE];
    switch (key->type) {
    case CONFIG_TEXT:
        buf_printf(out, "a text of %" PRId64 " to %" PRId64 " bytes without blanks", key->min,
                   key->max);
        return;
    case CONFIG_PATH:
        buf_append(out, STR("an absolute path"));
        if (key->max < 4000)
            buf_printf(out, " of at most %" PRId64 " bytes", key->max);
        return;
    case CONFIG_BOOL:
        buf_append(out, STR("yes or no"));
        return;
    case CONFIG_INTEGER:
        buf_printf(out, "a number from %" PRId64 " to %" PRId64, key->min, key->max);
        return;
    case CONFIG_MODE:
        buf_printf(out, "an octal mode from 0000 to %04" PRIo64, (uint64_t)key->max);
        return;
    case CONFIG_SPAN:
        buf_printf(out, "a span from %s to %s", span_text(key->min, min), span_text(key->max, max));
        return;
    case CONFIG_SPANS:
        buf_printf(out, "spans from %s to %s with commas between", span_text(key->min, min),
                   span_text(key->max, max));
        return;
    case CONFIG_SHARE:
        buf_printf(out, "a share from %" PRId64 "%% to %" PRId64 "%%", key->min / 10,
                   key->max / 10);
        return;
    case CONFIG_LOG_LEVEL:
        buf_append(out, STR("error, warning, notice, info or debug"));
        return;
    case CONFIG_NAMES:
        buf_append(out, STR("users and @groups with blanks or commas between"));
        return;
    case CONFIG_STORE_URL:
    case CONFIG_REDIS_URL:
    case CONFIG_PROXY_URL:
    case CONFIG_LISTEN:
        return;
    }
}

static bool in_range(const struct config_key *key, int64_t number)
{
    return number >= key->min && number <= key->max;
}

/** One word: what goes into names, keys and log lines. */
static bool parse_text(const struct config_key *key, struct str text, struct config *config)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return false;
    }
    /* Quotes mean nothing here, and nobody names something so. */
    if (text.len >= 2 && strchr("\"'", text.data[0]) != NULL &&
        text.data[text.len - 1] == text.data[0])
        return false;
    *(struct str *)field_of(key, config) = arena_copy(&config->arena, text);
    return in_range(key, (int64_t)text.len) && str_is_utf8(text);
}

static bool parse_path(const struct config_key *key, struct str text, struct config *config)
{
    *(struct str *)field_of(key, config) = arena_copy(&config->arena, text);
    return str_starts_with(text, STR("/")) && in_range(key, (int64_t)text.len);
}

static bool parse_bool(struct str text, bool *ret)
{
    static const char *const words[][2] = {
        {"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (size_t truth = 0; truth < 2; truth++) {
            if (str_eq_nocase(text, str_c(words[i][truth]))) {
                *ret = truth == 1;
                return true;
            }
        }
    }
    return false;
}

static bool parse_mode(const struct config_key *key, struct str text, int64_t *ret)
{
    int64_t mode = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '7')
            return false;
        mode = mode * 8 + (text.data[i] - '0');
    }
    *ret = mode;
    return text.len > 0 && text.len <= 5 && in_range(key, mode);
}

static bool parse_span(const struct config_key *key, struct str text, int64_t *ret)
{
    return time_text_parse_span(text, ret) == STATUS_OK && in_range(key, *ret);
}

static bool parse_spans(const struct config_key *key, struct str text, struct config *config)
{
    struct config_spans spans = {0};
    spans.items_ms = arena_alloc(&config->arena, LIST_ITEMS_MAX * sizeof(*spans.items_ms));
    struct str word;
    while (str_next_word(&text, STR(","), &word)) {
        if (spans.count == LIST_ITEMS_MAX ||
            !parse_span(key, str_trim(word), &spans.items_ms[spans.count++]))
            return false;
    }
    *(struct config_spans *)field_of(key, config) = spans;
    return spans.count > 0;
}

/** "10%", "2.5%". */
static bool parse_share(const struct config_key *key, struct str text, int64_t *ret)
{
    if (!str_ends_with(text, STR("%")))
        return false;
    struct str number = str_trim(str_slice(text, 0, text.len - 1));
    size_t point = str_find_byte(number, '.');
    struct str tenths = str_slice(number, point + 1, number.len);
    uint64_t whole, part = 0;
    if (str_to_u64(str_slice(number, 0, point), &whole) != STATUS_OK || whole > 100)
        return false;
    if (point < number.len && (tenths.len != 1 || str_to_u64(tenths, &part) != STATUS_OK))
        return false;
    *ret = (int64_t)(whole * 10 + part);
    return in_range(key, *ret);
}

/** As useradd(8) lets names be, and then some; "@" before a group's. */
static bool is_name(struct str word)
{
    if (str_starts_with(word, STR("@")))
        word = str_slice(word, 1, word.len);
    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.data[i];
        if (c <= ' ' || c == 0x7f || strchr("@:/\\\"'$", c) != NULL)
            return false;
    }
    return word.len > 0 && word.len <= 64 && word.data[0] != '-';
}

static bool parse_names(const struct config_key *key, struct str text, struct config *config)
{
    struct config_names names = {0};
    names.items = arena_alloc(&config->arena, LIST_ITEMS_MAX * sizeof(*names.items));
    struct str word;
    while (str_next_word(&text, STR(" \t,"), &word)) {
        if (names.count == LIST_ITEMS_MAX || !is_name(word))
            return false;
        names.items[names.count++] = arena_copy(&config->arena, word);
    }
    *(struct config_names *)field_of(key, config) = names;
    return names.count > 0;
}

static bool parse_integer(const struct config_key *key, struct str text, int64_t *ret)
{
    return str_to_i64(text, ret) == STATUS_OK && in_range(key, *ret);
}

static enum status parse_proxy(struct str text, struct config *config, struct str *ret,
                               struct error *err)
{
    if (config_proxy_check(text, err) != STATUS_OK)
        return STATUS_INVALID;
    *ret = arena_copy(&config->arena, text);
    return STATUS_OK;
}

/** @ret_fits for types whose range config_value_range() tells */
static enum status parse_by_type(const struct config_key *key, struct str text,
                                 struct config *config, bool *ret_fits, struct error *err)
{
    void *field = field_of(key, config);
    switch (key->type) {
    case CONFIG_TEXT:
        *ret_fits = parse_text(key, text, config);
        return STATUS_OK;
    case CONFIG_PATH:
        *ret_fits = parse_path(key, text, config);
        return STATUS_OK;
    case CONFIG_BOOL:
        *ret_fits = parse_bool(text, field);
        return STATUS_OK;
    case CONFIG_INTEGER:
        *ret_fits = parse_integer(key, text, field);
        return STATUS_OK;
    case CONFIG_MODE:
        *ret_fits = parse_mode(key, text, field);
        return STATUS_OK;
    case CONFIG_SPAN:
        *ret_fits = parse_span(key, text, field);
        return STATUS_OK;
    case CONFIG_SPANS:
        *ret_fits = parse_spans(key, text, config);
        return STATUS_OK;
    case CONFIG_SHARE:
        *ret_fits = parse_share(key, text, field);
        return STATUS_OK;
    case CONFIG_LOG_LEVEL:
        *ret_fits = log_level_parse(text, field) == STATUS_OK;
        return STATUS_OK;
    case CONFIG_NAMES:
        *ret_fits = parse_names(key, text, config);
        return STATUS_OK;
    case CONFIG_STORE_URL:
        return config_store_url_parse(text, &config->arena, field, err);
    case CONFIG_REDIS_URL:
        return config_redis_url_parse(text, &config->arena, field, err);
    case CONFIG_PROXY_URL:
        return parse_proxy(text, config, field, err);
    case CONFIG_LISTEN:
        return config_listen_parse(text, &config->arena, field, err);
    }
    return STATUS_INVALID;
}

enum status config_value_parse(const struct config_key *key, struct str text, struct config *config,
                               struct error *err)
{
    if (text.len == 0 && key->value == NULL)
        return STATUS_OK;
    bool fits = true;
    enum status status = parse_by_type(key, text, config, &fits, err);
    if (status != STATUS_OK || fits)
        return status;
    CLEANUP(buf_deinit) struct buf range = {0};
    config_value_range(key, &range);
    return error_set(err, STATUS_INVALID, "%s", buf_c(&range));
}
