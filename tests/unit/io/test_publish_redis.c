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
    const char *log, *entries; /* before: t:log and the stream's ids; NULL: there is none */
    const char *also;          /* before: one command more, or NULL */
    enum publish_kind kind;
    int64_t expected, from, to;
    const char *first_type; /* NULL: like the others */
    enum status status;
    const char *stream, *log_then, *hash;
};

#define EVENTS PUBLISH_EVENTS
#define HISTORY PUBLISH_HISTORY
#define RESTARTED "log.restarted"
#define OK STATUS_OK
#define CONFLICT STATUS_CONFLICT
#define C3 "c-3 {\"id\":\"3\"}"
#define C5 "c-5 {\"id\":\"5\"}"

/* clang-format off */
static const struct row rows[] = {
    {"first batch ever", NULL, NULL, NULL,
     EVENTS, 0, 1, 3, NULL, OK, "1-0 2-0 3-0", "log-a 3", C3},
    {"first batch, older events expired", NULL, NULL, NULL,
     EVENTS, 0, 52, 54, NULL, OK, "52-0 53-0 54-0", "log-a 54", ""},
    {"a subscriber was there first", NULL, NULL, "XGROUP CREATE t:events g 0 MKSTREAM",
     EVENTS, 0, 1, 3, NULL, OK, "1-0 2-0 3-0", "log-a 3", C3},
    {"no events", NULL, NULL, NULL,
     EVENTS, 0, 1, 0, NULL, OK, "", "log-a 0", ""},
    {"the next one", "log-a 2", "1-0 2-0", NULL,
     EVENTS, 2, 3, 4, NULL, OK, "1-0 2-0 3-0 4-0", "log-a 4", ""},
    {"the same again, its answer was lost", "log-a 2", "1-0 2-0", NULL,
     EVENTS, 0, 1, 2, NULL, CONFLICT, "1-0 2-0", "log-a 2", ""},
    {"one is missing in between", "log-a 2", "1-0 2-0", NULL,
     EVENTS, 3, 4, 5, NULL, CONFLICT, "1-0 2-0", "log-a 2", ""},
    {"stopped before the first XADD", "log-a 2", "1-0 2-0", "HSET t:needs_reconnect c-3 old",
     EVENTS, 2, 3, 3, NULL, OK, "1-0 2-0 3-0", "log-a 3", C3},
    {"stopped between two XADDs", "log-a 2", "1-0 2-0 3-0", NULL,
     EVENTS, 2, 3, 5, NULL, OK, "1-0 2-0 3-0 4-0 5-0", "log-a 5", C5},
    {"stopped before the last SET", "log-a 2", "1-0 2-0 3-0 4-0", NULL,
     EVENTS, 2, 3, 4, NULL, OK, "1-0 2-0 3-0 4-0", "log-a 4", ""},
    {"stopped, and less is sent again", "log-a 2", "1-0 2-0 3-0 4-0", NULL,
     EVENTS, 2, 3, 3, NULL, CONFLICT, "1-0 2-0 3-0 4-0", "log-a 2", ""},
    {"stopped, and it goes on behind", "log-a 2", "1-0 2-0 3-0", NULL,
     EVENTS, 3, 4, 5, NULL, OK, "1-0 2-0 3-0 4-0 5-0", "log-a 5", C5},
    {"stopped when taking over", "log-a 0", NULL, NULL,
     EVENTS, 0, 1, 2, NULL, OK, "1-0 2-0", "log-a 2", ""},
    {"trimmed to nothing", "log-a 2", "1-0 2-0", "XTRIM t:events MAXLEN 0",
     EVENTS, 2, 3, 3, NULL, OK, "3-0", "log-a 3", C3},
    {"entries deleted one by one", "log-a 2", "1-0 2-0", "XDEL t:events 1-0 2-0",
     EVENTS, 2, 3, 3, NULL, OK, "3-0", "log-a 3", C3},
    {"stream deleted", "log-a 2", NULL, NULL,
     EVENTS, 2, 3, 3, NULL, CONFLICT, "", "log-a 2", ""},
    {"stream deleted, nothing to refill", "log-a 2", NULL, NULL,
     EVENTS, 0, 3, 3, NULL, OK, "3-0", "log-a 3", C3},
    {"all deleted", NULL, NULL, NULL,
     EVENTS, 2, 3, 3, NULL, CONFLICT, "", "nil", ""},
    {"log deleted", NULL, "1-0 2-0", NULL,
     EVENTS, 2, 3, 3, NULL, OK, "1-0 2-0 3-0", "log-a 3", C3},
    {"another log", "log-b 2", "2-0", NULL,
     EVENTS, 2, 3, 3, NULL, CONFLICT, "2-0", "log-b 2", ""},
    {"another log, ours restarted", "log-b 2", "2-0", NULL,
     EVENTS, 2, 3, 5, RESTARTED, OK, "2-0 3-0 4-0 5-0", "log-a 5", C5},
    {"another log, ours restarted far above", "log-b 2", "2-0", NULL,
     EVENTS, 2, 14, 14, RESTARTED, OK, "2-0 14-0", "log-a 14", ""},
    {"another log, ours restarted behind too little", "log-b 2", "2-0", NULL,
     EVENTS, 1, 3, 3, RESTARTED, CONFLICT, "2-0", "log-b 2", ""},
    {"a log that nobody wrote", "hello", NULL, NULL,
     EVENTS, 0, 1, 1, NULL, CONFLICT, "", "hello", ""},
    {"somebody added an entry", "log-a 2", "1-0 2-0 100-7", NULL,
     EVENTS, 2, 3, 3, NULL, CONFLICT, "1-0 2-0 100-7", "log-a 2", ""},
    {"behind somebody's entry", "log-a 2", "1-0 2-0 100-7", NULL,
     EVENTS, 100, 102, 102, RESTARTED, OK, "1-0 2-0 100-7 102-0", "log-a 102", ""},
    {"history into nothing", NULL, NULL, NULL,
     HISTORY, 0, 1, 3, NULL, OK, "1-0 2-0 3-0", "log-a 3", ""},
    {"history goes on", "log-a 2", "1-0 2-0", NULL,
     HISTORY, 2, 3, 3, NULL, OK, "1-0 2-0 3-0", "log-a 3", ""},
    {"history stopped between two XADDs", "log-a 2", "1-0 2-0 3-0", NULL,
     HISTORY, 2, 3, 4, NULL, OK, "1-0 2-0 3-0 4-0", "log-a 4", ""},
    {"history into a deleted stream", "log-a 2", NULL, NULL,
     HISTORY, 0, 1, 2, NULL, OK, "1-0 2-0", "log-a 2", ""},
    {"history into another log", "log-b 2", "2-0", NULL,
     HISTORY, 2, 3, 3, NULL, CONFLICT, "2-0", "log-b 2", ""},
};
/* clang-format on */

