/* The Prometheus text, read back by the rules of the exposition format 0.0.4 and of `promtool check
 * metrics`: every family has HELP and TYPE before its samples and stands together, counters end in
 * _total, units are base units, histograms add up. */
#include "metrics/metrics.h"

#include "unit/common/rows.h"

#include <stdio.h>

struct bucket_row {
    const char *name;
    int64_t value_ms;
    size_t bucket;
    int64_t sum_ms;
};

static const struct bucket_row bucket_rows[] = {
    {"nothing", 0, 0, 0},
    {"less than nothing counts as nothing", -5, 0, 0},
    {"a bound belongs to its bucket", 1, 0, 1},
    {"past it is the next", 2, 1, 2},
    {"in between", 3, 2, 3},
    {"the last bound", 10000, 12, 10000},
    {"past all bounds", 10001, 13, 10001},
    {"a day", 86400000, 13, 86400000},
};

static void check_bucket(void **state)
{
    const struct bucket_row *row = *state;
    struct histogram histogram = {0};
    histogram_add(&histogram, row->value_ms);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        assert_int_equal(histogram.buckets[i], i == row->bucket);
    assert_int_equal(histogram.count, 1);
    assert_int_equal(histogram.sum_ms, row->sum_ms);
}

static void write_all(struct buf *out)
{
    struct metrics metrics = {.refreshes = {[OUTCOME_REFRESHED] = 41, [OUTCOME_GRANT_DEAD] = 2},
                              .token_calls = 7,
                              .answers_rescued = 3};
    histogram_add(&metrics.token_request_ms, 3);
    histogram_add(&metrics.token_request_ms, 700);
    histogram_add(&metrics.token_request_ms, 60000);
    struct metrics_gauges gauges = {.connectors = 5,
                                    .connections = {[STATE_ACTIVE] = 90},
                                    .outbox_lag_ms = 1500,
                                    .started_wall_ms = INT64_C(1800000000123),
                                    .store_writable = true,
                                    .version = "1.2.3"};
    metrics_write(&metrics, &gauges, out);
}

struct sample_row {
    const char *name; /* the line itself */
};

static const struct sample_row sample_rows[] = {
    {"refreshd_build_info{version=\"1.2.3\"} 1"},
    {"refreshd_start_time_seconds 1800000000.123"},
    {"refreshd_connectors 5"},
    {"refreshd_connections{state=\"active\"} 90"},
    {"refreshd_connections{state=\"needs_reconnect\"} 0"},
    {"refreshd_refreshes_total{outcome=\"refreshed\"} 41"},
    {"refreshd_refreshes_total{outcome=\"grant_dead\"} 2"},
    {"refreshd_refreshes_total{outcome=\"malformed\"} 0"},
    {"refreshd_token_request_seconds_bucket{le=\"0.002\"} 0"},
    {"refreshd_token_request_seconds_bucket{le=\"0.005\"} 1"},
    {"refreshd_token_request_seconds_bucket{le=\"1.000\"} 2"},
    {"refreshd_token_request_seconds_bucket{le=\"+Inf\"} 3"},
    {"refreshd_token_request_seconds_sum 60.703"},
    {"refreshd_token_request_seconds_count 3"},
    {"refreshd_token_calls_total 7"},
    {"refreshd_answers_rescued_total 3"},
    {"refreshd_store_writable 1"},
    {"refreshd_redis_connected 0"},
    {"refreshd_outbox_age_seconds 1.500"},
};

static void check_sample(void **state)
{
    const struct sample_row *row = *state;
    CLEANUP(buf_deinit) struct buf text = {0};
    write_all(&text);
    char whole[128];
    int len = snprintf(whole, sizeof(whole), "\n%s\n", row->name);
    assert_true(str_contains(buf_str(&text), (struct str){.data = whole, .len = (size_t)len}));
}

/* ---- the format ---- */

struct family {
    struct str name, type;
    bool has_help, has_samples;
};

struct reading {
    struct family families[64];
    size_t count;
};

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || c == '_';
        if (!is_letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.len > 0;
}

static struct family *family_find(struct reading *reading, struct str name)
{
    for (size_t i = 0; i < reading->count; i++) {
        if (str_eq(reading->families[i].name, name))
            return &reading->families[i];
    }
    return NULL;
}

