/* docs/behaviour.md "Rotate", sentence by sentence, and what ten thousand connections make of it;
 * beside what test_setup.c and test_credentials.c hold already. */
#include "common/memory.h"
#include "unit/engine/engine_test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

static void given(struct world *world, int people)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    for (int i = 0; i < people; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
    }
}

static struct world_call *rotate(struct world *world, const char *params)
{
    struct world_call *call = world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",%s}", params);
    assert_done(call);
    return call;
}

static struct world_call *show(struct world *world)
{
    struct world_call *call = world_do(world, RPC_SHOW_CONNECTOR, "{\"connector\":\"gcal\"}");
    assert_done(call);
    return call;
}

#define assert_text(call, path, expected) \
    assert_true(str_eq(world_text((call), (path)), STR(expected)))

static void replace_client(struct world *world, const char *more)
{
    fake_provider_accept(world->provider, "client-new", "n1");
    char params[200];
    snprintf(params, sizeof(params), "\"client_id\":\"client-new\",\"client_secret\":\"n1\"%s",
             more);
    struct world_call *call = rotate(world, params);
    assert_false(json_bool(json_get(call->result, "checked"), true));
    assert_true(str_is_set(world_text(call, "not_checked_because")));
    world_settle(world);
}

static int count_fresh(struct world *world)
{
    int count = 0;
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
        count += c->dead_reason == REASON_NONE && c->expires_ms > world->clock.ms;
    return count;
}

/* ---- what it leaves alone ---- */

static void rotate_moves_no_due_time(void **state)
{
    struct world *world = *state;
    given(world, 3);
    int64_t due_ms[3];
    for (int i = 0; i < 3; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        due_ms[i] = world_connection(world, id)->due_ms;
    }
    rotate(world, "\"client_secret\":\"s2\"");
    world_run(world, MINUTE);
    for (int i = 0; i < 3; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        assert_int_equal(world_connection(world, id)->due_ms, due_ms[i]);
    }
}

static void rotate_never_prints_a_secret_back(void **state)
{
    struct world *world = *state;
    given(world, 1);
    struct world_call *calls[] = {rotate(world, "\"client_secret\":\"s2-very-secret\""),
                                  show(world), world_do(world, RPC_LIST_AUDIT, "{}")};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        CLEANUP(buf_deinit) struct buf text = {0};
        json_write(calls[i]->result, &text);
        assert_false(str_contains(buf_str(&text), STR("s2-very-secret")));
    }
}

/* ---- the swap ---- */

static void a_crash_leaves_the_old_or_the_new(void **state)
{
    static const struct {
        enum fake_write_fate fate;
        int64_t version;
    } rows[] = {
        {FAKE_WRITE_CRASH_BEFORE, 1},
        {FAKE_WRITE_CRASH_AFTER, 2},
        {FAKE_WRITE_UNCERTAIN_NOT_DONE, 2}, /* the version that the row before has made */
        {FAKE_WRITE_UNCERTAIN_DONE, 3},
    };
    struct world *world = *state;
    given(world, 2);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char secret[16];
        snprintf(secret, sizeof(secret), "s%zu", i + 2);
        fake_provider_accept(world->provider, "client-gcal", secret);
        fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_CONNECTORS,
                                                                .fate = rows[i].fate,
                                                                .count = 1});
        world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"%s\"}", secret);
        world_settle(world);
        struct world_call *call = show(world);
        assert_int_equal(world_number(call, "credential_version"), rows[i].version);
        assert_int_equal(json_count(json_get(call->result, "credentials")), rows[i].version);
        assert_text(call, "credentials.0.state", "current");
        assert_events(world, "connector.rotated", "gcal", (size_t)rows[i].version - 1);
    }
    world_run(world, 2 * HOUR);
    assert_int_equal(count_fresh(world), 2);
}

static void a_crash_after_the_check_leaves_the_old(void **state)
{
    struct world *world = *state;
    given(world, 2);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_CONNECTORS,
                                                            .fate = FAKE_WRITE_CRASH_BEFORE,
                                                            .count = 1});
    struct world_call *call = world_do(
        world, RPC_ROTATE, "{\"connector\":\"gcal\",\"client_secret\":\"s2\",\"check\":true}");
    assert_true(call->is_lost);
    world_settle(world);
    assert_int_equal(world_number(show(world), "credential_version"), 1);
    world_run(world, 2 * HOUR);
    assert_int_equal(count_fresh(world), 2);
}