static void prepare(struct bed *bed, const struct row *row)
{
    bed_say(bed, "FLUSHALL");
    if (row->log != NULL)
        bed_say(bed, "SET t:log %s", row->log);
    struct str ids = str_c(row->entries), id;
    while (str_next_word(&ids, STR(" "), &id))
        bed_say(bed, "XADD t:events %b a b", id.data, id.len);
    if (row->also != NULL)
        bed_say(bed, row->also);
}

static void batches_follow_or_conflict(void **state)
{
    struct bed *bed = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        print_message("  %s\n", row->name);
        prepare(bed, row);
        struct publish_request *request = bed_events(row->kind, row->expected, row->from, row->to);
        if (row->first_type != NULL)
            request->events[0].type = str_c(row->first_type);
        assert_int_equal(bed_ask(bed, request), row->status);
        publish_request_free(request);
        assert_string_equal(bed_stream(bed), row->stream);
        assert_string_equal(bed_say(bed, "GET t:log"), row->log_then);
        assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), row->hash);
    }
}

/* Where does it stand? */
struct probe_row {
    const char *name, *log, *entries, *also;
    bool known;
    const char *log_id;
    int64_t last, stream_last;
};

static const struct probe_row probes[] = {
    {"nothing", NULL, NULL, NULL, false, "", 0, 0},
    {"ours", "log-a 2", "1-0 2-0", NULL, true, "log-a", 2, 2},
    {"half-way", "log-a 2", "1-0 2-0 3-0", NULL, true, "log-a", 2, 3},
    {"trimmed to nothing", "log-a 2", "1-0 2-0", "XTRIM t:events MAXLEN 0", true, "log-a", 2, 2},
    {"stream deleted", "log-a 2", NULL, NULL, true, "log-a", 2, 0},
    {"log deleted", NULL, "1-0 2-0", NULL, false, "", 0, 2},
    {"another log", "log-b 7", "7-0", NULL, true, "log-b", 7, 7},
    {"a word", "hello", NULL, NULL, true, "hello", 0, 0},
    {"nothing in it", "", NULL, NULL, true, "", 0, 0},
    {"no number", "log-a -7", NULL, NULL, true, "log-a", 0, 0},
    {"long", "a-very-long-log-id-that-nobody-could-have-made 7", NULL, NULL, true,
     "a-very-long-log-id-that-nobody-could-ha", 7, 0},
    {"somebody's entry", "log-a 2", "2-0 1790000000000-3", NULL, true, "log-a", 2, 1790000000000},
};

