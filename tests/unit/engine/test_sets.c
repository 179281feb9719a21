/* Security events: polled, believed only where all of it holds, acted on once, acknowledged once
 * that is durable. */
#include "unit/engine/engine_test.h"

#include "support/fake_transmitter.h"

#define REVOKED "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
#define DISABLED "https://schemas.openid.net/secevent/risc/event-type/account-disabled"

enum { HELD_MAX = 8 };

/* A transmitter (RFC 8936): what is not acknowledged is delivered again. */
struct transmitter {
    struct world *world;
    struct fake_transmitter *keys; /* that it publishes */
    struct {
        char id[32];
        char *jwt;
    } held[HELD_MAX];
    size_t polls, key_fetches, acked, refused, unauthorized;
    char error[64]; /* the last setErrs */
    struct fake_endpoint *poll;
};

static void drop(struct transmitter *t, struct str id)
{
    for (size_t i = 0; i < HELD_MAX; i++) {
        if (t->held[i].jwt == NULL || !str_eq(str_c(t->held[i].id), id))
            continue;
        free(t->held[i].jwt);
        t->held[i].jwt = NULL;
    }
}

static void take_reports(struct transmitter *t, const struct json *body)
{
    const struct json *acks = json_get(body, "ack"), *error;
    for (size_t i = 0; i < json_count(acks); i++, t->acked++)
        drop(t, json_text(json_at(acks, i)));
    struct str id;
    for (size_t at = 0; json_next_member(json_get(body, "setErrs"), &at, &id, &error);) {
        str_copy_cut(json_text(json_get(error, "err")), t->error, sizeof(t->error));
        t->refused++;
        drop(t, id);
    }
}

static struct fake_reply on_poll(void *ctx, const struct oauth_message *message)
{
    struct transmitter *t = ctx;
    t->polls++;
    if (!str_eq(fake_message_header(message, "Authorization"), STR("Bearer poll-token"))) {
        t->unauthorized++;
        return (struct fake_reply){.status = 401};
    }
    struct json *body = NULL;
    assert_int_equal(json_parse(secret_str(message->body), JSON_LIMITS_DEFAULT, &body, NULL),
                     STATUS_OK);
    assert_true(json_bool(json_get(body, "returnImmediately"), false));
    take_reports(t, body);
    json_free(body);
    struct json *answer = json_new_object(), *sets = json_new_object();
    for (size_t i = 0; i < HELD_MAX; i++) {
        if (t->held[i].jwt != NULL)
            json_set_text(sets, t->held[i].id, str_c(t->held[i].jwt));
    }
    json_set(answer, "sets", sets);
    struct buf text = {0};
    json_write(answer, &text);
    json_free(answer);
    char *copy = strndup(text.data, text.len);
    buf_deinit(&text);
    return (struct fake_reply){.status = 200, .body = copy};
}

static struct fake_reply on_jwks(void *ctx, const struct oauth_message *message)
{
    struct transmitter *t = ctx;
    (void)message;
    t->key_fetches++;
    struct buf text = {0};
    fake_transmitter_jwks(t->keys, &text);
    char *copy = strndup(text.data, text.len);
    buf_deinit(&text);
    return (struct fake_reply){.status = 200, .body = copy};
}

static void begin(struct transmitter *t, struct world *world)
{
    *t = (struct transmitter){.world = world, .keys = fake_transmitter_new("k1")};
    t->poll = fake_provider_serve(world->provider, "https://watched.example/poll", on_poll, t);
    fake_provider_serve(world->provider, "https://watched.example/jwks", on_jwks, t);
    world->has_transmitter = true;
    world_restart(world);
    world_settle(world);
    world_register(world, "gcal", "app_user", "watched", "client-gcal", "s1");
}

static void end(struct transmitter *t)
{
    for (size_t i = 0; i < HELD_MAX; i++)
        free(t->held[i].jwt);
    fake_transmitter_free(t->keys);
}

static struct fake_grant *connected(struct world *world, const char *connector, const char *id,
                                    const char *account)
{
    struct fake_grant *grant = world_grant(world, "static", "client-gcal");
    char owner[128], more[160];
    snprintf(owner, sizeof(owner), "{\"app\":\"crm\",\"user\":\"%s\"}", id);
    snprintf(more, sizeof(more), ",\"account\":{\"id\":\"%s\"}", account);
    assert_done(world_import_grant(world, grant, connector, id, owner, more));
    return grant;
}