static void read_help(struct reading *reading, struct str name, struct str help)
{
    assert_null(family_find(reading, name)); /* said once, and the samples stand together */
    assert_true(is_name(name));
    assert_true(str_starts_with(name, STR("refreshd_")));
    assert_false(str_is_empty(help));
    assert_true(reading->count < ARRAY_LEN(reading->families));
    reading->families[reading->count++] = (struct family){.name = name, .has_help = true};
}

static void read_type(struct reading *reading, struct str name, struct str type)
{
    struct family *family = &reading->families[reading->count - 1];
    assert_str_is(family->name, name);
    assert_false(family->has_samples);
    family->type = type;
    bool is_counter = str_eq(type, STR("counter"));
    assert_true(is_counter || str_eq(type, STR("gauge")) || str_eq(type, STR("histogram")));
    assert_int_equal(str_ends_with(name, STR("_total")), is_counter);
    static const char *const endings[] = {"_count", "_sum", "_bucket", "_ms", "_info_total"};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        assert_false(str_ends_with(name, str_c(endings[i])));
    if (str_eq(type, STR("histogram")))
        assert_true(str_ends_with(name, STR("_seconds")));
}

static void read_sample(struct reading *reading, struct str line)
{
    assert_true(reading->count > 0);
    struct family *family = &reading->families[reading->count - 1];
    assert_true(str_is_set(family->type));
    size_t end = MIN_OF(str_find_byte(line, '{'), str_find_byte(line, ' '));
    struct str name = str_slice(line, 0, end);
    if (str_eq(family->type, STR("histogram"))) {
        assert_true(str_starts_with(name, family->name));
        struct str ending = str_slice(name, family->name.len, SIZE_MAX);
        assert_true(str_eq(ending, STR("_bucket")) || str_eq(ending, STR("_sum")) ||
                    str_eq(ending, STR("_count")));
    } else {
        assert_str_is(name, family->name);
    }
    struct str value = str_slice(line, str_find_byte(line, ' ') + 1, SIZE_MAX);
    assert_false(str_is_empty(value));
    for (size_t i = 0; i < value.len; i++)
        assert_true((value.data[i] >= '0' && value.data[i] <= '9') || value.data[i] == '.');
    family->has_samples = true;
}

static void read_line(struct reading *reading, struct str line)
{
    struct str rest = line, sharp, keyword, name;
    if (!str_starts_with(line, STR("#"))) {
        read_sample(reading, line);
        return;
    }
    assert_true(str_next_word(&rest, STR(" "), &sharp));
    assert_true(str_next_word(&rest, STR(" "), &keyword));
    assert_true(str_next_word(&rest, STR(" "), &name));
    if (str_eq(keyword, STR("HELP"))) {
        read_help(reading, name, str_trim(rest));
    } else {
        assert_str_is(keyword, STR("TYPE"));
        read_type(reading, name, str_trim(rest));
    }
}

static void test_format(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf text = {0};
    write_all(&text);
    assert_true(str_ends_with(buf_str(&text), STR("\n")));
    assert_false(str_contains(buf_str(&text), STR("\n\n")));
    struct reading reading = {0};
    struct str rest = buf_str(&text), line;
    while (str_next_word(&rest, STR("\n"), &line))
        read_line(&reading, line);
    assert_true(reading.count > 20);
    for (size_t i = 0; i < reading.count; i++)
        assert_true(reading.families[i].has_samples);
}

static void test_nothing_negative(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf text = {0};
    struct metrics metrics = {0};
    struct metrics_gauges gauges = {.outbox_lag_ms = -1500, .version = "1"};
    metrics_write(&metrics, &gauges, &text);
    assert_true(str_contains(buf_str(&text), STR("\nrefreshd_outbox_age_seconds 0.000\n")));
}

static void test_content_type(void **state)
{
    (void)state;
    assert_string_equal(metrics_content_type(), "text/plain; version=0.0.4; charset=utf-8");
    assert_true(strlen(metrics_content_type()) < METRICS_CONTENT_TYPE_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_nothing_negative),
        cmocka_unit_test(test_content_type),
    };
    int failed = RUN_ROWS(bucket_rows, check_bucket);
    failed += RUN_ROWS(sample_rows, check_sample);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