static void a_probe_tells_where_redis_stands(void **state)
{
    struct bed *bed = *state;
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        const struct probe_row *row = &probes[i];
        print_message("  %s\n", row->name);
        prepare(bed, &(struct row){.log = row->log, .entries = row->entries, .also = row->also});
        struct publish_request *request = publish_request_new(PUBLISH_PROBE);
        assert_int_equal(bed_ask(bed, request), STATUS_OK);
        assert_int_equal(request->remote_known, row->known);
        assert_string_equal(request->remote_log_id, row->log_id);
        assert_int_equal(request->remote_last, row->last);
        assert_int_equal(request->stream_last, row->stream_last);
        publish_request_free(request);
        assert_string_equal(bed_say(bed, "GET t:log"), row->log != NULL ? row->log : "nil");
    }
}

static void a_probe_tells_whether_there_is_a_hash(void **state)
{
    static const struct {
        const char *name, *before;
        enum status status;
        bool exists;
    } hashes[] = {
        {"none", "DEL t:needs_reconnect", STATUS_OK, false},
        {"one", "HSET t:needs_reconnect c-1 {}", STATUS_OK, true},
        {"its last field gone", "HDEL t:needs_reconnect c-1", STATUS_OK, false},
        {"somebody's text", "SET t:needs_reconnect x", STATUS_UNAVAILABLE, false},
    };
    struct bed *bed = *state;
    assert_int_equal(bed_publish(bed, 0, 1, 1), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        print_message("  %s\n", hashes[i].name);
        bed_say(bed, hashes[i].before);
        struct publish_request *request = publish_request_new(PUBLISH_PROBE);
        assert_int_equal(bed_ask(bed, request), hashes[i].status);
        assert_int_equal(request->hash_exists, hashes[i].exists);
        publish_request_free(request);
    }
    assert_string_equal(bed_say(bed, "GET t:needs_reconnect"), "x");
}

static void a_conflict_tells_where_redis_stands(void **state)
{
    struct bed *bed = *state;
    prepare(bed, &(struct row){.log = "log-b 7", .entries = "7-0"});
    struct publish_request *request = bed_events(PUBLISH_EVENTS, 2, 3, 3);
    assert_int_equal(bed_ask(bed, request), STATUS_CONFLICT);
    assert_true(request->remote_known);
    assert_string_equal(request->remote_log_id, "log-b");
    assert_int_equal(request->remote_last, 7);
    assert_int_equal(request->stream_last, 7);
    publish_request_free(request);
}