#define CHECKED_ROTATE "{\"connector\":\"gcal\",\"client_secret\":\"s2\",\"check\":true}"

/* The version that it came out with: all that is stored says the same, and it is what is used. */
static int64_t assert_old_or_new(struct world *world)
{
    world_settle(world);
    struct world_call *call = show(world);
    int64_t version = world_number(call, "credential_version");
    assert_in_range(version, 1, 2);
    assert_int_equal(json_count(json_get(call->result, "credentials")), version);
    assert_int_equal(world_number(call, "credentials.0.version"), version);
    assert_text(call, "credentials.0.state", "current");
    if (version == 2)
        assert_text(call, "credentials.1.state", "retiring");
    assert_events(world, "connector.rotated", "gcal", (size_t)version - 1);
    fake_provider_refuse(world->provider, "client-gcal", version == 2 ? "s1" : "s2");
    world_run(world, 3 * HOUR);
    assert_int_equal(count_fresh(world), 3);
    assert_int_equal(fake_provider_rejections(world->provider), 0);
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    return version;
}

/* One world after the other, the process dead at another write of the rotation each time. */
static void a_crash_at_any_write_of_a_checked_rotate_leaves_no_mix(void **state)
{
    static const enum fake_write_fate fates[] = {FAKE_WRITE_CRASH_BEFORE, FAKE_WRITE_CRASH_AFTER};
    (void)state;
    size_t lost = 0, versions[3] = {0};
    for (size_t i = 0; i < ARRAY_LEN(fates) * 8; i++) {
        struct world *world = world_new(i + 1);
        given(world, 3);
        fake_provider_accept(world->provider, "client-gcal", "s2");
        fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_ANY,
                                                                .fate = fates[i % 2],
                                                                .count = 1,
                                                                .skip = (int)(i / 2)});
        lost += world_do(world, RPC_ROTATE, CHECKED_ROTATE)->is_lost;
        fake_store_clear_faults(world->store);
        versions[assert_old_or_new(world)]++;
        world_free(world);
    }
    assert_in_range(lost, 2 * 3, 2 * 8); /* the intent, the answer, the credential */
    assert_true(versions[1] > 0 && versions[2] > 0);
}

/* The same, dead between two turns: what is read and what is on the wire is lost too. */
static void a_crash_at_any_moment_of_a_checked_rotate_leaves_no_mix(void **state)
{
    (void)state;
    size_t versions[3] = {0};
    for (int at_ms = 0; at_ms < 80; at_ms++) {
        struct world *world = world_new(1);
        given(world, 3);
        fake_provider_accept(world->provider, "client-gcal", "s2");
        world_ask(world, RPC_ROTATE, CHECKED_ROTATE);
        world_run(world, at_ms);
        world_crash(world);
        versions[assert_old_or_new(world)]++;
        world_free(world);
    }
    assert_true(versions[1] > 0 && versions[2] > 0);
}

/* ---- keys and secrets ---- */

/* A new P-256 key, as text in JSON. */
static char *new_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    CLEANUP(json_freep) struct json *json = json_new_object();
    json_set_text(json, "private_key", (struct str){.data = data, .len = (size_t)len});
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(json, &text);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return memory_copy_str(str_slice(buf_str(&text), 1, text.len - 2)); /* without its braces */
}

#define PROFILE_WITH(methods)                                           \
    "{\"id\":\"own\",\"token_endpoint\":\"https://own.example/token\"," \
    "\"token_endpoint_auth_methods_supported\":[" methods "]}"

