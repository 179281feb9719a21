/* The publisher against a real redis-server: what a batch does, and where it refuses to. */
#include "unit/io/publish_redis_bed.h"

static int set_up(void **state)
{
    struct bed *bed = malloc(sizeof(*bed));
    bed_start(bed, NULL);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    bed_stop(*state);
    free(*state);
    return 0;
}

static void a_batch_lands(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_publish(bed, 0, 1, 3), STATUS_OK);
    assert_string_equal(bed_stream(bed), "1-0 2-0 3-0");
    assert_string_equal(bed_say(bed, "XRANGE t:events 2-0 2-0"),
                        "2-0 type connection.needs_reconnect subject c-1 event {\"id\":\"2\"}");
    assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), "c-3 {\"id\":\"3\"}");
    assert_string_equal(bed_say(bed, "GET t:log"), "log-a 3");
}

/* Where Redis stands, what is sent, how it ends and what Redis holds then. bed_events() says what
 * the events are: 1 sets c-1, 2 deletes it, 3 sets c-3 … */
struct row {
    const char *name;
    const char *before[5];
    enum publish_kind kind;
    int64_t expected, from, to;
    const char *first_type; /* NULL: like the others */
    enum status status;
    const char *stream, *log, *hash;
};

#define TWO_LANDED \
    "XADD t:events 1-0 a b", "XADD t:events 2-0 a b", "SET t:log log-a\\_2"

static const struct row rows[] = {
    {"first batch ever", {NULL}, PUBLISH_EVENTS, 0, 1, 3, NULL, STATUS_OK, "1-0 2-0 3-0",
     "log-a 3", "c-3 {\"id\":\"3\"}"},
    {"first batch, older events expired", {NULL}, PUBLISH_EVENTS, 0, 51, 52, NULL, STATUS_OK,
     "51-0 52-0", "log-a 52", ""},
    {"no events", {NULL}, PUBLISH_EVENTS, 0, 1, 0, NULL, STATUS_OK, "", "log-a 0", ""},
    {"the next one", {TWO_LANDED}, PUBLISH_EVENTS, 2, 3, 4, NULL, STATUS_OK,
     "1-0 2-0 3-0 4-0", "log-a 4", ""},
    {"the same again, its answer was lost", {TWO_LANDED}, PUBLISH_EVENTS, 0, 1, 2, NULL,
     STATUS_CONFLICT, "1-0 2-0", "log-a 2", ""},
    {"one is missing in between", {TWO_LANDED}, PUBLISH_EVENTS, 3, 4, 5, NULL, STATUS_CONFLICT,
     "1-0 2-0", "log-a 2", ""},
    {"stopped before the first XADD", {TWO_LANDED, "HSET t:needs_reconnect c-3 old"},
     PUBLISH_EVENTS, 2, 3, 3, NULL, STATUS_OK, "1-0 2-0 3-0", "log-a 3", "c-3 {\"id\":\"3\"}"},
    {"stopped between two XADDs", {TWO_LANDED, "XADD t:events 3-0 a b"}, PUBLISH_EVENTS, 2, 3, 5,
     NULL, STATUS_OK, "1-0 2-0 3-0 4-0 5-0", "log-a 5", "c-5 {\"id\":\"5\"}"},
    {"stopped before the last SET",
     {TWO_LANDED, "XADD t:events 3-0 a b", "XADD t:events 4-0 a b"}, PUBLISH_EVENTS, 2, 3, 4, NULL,
     STATUS_OK, "1-0 2-0 3-0 4-0", "log-a 4", ""},
    {"stopped, and less is sent again",
     {TWO_LANDED, "XADD t:events 3-0 a b", "XADD t:events 4-0 a b"}, PUBLISH_EVENTS, 2, 3, 3, NULL,
     STATUS_CONFLICT, "1-0 2-0 3-0 4-0", "log-a 2", ""},
    {"stopped, and it goes on behind",
     {TWO_LANDED, "XADD t:events 3-0 a b"}, PUBLISH_EVENTS, 3, 4, 5, NULL, STATUS_OK,
     "1-0 2-0 3-0 4-0 5-0", "log-a 5", "c-5 {\"id\":\"5\"}"},
    {"stopped at taking over", {"SET t:log log-a\\_0"}, PUBLISH_EVENTS, 0, 1, 2, NULL, STATUS_OK,
     "1-0 2-0", "log-a 2", ""},
    {"trimmed to nothing", {TWO_LANDED, "XTRIM t:events MAXLEN 0"}, PUBLISH_EVENTS, 2, 3, 3, NULL,
     STATUS_OK, "3-0", "log-a 3", "c-3 {\"id\":\"3\"}"},
    {"entries deleted one by one", {TWO_LANDED, "XDEL t:events 1-0 2-0"}, PUBLISH_EVENTS, 2, 3, 3,
     NULL, STATUS_OK, "3-0", "log-a 3", "c-3 {\"id\":\"3\"}"},
    {"stream deleted", {TWO_LANDED, "DEL t:events"}, PUBLISH_EVENTS, 2, 3, 3, NULL,
     STATUS_CONFLICT, "", "log-a 2", ""},
    {"stream deleted, nothing to refill", {TWO_LANDED, "DEL t:events"}, PUBLISH_EVENTS, 0, 3, 3,
     NULL, STATUS_OK, "3-0", "log-a 3", "c-3 {\"id\":\"3\"}"},
    {"all deleted", {NULL}, PUBLISH_EVENTS, 2, 3, 3, NULL, STATUS_CONFLICT, "", "nil", ""},
    {"log deleted", {TWO_LANDED, "DEL t:log"}, PUBLISH_EVENTS, 2, 3, 3, NULL, STATUS_OK,
     "1-0 2-0 3-0", "log-a 3", "c-3 {\"id\":\"3\"}"},
    {"another log", {"XADD t:events 2-0 a b", "SET t:log log-b\\_2"}, PUBLISH_EVENTS, 2, 3, 3,
     NULL, STATUS_CONFLICT, "2-0", "log-b 2", ""},
    {"another log, restarted", {"XADD t:events 2-0 a b", "SET t:log log-b\\_2"}, PUBLISH_EVENTS, 2,
     3, 5, "log.restarted", STATUS_OK, "2-0 3-0 4-0 5-0", "log-a 5", "c-5 {\"id\":\"5\"}"},
    {"another log, restarted behind too little",
     {"XADD t:events 2-0 a b", "SET t:log log-b\\_2"}, PUBLISH_EVENTS, 1, 3, 3, "log.restarted",
     STATUS_CONFLICT, "2-0", "log-b 2", ""},
    {"no log that anybody wrote", {"SET t:log hello"}, PUBLISH_EVENTS, 0, 1, 1, NULL,
     STATUS_CONFLICT, "", "hello", ""},
    {"somebody added an entry", {TWO_LANDED, "XADD t:events 100-7 a b"}, PUBLISH_EVENTS, 2, 3, 3,
     NULL, STATUS_CONFLICT, "1-0 2-0 100-7", "log-a 2", ""},
    {"behind somebody's entry", {TWO_LANDED, "XADD t:events 100-7 a b"}, PUBLISH_EVENTS, 100, 101,
     101, "log.restarted", STATUS_OK, "1-0 2-0 100-7 101-0", "log-a 101", "c-101 {\"id\":\"101\"}"},
    {"history into nothing", {NULL}, PUBLISH_HISTORY, 0, 1, 3, NULL, STATUS_OK, "1-0 2-0 3-0",
     "log-a 3", ""},
    {"history goes on", {TWO_LANDED}, PUBLISH_HISTORY, 2, 3, 3, NULL, STATUS_OK, "1-0 2-0 3-0",
     "log-a 3", ""},
    {"history stopped between two XADDs", {TWO_LANDED, "XADD t:events 3-0 a b"}, PUBLISH_HISTORY,
     2, 3, 4, NULL, STATUS_OK, "1-0 2-0 3-0 4-0", "log-a 4", ""},
    {"history into a deleted stream", {TWO_LANDED, "DEL t:events"}, PUBLISH_HISTORY, 0, 1, 2, NULL,
     STATUS_OK, "1-0 2-0", "log-a 2", ""},
    {"history into another log", {"XADD t:events 2-0 a b", "SET t:log log-b\\_2"},
     PUBLISH_HISTORY, 2, 3, 3, NULL, STATUS_CONFLICT, "2-0", "log-b 2", ""},
};