/** No room above it for anybody's numbers. */
static void an_entry_at_the_end_of_all_ids(void **state)
{
    struct bed *bed = *state;
    bed_say(bed, "XADD t:events 18446744073709551615-0 a b");
    struct publish_request *request = publish_request_new(PUBLISH_PROBE);
    assert_int_equal(bed_ask(bed, request), STATUS_UNAVAILABLE);
    assert_non_null(strstr(request->error.text, "delete the stream"));
    publish_request_free(request);
}

static void batches_may_be_pipelined(void **state)
{
    enum { BATCHES = 100, EACH = 10 };
    struct bed *bed = *state;
    struct publish_request *requests[BATCHES];
    bool done[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
        int64_t before = (int64_t)i * EACH;
        requests[i] = bed_events(PUBLISH_EVENTS, before, before + 1, before + EACH);
        bed_send(bed, requests[i], &done[i]);
    }
    for (int i = 0; i < BATCHES; i++) {
        bed_wait(bed, &done[i]);
        assert_int_equal(requests[i]->status, STATUS_OK);
        publish_request_free(requests[i]);
    }
    assert_string_equal(bed_say(bed, "GET t:log"), "log-a 1000");
    assert_string_equal(bed_say(bed, "XLEN t:events"), "1000");
}

static void a_flushed_script_is_loaded_again(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_publish(bed, 0, 1, 1), STATUS_OK);
    bed_say(bed, "SCRIPT FLUSH");
    struct publish_request *requests[3];
    bool done[3];
    for (int i = 0; i < 3; i++) {
        requests[i] = bed_events(PUBLISH_EVENTS, i + 1, i + 2, i + 2);
        bed_send(bed, requests[i], &done[i]);
    }
    for (int i = 0; i < 3; i++) {
        bed_wait(bed, &done[i]);
        assert_int_equal(requests[i]->status, STATUS_OK);
        publish_request_free(requests[i]);
    }
    assert_string_equal(bed_stream(bed), "1-0 2-0 3-0 4-0");
}

static void the_stream_is_trimmed(void **state)
{
    struct bed *bed = *state;
    for (int64_t last = 0; last < 3000; last += 100)
        assert_int_equal(bed_publish(bed, last, last + 1, last + 100), STATUS_OK);
    int64_t length = atoll(bed_say(bed, "XLEN t:events"));
    assert_in_range(length, 1000, 1200);
}

/* PUBLISH. */

static redisContext *subscribe(struct bed *bed)
{
    redisContext *subscriber = redisConnectUnix(bed->socket);
    freeReplyObject(redisCommand(subscriber, "PSUBSCRIBE t:*"));
    return subscriber;
}

/** What has been said until the server is asked to say "end". */
static const char *heard(struct bed *bed, redisContext *subscriber)
{
    bed_say(bed, "PUBLISH t:end end");
    bed->said[0] = '\0';
    while (strstr(bed->said, "t:end") == NULL) {
        void *message = NULL;
        assert_int_equal(redisGetReply(subscriber, &message), REDIS_OK);
        size_t used = strlen(bed->said);
        const redisReply *reply = message;
        snprintf(bed->said + used, sizeof(bed->said) - used, "%s %s;", reply->element[2]->str,
                 reply->element[3]->str);
        freeReplyObject(message);
    }
    return bed->said;
}

/** One event, so large that a few of them never fit into what lies between us and Redis. */
static struct publish_request *large_batch(int64_t seq)
{
    enum { LARGE = 400 * 1000 };
    struct publish_request *request = bed_events(PUBLISH_EVENTS, seq - 1, seq, seq);
    request->events[0].json =
        arena_printf(&request->arena, "{\"id\":\"%" PRId64 "\",\"x\":\"%0*d\"}", seq, LARGE, 0);
    return request;
}