static void deliver_by(struct transmitter *t, const struct fake_transmitter *keys, const char *kid,
                       const char *id, const char *type, const char *account)
{
    char header[128], claims[640];
    struct buf jwt = {0};
    snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\",\"kid\":\"%s\"}",
             kid);
    snprintf(
        claims, sizeof(claims),
        "{\"iss\":\"https://watched.example\",\"aud\":\"refreshd\",\"jti\":\"%s\",\"iat\":%lld,"
        "\"events\":{\"%s\":{\"subject\":{\"format\":\"iss_sub\","
        "\"iss\":\"https://watched.example\",\"sub\":\"%s\"}}}}",
        id, (long long)(world_now(t->world).wall_ms / 1000), type, account);
    fake_transmitter_sign(keys, FAKE_SIGN_ES256, header, claims, &jwt);
    for (size_t i = 0; i < HELD_MAX; i++) {
        if (t->held[i].jwt != NULL)
            continue;
        str_copy_cut(str_c(id), t->held[i].id, sizeof(t->held[i].id));
        t->held[i].jwt = strndup(jwt.data, jwt.len);
        break;
    }
    buf_deinit(&jwt);
}

static void deliver(struct transmitter *t, const char *id, const char *type, const char *account)
{
    deliver_by(t, t->keys, "k1", id, type, account);
}

static void an_event_makes_its_accounts_connections_refresh_early(void **state)
{
    struct world *world = *state;
    struct transmitter t;
    begin(&t, world);
    struct fake_grant *ana = connected(world, "gcal", "c-ana", "1093");
    struct fake_grant *ana_too = connected(world, "gcal", "c-two", "1093");
    struct fake_grant *ben = connected(world, "gcal", "c-ben", "2000");
    deliver(&t, "j-1", REVOKED, "1093");
    world_run(world, 15 * SECOND);
    assert_int_equal(ana->refreshed, 1);
    assert_int_equal(ana_too->refreshed, 1);
    assert_int_equal(ben->presented, 0);
    assert_int_equal(t.acked, 1);
    assert_int_equal(t.unauthorized, 0);
    assert_state(world, "c-ana", "active");
    assert_events(world, "connection.needs_reconnect", NULL, 0);
    end(&t);
}

static void a_grant_that_is_over_is_told_with_its_cause(void **state)
{
    struct world *world = *state;
    struct transmitter t;
    begin(&t, world);
    connected(world, "gcal", "c-ana", "1093")->is_dead = true;
    deliver(&t, "j-1", DISABLED, "1093");
    world_run(world, 15 * SECOND);
    assert_reason(world, "c-ana", "grant_rejected");
    assert_event_text(world, "connection.needs_reconnect", "c-ana", "detail",
                      "after_security_event");
    end(&t);
}

static void the_same_event_acts_once(void **state)
{
    struct world *world = *state;
    struct transmitter t;
    begin(&t, world);
    struct fake_grant *ana = connected(world, "gcal", "c-ana", "1093");
    for (int i = 0; i < 3; i++) {
        deliver(&t, "j-1", REVOKED, "1093");
        world_run(world, 15 * SECOND);
        world_crash(world);
    }
    assert_int_equal(ana->presented, 1);
    assert_int_equal(t.acked, 3);
    end(&t);
}

static void nothing_is_acknowledged_before_it_is_durable(void **state)
{
    struct world *world = *state;
    struct transmitter t;
    begin(&t, world);
    struct fake_grant *ana = connected(world, "gcal", "c-ana", "1093");
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_ANY,
                                                            .fate = FAKE_WRITE_UNAVAILABLE,
                                                            .count = -1});
    deliver(&t, "j-1", REVOKED, "1093");
    world_run(world, 30 * SECOND);
    assert_int_equal(t.acked, 0);
    fake_store_clear_faults(world->store);
    world_run(world, 15 * SECOND);
    assert_int_equal(t.acked, 1);
    assert_int_equal(ana->refreshed, 1);
    end(&t);
}

static void races_with_other_writers_lose_nothing(void **state)
{
    struct world *world = *state;
    struct transmitter t;
    begin(&t, world);
    struct fake_grant *ana = connected(world, "gcal", "c-ana", "1093");
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_IMPORTS,
                                                            .fate = FAKE_WRITE_CONFLICT,
                                                            .count = 2});
    fake_store_fail(world->store, (struct fake_store_fault){.when = FAKE_STORE_IMPORTS,
                                                            .fate = FAKE_WRITE_UNCERTAIN_DONE,
                                                            .count = 1});
    deliver(&t, "j-1", REVOKED, "1093");
    world_run(world, 15 * SECOND);
    assert_int_equal(t.acked, 1);
    world_run(world, MINUTE);
    assert_in_range(ana->refreshed, 1, 1);
    end(&t);
}