/** "\_" stands for a blank inside a word. */
static void prepare(struct bed *bed, const char *const *commands)
{
    bed_say(bed, "FLUSHALL");
    for (size_t i = 0; i < 5 && commands[i] != NULL; i++) {
        const char *blank = strstr(commands[i], "\\_");
        if (blank == NULL)
            bed_say(bed, commands[i]);
        else
            bed_say(bed, "SET t:log %b", commands[i] + strlen("SET t:log "),
                    strlen(commands[i]) - strlen("SET t:log "));
    }
}

static void fix_blank(struct bed *bed)
{
    char log[64];
    str_copy_cut(str_c(bed_say(bed, "GET t:log")), log, sizeof(log));
    char *blank = strstr(log, "\\_");
    if (blank == NULL)
        return;
    *blank = ' ';
    memmove(blank + 1, blank + 2, strlen(blank + 2) + 1);
    bed_say(bed, "SET t:log %s", log);
}

static void batches_follow_or_conflict(void **state)
{
    struct bed *bed = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        print_message("  %s\n", row->name);
        prepare(bed, row->before);
        fix_blank(bed);
        struct publish_request *request =
            bed_events(row->kind, row->expected, row->from, row->to);
        if (row->first_type != NULL)
            request->events[0].type = str_c(row->first_type);
        assert_int_equal(bed_ask(bed, request), row->status);
        publish_request_free(request);
        assert_string_equal(bed_stream(bed), row->stream);
        assert_string_equal(bed_say(bed, "GET t:log"), row->log);
        assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), row->hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_lands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batches_follow_or_conflict, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