static long long script_loads(struct bed *bed)
{
    const char *calls = strstr(bed_say(bed, "INFO commandstats"), "cmdstat_script|load:calls=");
    return calls != NULL ? atoll(strchr(calls, '=') + 1) : 0;
}

/** What has been said is whole, once each and in order, up to this number. */
static void assert_heard_up_to(struct bed *bed, redisContext *subscriber, int64_t last)
{
    for (int64_t seq = 1; seq <= last; seq++) {
        void *message = NULL;
        assert_int_equal(redisGetReply(subscriber, &message), REDIS_OK);
        char begin[40];
        snprintf(begin, sizeof(begin), "{\"id\":\"%" PRId64 "\"", seq);
        const redisReply *reply = message;
        assert_memory_equal(reply->element[3]->str, begin, strlen(begin));
        freeReplyObject(message);
    }
    assert_string_equal(heard(bed, subscriber), "t:end end;");
}

/** Batches 1 to 8 are on their way when Redis loses the script, and more are sent as answers come.
 */
static void a_script_flushed_under_a_pipeline_changes_no_order(void **state)
{
    enum { BATCHES = 16, AHEAD = 8 };
    struct bed *bed = *state;
    struct publish_request *requests[BATCHES];
    bool done[BATCHES];
    redisContext *subscriber = subscribe(bed);
    for (int i = 0; i < AHEAD; i++)
        bed_send(bed, requests[i] = large_batch(i + 1), &done[i]);
    bed_wait(bed, &done[0]);
    long long loads = script_loads(bed);
    bed_say(bed, "SCRIPT FLUSH");
    for (int i = 0; i < BATCHES; i++) {
        bed_wait(bed, &done[i]);
        assert_int_equal(requests[i]->status, STATUS_OK);
        publish_request_free(requests[i]);
        if (i + AHEAD < BATCHES)
            bed_send(bed, requests[i + AHEAD] = large_batch(i + AHEAD + 1), &done[i + AHEAD]);
    }
    assert_int_equal(script_loads(bed), loads + 1);
    assert_string_equal(bed_say(bed, "GET t:log"), "log-a 16");
    assert_string_equal(bed_stream(bed), "1-0 2-0 3-0 4-0 5-0 6-0 7-0 8-0 9-0 10-0 11-0 12-0 13-0 "
                                         "14-0 15-0 16-0");
    assert_heard_up_to(bed, subscriber, BATCHES);
    redisFree(subscriber);
}

#define CHANNEL "t:events:connection.needs_reconnect"

static void subscribers_hear_each_event_once(void **state)
{
    struct bed *bed = *state;
    redisContext *subscriber = subscribe(bed);
    assert_int_equal(bed_publish(bed, 0, 1, 2), STATUS_OK);
    assert_int_equal(bed_publish(bed, 0, 1, 2), STATUS_CONFLICT);
    bed_say(bed, "XADD t:events 3-0 a b"); /* a run that stopped before it said anything */
    assert_int_equal(bed_publish(bed, 2, 3, 3), STATUS_OK);
    assert_int_equal(bed_publish_kind(bed, PUBLISH_HISTORY, 3, 4, 4), STATUS_OK);
    assert_string_equal(heard(bed, subscriber),
                        CHANNEL " {\"id\":\"1\"};" CHANNEL " {\"id\":\"2\"};" CHANNEL
                                " {\"id\":\"3\"};t:end end;");
    redisFree(subscriber);
}

/* The hash, made anew. */

static enum status rebuild_step(struct bed *bed, enum publish_kind kind, int64_t from, int64_t to)
{
    return bed_publish_kind(bed, kind, 0, from, to);
}