static void a_key_and_a_secret_replace_one_another(void **state)
{
    static const struct {
        const char *methods; /* of the profile, the first the default */
        const char *given;   /* to register; KEY: a key */
        const char *then[2]; /* to rotate */
        enum auth_method wanted[3];
    } rows[] = {
#define SECRET(value) "\"client_secret\":\"" value "\""
#define KEY "key"
        {"\"client_secret_post\"",
         KEY,
         {SECRET("s1"), KEY},
         {AUTH_PRIVATE_KEY_JWT, AUTH_CLIENT_SECRET_POST, AUTH_PRIVATE_KEY_JWT}},
        {"\"private_key_jwt\",\"client_secret_post\"",
         KEY,
         {KEY, SECRET("s1")},
         {AUTH_PRIVATE_KEY_JWT, AUTH_PRIVATE_KEY_JWT, AUTH_CLIENT_SECRET_POST}},
        {"\"client_secret_basic\"",
         SECRET("s1") ",\"auth_method\":\"client_secret_post\"",
         {KEY, SECRET("s2")},
         {AUTH_CLIENT_SECRET_POST, AUTH_PRIVATE_KEY_JWT, AUTH_CLIENT_SECRET_POST}},
        {"\"private_key_jwt\"",
         KEY,
         {SECRET("s1"), SECRET("s2")},
         {AUTH_PRIVATE_KEY_JWT, AUTH_CLIENT_SECRET_BASIC, AUTH_CLIENT_SECRET_BASIC}},
#undef SECRET
#undef KEY
    };
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char id[16];
        snprintf(id, sizeof(id), "own-%zu", i);
        for (size_t step = 0; step < 3; step++) {
            const char *given = step == 0 ? rows[i].given : rows[i].then[step - 1];
            char *key = new_key();
            const char *proof = strcmp(given, "key") == 0 ? key : given;
            assert_done(step == 0
                            ? world_do(world, RPC_REGISTER,
                                       "{\"connector\":\"%s\",\"type\":\"app_user\","
                                       "\"profile\":" PROFILE_WITH(
                                           "%s") ","
                                                 "\"client_id\":\"c\",\"scopes\":[],%s}",
                                       id, rows[i].methods, proof)
                            : world_do(world, RPC_ROTATE, "{\"connector\":\"%s\",%s}", id, proof));
            free(key);
            const struct credential *credential =
                fake_store_credential(world->store, str_c(id), (int64_t)step + 1);
            assert_int_equal(credential->method, rows[i].wanted[step]);
        }
    }
}

static void an_empty_secret_is_refused(void **state)
{
    static const struct {
        const char *params, *path, *expected;
    } rows[] = {
        {"\"client_secret\":\"\"", "client_secret",
         "a secret that is not empty (auth_method client_secret_basic)"},
        {"\"client_secret\":\"\",\"client_id\":\"client-new\"", "client_secret",
         "a secret that is not empty (auth_method client_secret_basic)"},
        {"\"client_id\":\"\"", "client_id", "printable ASCII characters (RFC 6749 A.1)"},
        {"\"check\":true", "client_secret",
         "a new client_secret, private_key, certificate or client_id"},
    };
    struct world *world = *state;
    given(world, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world_call *call =
            world_do(world, RPC_ROTATE, "{\"connector\":\"gcal\",%s}", rows[i].params);
        assert_failed_with(call, "params");
        assert_true(str_eq(json_text(json_get(call->data, "path")), str_c(rows[i].path)));
        assert_true(str_eq(json_text(json_get(call->data, "expected")), str_c(rows[i].expected)));
    }
    assert_int_equal(world_number(show(world), "credential_version"), 1);
    world_run(world, 2 * HOUR);
    assert_int_equal(count_fresh(world), 1);
}

/* ---- the list of credentials ---- */

static const struct credential *stored_credential(struct world *world, int64_t version)
{
    return fake_store_credential(world->store, STR("gcal"), version);
}

static void a_retiring_secret_is_erased_at_the_end_of_its_overlap(void **state)
{
    struct world *world = *state;
    given(world, 1);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    rotate(world, "\"client_secret\":\"s2\",\"overlap_s\":600");
    world_run(world, 9 * MINUTE);
    assert_int_equal(stored_credential(world, 1)->state, CREDENTIAL_RETIRING);
    assert_false(str_is_empty(stored_credential(world, 1)->sealed_secret));
    world_run(world, 2 * MINUTE);
    assert_int_equal(stored_credential(world, 1)->state, CREDENTIAL_RETIRED);
    assert_true(str_is_empty(stored_credential(world, 1)->sealed_secret));
}

static void an_overlap_that_ends_while_it_is_down_ends_all_the_same(void **state)
{
    struct world *world = *state;
    given(world, 1);
    rotate(world, "\"client_secret\":\"s2\",\"overlap_s\":600");
    world_crash(world);
    world->clock.ms += HOUR; /* nobody ran */
    world_settle(world);
    assert_int_equal(stored_credential(world, 1)->state, CREDENTIAL_RETIRED);
    assert_true(str_is_empty(stored_credential(world, 1)->sealed_secret));
}

