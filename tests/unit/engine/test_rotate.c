/* docs/behaviour.md "Rotate", sentence by sentence, beside what test_setup.c and test_credentials.c
 * hold already. */
#include "common/memory.h"
#include "unit/engine/rotate_test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

/* ---- what it leaves alone ---- */

static void rotate_moves_no_due_time(void **state)
{
    struct world *world = *state;
    given_gcal(world, 3);
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
    given_gcal(world, 1);
    struct world_call *calls[] = {rotate(world, "\"client_secret\":\"s2-very-secret\""),
                                  show(world), world_do(world, RPC_LIST_AUDIT, "{}")};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        CLEANUP(buf_deinit) struct buf text = {0};
        json_write(calls[i]->result, &text);
        assert_false(str_contains(buf_str(&text), STR("s2-very-secret")));
    }
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
    given_gcal(world, 1);
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
    given_gcal(world, 1);
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
    given_gcal(world, 1);
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
    given_gcal(world, 1);
    rotate(world, "\"client_secret\":\"s2\",\"overlap_s\":0");
    assert_int_equal(stored_credential(world, 1)->state, CREDENTIAL_RETIRED);
    assert_true(str_is_empty(stored_credential(world, 1)->sealed_secret));
}

static void many_due_at_once_cost_one_extra_request(void **state)
{
    struct world *world = *state;
    given_gcal(world, 200);
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
    given_gcal(world, 5);
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
    given_gcal(world, 250);
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
    given_gcal(world, 950);
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
    given_gcal(world, 3);
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
    given_gcal(world, 3);
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
    given_gcal(world, 3);
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
    given_gcal(world, 5);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(rotate_moves_no_due_time),
        ROW(rotate_never_prints_a_secret_back),
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
    };
    return cmocka_run_group_tests_name("rotate", tests, NULL, NULL);
}