static void a_rebuilt_hash_replaces_the_old_one(void **state)
{
    struct bed *bed = *state;
    bed_say(bed, "HSET t:needs_reconnect c-9 old");
    bed_say(bed, "HSET t:needs_reconnect:new c-8 unfinished");
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_BEGIN, 1, 0), OK);
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_ADD, 1, 1), OK);
    assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), "c-9 old");
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_ADD, 3, 3), OK);
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_ADD, 1, 0), OK);
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_COMMIT, 1, 0), OK);
    assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), "c-1 {\"id\":\"1\"} " C3);
    assert_string_equal(bed_say(bed, "EXISTS t:needs_reconnect:new"), "0");
}

static void an_empty_rebuilt_hash_removes_the_old_one(void **state)
{
    struct bed *bed = *state;
    bed_say(bed, "HSET t:needs_reconnect c-9 old");
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_BEGIN, 1, 0), OK);
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_COMMIT, 1, 0), OK);
    assert_string_equal(bed_say(bed, "EXISTS t:needs_reconnect"), "0");
}

static void a_hash_is_not_rebuilt_without_its_beginning(void **state)
{
    struct bed *bed = *state;
    bed_say(bed, "HSET t:needs_reconnect c-9 old");
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_ADD, 1, 1), STATUS_UNAVAILABLE);
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_COMMIT, 1, 0), STATUS_UNAVAILABLE);
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_BEGIN, 1, 0), OK);
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_ADD, 1, 1), OK);
    bed_say(bed, "CLIENT KILL TYPE normal SKIPME yes");
    bed_idle(bed, 50);
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_COMMIT, 1, 0), STATUS_UNAVAILABLE);
    assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), "c-9 old");
}

/** Sent without waiting for one another: a failed ADD must still stop the COMMIT. */
static void a_hash_that_lacks_a_part_is_not_taken(void **state)
{
    struct bed *bed = *state;
    bed_say(bed, "HSET t:needs_reconnect c-9 old");
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_BEGIN, 1, 0), OK);
    assert_int_equal(rebuild_step(bed, PUBLISH_HASH_ADD, 1, 1), OK);
    bed_say(bed, "ACL SETUSER default -hset");
    struct publish_request *add = bed_events(PUBLISH_HASH_ADD, 0, 3, 3);
    struct publish_request *commit = bed_events(PUBLISH_HASH_COMMIT, 0, 1, 0);
    bool added, committed;
    bed_send(bed, add, &added);
    bed_send(bed, commit, &committed);
    bed_wait(bed, &committed);
    assert_true(added);
    assert_int_equal(add->status, STATUS_UNAVAILABLE);
    assert_int_equal(commit->status, STATUS_UNAVAILABLE);
    publish_request_free(add);
    publish_request_free(commit);
    assert_string_equal(bed_say(bed, "HGETALL t:needs_reconnect"), "c-9 old");
}

#define WITH_REDIS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REDIS(a_batch_lands),
        WITH_REDIS(batches_follow_or_conflict),
        WITH_REDIS(a_probe_tells_where_redis_stands),
        WITH_REDIS(a_probe_tells_whether_there_is_a_hash),
        WITH_REDIS(a_conflict_tells_where_redis_stands),
        WITH_REDIS(an_entry_at_the_end_of_all_ids),
        WITH_REDIS(batches_may_be_pipelined),
        WITH_REDIS(a_flushed_script_is_loaded_again),
        WITH_REDIS(a_script_flushed_under_a_pipeline_changes_no_order),
        WITH_REDIS(the_stream_is_trimmed),
        WITH_REDIS(subscribers_hear_each_event_once),
        WITH_REDIS(a_rebuilt_hash_replaces_the_old_one),
        WITH_REDIS(an_empty_rebuilt_hash_removes_the_old_one),
        WITH_REDIS(a_hash_is_not_rebuilt_without_its_beginning),
        WITH_REDIS(a_hash_that_lacks_a_part_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