static void without_an_overlap_the_old_one_goes_at_once(void **state)
{
    struct world *world = *state;
    given(world, 1);
    rotate(world, "\"client_secret\":\"s2\",\"overlap_s\":0");
    assert_int_equal(stored_credential(world, 1)->state, CREDENTIAL_RETIRED);
    assert_true(str_is_empty(stored_credential(world, 1)->sealed_secret));
}

static void many_due_at_once_cost_one_extra_request(void **state)
{
    struct world *world = *state;
    given(world, 200);
    fake_provider_set_latency(world->provider, 500, 0);
    rotate(world, "\"client_secret\":\"s2\""); /* not yet over there */
    world_run(world, 2 * HOUR);
    assert_int_equal(fake_provider_rejections(world->provider), 1);
    assert_int_equal(count_fresh(world), 200);
}

/* ---- blocked ---- */

static void while_blocked_one_is_probed_less_and_less(void **state)
{
    static const int64_t waits_ms[] = {5 * MINUTE,  10 * MINUTE, 20 * MINUTE,
                                       40 * MINUTE, HOUR,        HOUR};
    struct world *world = *state;
    given(world, 5);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    for (int i = 0; i < 120 && world_events(world, "connector.credentials_rejected", NULL) == 0;
         i++)
        world_run(world, MINUTE);
    assert_events(world, "connector.credentials_rejected", "gcal", 1);
    int64_t blocked_ms = fake_store_connector(world->store, STR("gcal"))->rejected_ms;
    int64_t at_ms = blocked_ms;
    for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
        at_ms += waits_ms[i];
        world_run(world, at_ms - 5 * SECOND - world->clock.ms);
        size_t before = fake_provider_rejections(world->provider);
        world_run(world, 10 * SECOND);
        at_ms = world->clock.ms - 5 * SECOND;
        assert_int_equal(fake_provider_rejections(world->provider), before + 1);
    }
}

/* ---- a new client id ---- */

static void each_connection_of_the_old_client_is_told_by_a_sweep(void **state)
{
    struct world *world = *state;
    given(world, 250);
    replace_client(world, "");
    world_run(world, MINUTE);
    assert_events(world, "connection.needs_reconnect", NULL, 250);
    assert_event_text(world, "connection.needs_reconnect", "c-7", "reason", "client_replaced");
    assert_event_text(world, "connection.needs_reconnect", "c-7", "severity", "advisory");
    assert_event_text(world, "connection.needs_reconnect", "c-7", "grant_alive", "true");
    assert_event_text(world, "connection.needs_reconnect", "c-7", "remedy.action", "reconnect");
    struct world_call *call = show(world);
    assert_text(call, "credentials.1.state", "retiring");
    assert_null(json_get(json_at(json_get(call->result, "credentials"), 1), "retires_at"));
    world_run(world, 3 * DAY);
    assert_int_equal(count_fresh(world), 250);
    assert_events(world, "connection.needs_reconnect", NULL, 250);
}

static void the_sweep_of_a_new_client_survives_crashes(void **state)
{
    struct world *world = *state;
    given(world, 950);
    fake_provider_accept(world->provider, "client-new", "n1");
    rotate(world, "\"client_id\":\"client-new\",\"client_secret\":\"n1\"");
    assert_int_equal(world_number(show(world), "sweep.total"), 950);
    for (int i = 0; i < 3; i++) {
        world_run(world, 60);
        world_crash(world);
    }
    world_run(world, MINUTE);
    assert_events(world, "connection.needs_reconnect", NULL, 950);
}

static void when_the_old_clients_overlap_ends_its_grants_end(void **state)
{
    struct world *world = *state;
    given(world, 3);
    replace_client(world, ",\"overlap_s\":600");
    size_t before = fake_provider_requests(world->provider);
    world_run(world, 2 * HOUR);
    assert_int_equal(fake_provider_requests(world->provider), before); /* none under the new one */
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
        assert_int_equal(c->dead_reason, REASON_CLIENT_REPLACED);
    assert_events(world, "connector.credentials_rejected", NULL, 0);
}