static void new_keys_are_fetched_when_one_is_not_known(void **state)
{
    struct world *world = *state;
    struct transmitter t;
    begin(&t, world);
    struct fake_grant *ana = connected(world, "gcal", "c-ana", "1093");
    world_run(world, 2 * MINUTE);
    assert_int_equal(t.key_fetches, 1);
    fake_transmitter_free(t.keys);
    t.keys = fake_transmitter_new("k2");
    deliver_by(&t, t.keys, "k2", "j-1", REVOKED, "1093");
    world_run(world, 15 * SECOND);
    assert_int_equal(t.key_fetches, 2);
    assert_int_equal(t.acked, 1);
    assert_int_equal(ana->refreshed, 1);
    end(&t);
}

static void a_forged_one_is_refused_and_told(void **state)
{
    struct world *world = *state;
    struct transmitter t;
    begin(&t, world);
    struct fake_grant *ana = connected(world, "gcal", "c-ana", "1093");
    struct fake_transmitter *forger = fake_transmitter_new("k1");
    world_run(world, 2 * MINUTE);
    deliver_by(&t, forger, "k1", "j-1", REVOKED, "1093");
    world_run(world, 15 * SECOND);
    assert_string_equal(t.error, "authentication_failed");
    deliver_by(&t, forger, "k9", "j-2", REVOKED, "1093");
    world_run(world, 15 * SECOND);
    assert_string_equal(t.error, "invalid_key");
    assert_int_equal(t.refused, 2);
    assert_int_equal(t.acked, 0);
    assert_int_equal(ana->presented, 0);
    fake_transmitter_free(forger);
    end(&t);
}

static void a_transmitter_speaks_for_its_own_provider_alone(void **state)
{
    struct world *world = *state;
    struct transmitter t;
    begin(&t, world);
    world_register(world, "other", "app_user", "static", "client-other", "s2");
    struct fake_grant *eve = world_grant(world, "static", "client-other");
    assert_done(world_import_grant(world, eve, "other", "c-eve",
                                   "{\"app\":\"crm\",\"user\":\"eve\"}",
                                   ",\"account\":{\"id\":\"1093\"}"));
    deliver(&t, "j-1", REVOKED, "1093");
    world_run(world, 15 * SECOND);
    assert_int_equal(t.acked, 1);
    assert_int_equal(eve->presented, 0);
    end(&t);
}

static void a_transmitter_that_is_away_is_asked_less(void **state)
{
    struct world *world = *state;
    struct transmitter t;
    begin(&t, world);
    struct fake_grant *ana = connected(world, "gcal", "c-ana", "1093");
    world_run(world, MINUTE);
    deliver(&t, "j-1", REVOKED, "1093");
    t.poll->script = (struct fake_answer){.kind = FAKE_STATUS, .count = -1, .status = 503};
    size_t before = t.poll->requests;
    world_run(world, HOUR);
    assert_in_range(t.poll->requests - before, 12, 25);
    t.poll->script = (struct fake_answer){0};
    world_run(world, 6 * MINUTE);
    assert_int_equal(t.acked, 1);
    assert_true(ana->refreshed > 0);
    end(&t);
}

static void only_files_may_name_a_transmitter(void **state)
{
    struct world *world = *state;
    const struct world_call *call = world_do(
        world, RPC_REGISTER,
        "{\"connector\":\"x\",\"type\":\"shared\",\"client_id\":\"c\",\"client_secret\":\"s\","
        "\"scopes\":[],\"profile\":{\"id\":\"own\",\"name\":\"Own\","
        "\"token_endpoint\":\"https://own.example/token\",\"habits\":{\"security_events\":{"
        "\"issuer\":\"i\",\"poll_endpoint\":\"https://own.example/p\","
        "\"jwks_uri\":\"https://own.example/k\",\"audience\":\"a\",\"token_file\":\"/etc/shadow\""
        "}}}}");
    assert_int_equal(call->code, -32602);
    assert_true(str_eq(world_text(call, "data.path"), STR("profile.habits.security_events")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(an_event_makes_its_accounts_connections_refresh_early),
        ROW(a_grant_that_is_over_is_told_with_its_cause),
        ROW(the_same_event_acts_once),
        ROW(nothing_is_acknowledged_before_it_is_durable),
        ROW(races_with_other_writers_lose_nothing),
        ROW(new_keys_are_fetched_when_one_is_not_known),
        ROW(a_forged_one_is_refused_and_told),
        ROW(a_transmitter_speaks_for_its_own_provider_alone),
        ROW(a_transmitter_that_is_away_is_asked_less),
        ROW(only_files_may_name_a_transmitter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