/* The old client's connections have been told; whoever reconnects agrees to the new scopes too. */
static void a_rescope_after_it_counts_those_whom_it_tells(void **state)
{
    struct world *world = *state;
    given(world, 3);
    replace_client(world, "");
    world_run(world, MINUTE);
    struct fake_grant *grant = world_grant(world, "rotating", "client-new");
    world_import_grant(world, grant, "gcal", "c-new", "{\"app\":\"crm\",\"user\":\"new\"}",
                       ",\"acting_user\":\"new\"");
    size_t before = world_events(world, "connection.needs_reconnect", NULL);
    struct world_call *call = world_do(
        world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\",\"write\",\"x\"]}");
    assert_done(call);
    world_run(world, MINUTE);
    assert_int_equal(world_number(call, "affected"), 1);
    assert_event_text(world, "connector.rescoped", "gcal", "affected", "1");
    assert_events(world, "connection.needs_reconnect", NULL, before + 1);
    assert_reason(world, "c-new", "scopes_changed");
    assert_reason(world, "c-1", "client_replaced");
}

static void the_old_client_again_takes_it_back(void **state)
{
    struct world *world = *state;
    given(world, 3);
    replace_client(world, "");
    assert_done(world_do(world, RPC_RESCOPE,
                         "{\"connector\":\"gcal\",\"scopes\":[\"read\",\"write\",\"x\"]}"));
    world_settle(world);
    rotate(world, "\"client_id\":\"client-gcal\",\"client_secret\":\"s1\"");
    world_settle(world);
    assert_reason(world, "c-1", "scopes_changed"); /* what it had missed */
    assert_done(
        world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\",\"write\"]}"));
    world_settle(world);
    assert_state(world, "c-1", "active");
    assert_events(world, "connection.recovered", "c-1", 1);
}

/* ---- the report ---- */

static void the_report_tells_each_rotation(void **state)
{
    struct world *world = *state;
    given(world, 5);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    rotate(world, "\"client_secret\":\"s2\"");
    fake_provider_grant_at(world->provider, 1)->is_dead = true;
    world_run(world, 2 * HOUR);
    fake_provider_accept(world->provider, "client-gcal", "s3");
    rotate(world, "\"client_secret\":\"s3\"");
    struct world_call *call = show(world);
    assert_int_equal(world_number(call, "rotation.credential_version"), 3);
    assert_int_equal(world_number(call, "rotation.refreshed"), 0);
    assert_int_equal(world_number(call, "rotation.waiting"), 4);
    assert_int_equal(world_number(call, "rotation.refused"), 0);
    assert_int_equal(world_number(call, "rotations.1.credential_version"), 2);
    assert_int_equal(world_number(call, "rotations.1.refreshed"), 4);
    assert_int_equal(world_number(call, "rotations.1.refused"), 1);
    assert_text(call, "rotations.1.refused_connections.0", "c-1");
    fake_provider_grant_at(world->provider, 2)->is_dead = true;
    world_run(world, 2 * HOUR);
    call = show(world);
    assert_int_equal(world_number(call, "rotation.refreshed"), 3);
    assert_int_equal(world_number(call, "rotation.refused"), 1);
    assert_text(call, "rotation.refused_connections.0", "c-2");
}

/* ---- ten thousand ---- */

enum { MANY = 10000 };

struct rate {
    size_t last, in_bin, peak, total;
    int64_t bin_ms, first_ms, last_ms;
};

static void watch_rate(void *ctx, struct world *world)
{
    struct rate *rate = ctx;
    size_t requests = fake_provider_requests(world->provider);
    if (world->clock.ms >= rate->bin_ms + MINUTE) {
        rate->bin_ms = world->clock.ms;
        rate->in_bin = 0;
    }
    rate->in_bin += requests - rate->last;
    rate->total += requests - rate->last;
    rate->peak = MAX_OF(rate->peak, rate->in_bin);
    rate->last = requests;
}

/* Imported over the time between two refreshes: they fall due evenly, as they do in real life. */
static void ten_thousand_outlive_a_secret_that_was_dead_for_ten_minutes(void **state)
{
    struct world *world = *state;
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    for (int i = 0; i < MANY; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
        world_run(world, 297);
    }
    world_run(world, 3 * HOUR);
    size_t connected = world_events(world, "connection.connected", NULL);
    fake_provider_refuse(world->provider, "client-gcal", "s1");
    while (world_events(world, "connector.credentials_rejected", NULL) == 0)
        world_run(world, 100);
    struct rate rate = {.last = fake_provider_requests(world->provider), .bin_ms = world->clock.ms};
    world->watch = watch_rate;
    world->watch_ctx = &rate;
    world_run(world, 10 * MINUTE);
    fake_provider_accept(world->provider, "client-gcal", "s2");
    rotate(world, "\"client_secret\":\"s2\"");
    world_run(world, 50 * MINUTE); /* each has been refreshed once */
    world->watch = NULL;
    assert_events(world, "connector.credentials_rejected", NULL, 1);
    assert_events(world, "connector.rotated", NULL, 1);
    assert_events(world, "connector.credentials_recovered", NULL, 1);
    assert_int_equal(fake_store_event_count(world->store),
                     connected + 4); /* and the registration */
    assert_int_equal(count_fresh(world), MANY);
    size_t mean = rate.total / 60;
    if (rate.peak > 2 * mean)
        fail_msg("peak of %zu a minute, mean %zu", rate.peak, mean);
}

static void what_gathered_while_it_was_disabled_comes_back_evenly(void **state)
{
    enum { PEOPLE = 2000, SPREAD_MIN = 20 };
    struct world *world = *state;
    given(world, PEOPLE);
    world_run(world, 3 * HOUR);
    assert_done(world_do(world, RPC_DISABLE, "{\"connector\":\"gcal\"}"));
    world_run(world, 6 * HOUR);
    assert_int_equal(count_fresh(world), 0);
    struct rate rate = {.last = fake_provider_requests(world->provider), .bin_ms = world->clock.ms};
    assert_done(world_do(world, RPC_ENABLE, "{\"connector\":\"gcal\"}"));
    world->watch = watch_rate;
    world->watch_ctx = &rate;
    world_run(world, SPREAD_MIN * MINUTE);
    world->watch = NULL;
    assert_int_equal(count_fresh(world), PEOPLE);
    assert_in_range(rate.total, PEOPLE, PEOPLE + PEOPLE / 10);
    size_t mean = rate.total / SPREAD_MIN;
    if (rate.peak > 2 * mean)
        fail_msg("peak of %zu a minute, mean %zu", rate.peak, mean);
}

static void ten_thousand_are_rescoped_across_three_crashes(void **state)
{
    struct world *world = *state;
    given(world, MANY);
    world_do(world, RPC_RESCOPE, "{\"connector\":\"gcal\",\"scopes\":[\"read\"]}");
    for (int i = 0; i < 3; i++) {
        world_run(world, 500);
        const struct sweep *sweep = &fake_store_connector(world->store, STR("gcal"))->sweep;
        assert_true(sweep->scopes_version != 0 && sweep->done > 0 && sweep->done < MANY);
        world_crash(world);
    }
    world_run(world, MINUTE);
    assert_events(world, "connection.needs_reconnect", NULL, MANY);
    size_t told = 0;
    for (const struct connection *c = NULL; (c = fake_store_next(world->store, c)) != NULL;)
        told += c->alert_seq != 0;
    assert_int_equal(told, MANY); /* each has its own: one event, one connection */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(rotate_moves_no_due_time),
        ROW(rotate_never_prints_a_secret_back),
        ROW(a_crash_leaves_the_old_or_the_new),
        ROW(a_crash_after_the_check_leaves_the_old),
        cmocka_unit_test(a_crash_at_any_write_of_a_checked_rotate_leaves_no_mix),
        cmocka_unit_test(a_crash_at_any_moment_of_a_checked_rotate_leaves_no_mix),
        ROW(a_key_and_a_secret_replace_one_another),
        ROW(an_empty_secret_is_refused),
        ROW(a_retiring_secret_is_erased_at_the_end_of_its_overlap),
        ROW(an_overlap_that_ends_while_it_is_down_ends_all_the_same),
        ROW(without_an_overlap_the_old_one_goes_at_once),
        ROW(many_due_at_once_cost_one_extra_request),
        ROW(while_blocked_one_is_probed_less_and_less),
        ROW(each_connection_of_the_old_client_is_told_by_a_sweep),
        ROW(the_sweep_of_a_new_client_survives_crashes),
        ROW(when_the_old_clients_overlap_ends_its_grants_end),
        ROW(a_rescope_after_it_counts_those_whom_it_tells),
        ROW(the_old_client_again_takes_it_back),
        ROW(the_report_tells_each_rotation),
        ROW(ten_thousand_outlive_a_secret_that_was_dead_for_ten_minutes),
        ROW(what_gathered_while_it_was_disabled_comes_back_evenly),
        ROW(ten_thousand_are_rescoped_across_three_crashes),
    };
    return cmocka_run_group_tests_name("rotate", tests, NULL, NULL);
}
