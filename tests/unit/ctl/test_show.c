#include "ctl/fault.h"
#include "ctl/help.h"
#include "ctl/phrase.h"
#include "ctl/remedy.h"
#include "ctl/show.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* 2026-11-23T02:04:00Z. */
static const struct view view = {.now_ms = INT64_C(1795399440000), .style = {.utf8 = true}};

static struct json *parse(const char *text)
{
    struct json *json = NULL;
    struct error err = {0};
    if (json_parse(str_c(text), JSON_LIMITS_DEFAULT, &json, &err) != STATUS_OK)
        fail_msg("%s: %s", text, err.text);
    return json;
}

static void says_remedies(void **state UNUSED)
{
    static const struct {
        const char *name, *about, *sentence, *command;
    } rows[] = {
        {"a person in an app",
         "{\"owner\":{\"app\":\"crm\",\"user\":\"u-77\"},\"account\":{\"label\":\"ana@x.org\"},"
         "\"remedy\":{\"action\":\"reconnect\",\"actor\":\"app_user\",\"actor_id\":\"u-77\","
         "\"surface\":\"in_app\",\"path\":[],\"sign_in_required\":true,\"app_hint\":null}}",
         "ana@x.org (user u-77) must sign in and reconnect in the app crm", ""},
        {"the app's own hint",
         "{\"owner\":{\"app\":\"crm\",\"user\":\"u-77\"},\"remedy\":{\"action\":\"reconnect\","
         "\"actor\":\"app_user\",\"actor_id\":\"u-77\",\"surface\":\"in_app\",\"path\":[],"
         "\"app_hint\":\"Profile, Calendars\"}}",
         "user u-77 must reconnect in the app crm: Profile, Calendars", ""},
        {"the builder of an app",
         "{\"owner\":{\"apps\":[\"crm\"]},\"remedy\":{\"action\":\"reconnect\",\"actor\":"
         "\"app_builder\",\"surface\":\"app_dashboard\",\"path\":[\"Integrations\","
         "\"My integrations\",\"gcal\",\"More actions\",\"Reconnect\"]}}",
         "the builder of the app crm must reconnect: Integrations \xe2\x80\xba My integrations "
         "\xe2\x80\xba gcal \xe2\x80\xba More actions \xe2\x80\xba Reconnect",
         ""},
        {"the owner of a Superagent",
         "{\"owner\":{\"superagent\":\"sa-1\"},\"remedy\":{\"action\":\"reconnect\",\"actor\":"
         "\"superagent_owner\",\"surface\":\"superagent_tools\",\"path\":[\"Tools\"]}}",
         "the owner of Superagent sa-1 must reconnect: Tools", ""},
        {"a workspace admin",
         "{\"connector\":\"gcal\",\"remedy\":{\"action\":\"rotate_credentials\",\"actor\":"
         "\"workspace_admin\",\"surface\":\"workspace_settings\",\"path\":[\"Account settings\","
         "\"Connectors\",\"gcal\"],\"field\":\"Client Secret\"}}",
         "a workspace admin must give the client secret that is right now: Account settings "
         "\xe2\x80\xba Connectors \xe2\x80\xba gcal, field \"Client Secret\"",
         "refreshctl rotate gcal"},
        {"an admin who disabled it",
         "{\"connector\":\"gcal\",\"remedy\":{\"action\":\"enable\",\"actor\":\"workspace_admin\","
         "\"path\":[]}}",
         "a workspace admin must enable the connector", "refreshctl enable gcal"},
        {"words from a newer daemon",
         "{\"remedy\":{\"action\":\"phone_home\",\"actor\":\"the_boss\",\"surface\":\"some_where\"}"
         "}",
         "the boss must phone home in some where", ""},
        {"nothing known", "{\"remedy\":{}}", "somebody must reconnect", ""},
        {"no remedy", "{\"remedy\":null}", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        CLEANUP(json_freep) struct json *about = parse(rows[i].about);
        CLEANUP(buf_deinit) struct buf sentence = {0};
        CLEANUP(buf_deinit) struct buf command = {0};
        remedy_write(&view, json_get(about, "remedy"), about, &sentence);
        remedy_write_command(json_get(about, "remedy"), about, &command);
        assert_string_equal(buf_c(&sentence), rows[i].sentence);
        assert_string_equal(buf_c(&command), rows[i].command);
    }
}

static void says_values(void **state UNUSED)
{
    static const struct {
        const char *name, *member, *json, *said;
    } rows[] = {
        {"a time with its distance", "expires_at", "\"2026-11-23T02:08:00.000Z\"",
         "2026-11-23 02:08:00Z (in 4 min)"},
        {"a shared owner", "owner", "{\"apps\":[\"crm\",\"sales\"]}", "apps crm, sales"},
        {"a person", "owner", "{\"app\":\"crm\",\"user\":\"u-77\"}", "user u-77 of app crm"},
        {"a Superagent", "owner", "{\"superagent\":\"sa-1\"}", "Superagent sa-1"},
        {"an account with its name", "account", "{\"id\":\"1093\",\"label\":\"ana@x.org\"}",
         "ana@x.org (1093)"},
        {"an account without", "account", "{\"id\":\"1093\"}", "1093"},
        {"counts leave zeros out", "counts", "{\"active\":12,\"pending\":0,\"needs_reconnect\":1}",
         "12 active, 1 needs reconnect"},
        {"no counts", "counts", "{\"active\":0}", "none"},
        {"seconds as a span", "idle_after_s", "86400", "1d"},
        {"an error of the provider", "provider_error",
         "{\"status\":400,\"code\":\"invalid_grant\",\"message\":\"revoked\"}",
         "400 invalid_grant: revoked"},
        {"an empty list", "scopes", "[]", "none"},
        {"a list", "scopes", "[\"a\",\"b\"]", "a, b"},
        {"yes", "grant_alive", "true", "yes"},
        {"null", "detail", "null", ""},
        {"text that bites", "detail", "\"\\u001b[2J\"", "\\x1b[2J"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        CLEANUP(json_freep) struct json *value = parse(rows[i].json);
        CLEANUP(buf_deinit) struct buf out = {0};
        phrase_write(&view, PHRASE_LONG, rows[i].member, value, &out);
        assert_string_equal(buf_c(&out), rows[i].said);
    }
}

static void shows_results(void **state UNUSED)
{
    static const struct {
        const char *name, *method, *params, *result, *shown;
    } rows[] = {
        {"a connection", "show-connection", "{}",
         "{\"connection\":\"c-1\",\"connector\":\"gcal\",\"provider\":\"google\",\"connector_"
         "type\":"
         "\"shared\",\"owner\":{\"apps\":[\"crm\"]},\"state\":\"active\",\"expires_at\":"
         "\"2026-11-23T02:08:00.000Z\",\"next_refresh_at\":null,\"not_scheduled_because\":"
         "\"lifetime_unknown\",\"token_usable_until\":\"2026-11-23T02:08:00.000Z\",\"attempts\":0,"
         "\"scopes_asked\":[\"a\"],\"scopes_granted\":[\"a\"],\"new_thing\":{\"x\":1}}",
         "\xe2\x97\x8f c-1 \xc2\xb7 gcal (google, shared) \xc2\xb7 app crm\n"
         "  State          active\n"
         "  Token expires  2026-11-23 02:08:00Z (in 4 min)\n"
         "  Next refresh   not scheduled: lifetime unknown\n"
         "  Scopes         a\n"
         "  New thing\n"
         "    X  1\n"},
        {"connections", "list-connections", "{}",
         "{\"items\":[{\"connection\":\"c-1\",\"connector\":\"gcal\",\"state\":\"active\","
         "\"expires_at\":\"2026-11-23T02:08:00.000Z\"},{\"connection\":\"c-22\",\"connector\":"
         "\"g\","
         "\"state\":\"needs_reconnect\",\"reason\":\"scopes_changed\",\"severity\":\"advisory\"}]}",
         "CONNECTION  CONNECTOR  STATE                                        EXPIRES\n"
         "c-1         gcal       active                                       in 4 min\n"
         "c-22        g          needs_reconnect \xc2\xb7 scopes_changed (advisory)\n"},
        {"an empty list", "list-connectors", "{}", "{\"items\":[],\"next_cursor\":null}", ""},
        {"a connector", "show-connector", "{}",
         "{\"connector\":\"gcal\",\"name\":\"Calendar\",\"type\":\"app_user\",\"provider\":"
         "\"google\","
         "\"counts\":{\"active\":2},\"credentials\":[{\"version\":1,\"state\":\"current\"}]}",
         "\xe2\x97\x8f gcal - Calendar (google, app_user)\n"
         "  Connections  2 active\n"
         "  Credentials\n"
         "    VERSION  STATE\n"
         "    1        current\n"},
        {"a rotation that was proved", "rotate", "{\"connector\":\"gcal\"}",
         "{\"credential_version\":4,\"checked\":true,\"connections\":1}",
         "gcal: credential version 4, proved with one refresh; 1 connection will use it from the "
         "next refresh on\n"},
        {"one that was not, and why", "rotate", "{\"connector\":\"gcal\"}",
         "{\"credential_version\":4,\"checked\":false,\"connections\":0,\"why\":\"new client\"}",
         "gcal: credential version 4, not checked; 0 connections will use it from the next refresh "
         "on\n  Why  new client\n"},
        {"a rescope", "rescope", "{\"connector\":\"gcal\"}",
         "{\"scopes_version\":2,\"added\":[\"b\"],\"removed\":[\"a\"],\"affected\":12}",
         "gcal: scopes version 2, added b, removed a; 12 connections need a reconnect\n"},
        {"a rescope to the same", "rescope", "{\"connector\":\"gcal\"}",
         "{\"scopes_version\":1,\"added\":[],\"removed\":[],\"affected\":0}",
         "gcal: scopes version 1, nothing changed; 0 connections need a reconnect\n"},
        {"a connector that is gone", "unregister", "{\"connector\":\"gcal\"}",
         "{\"connector\":\"gcal\",\"unregistered\":true}", "gcal: unregistered\n"},
        {"a reload", "reload", "{}", "{\"reloaded\":true,\"needs_restart\":[]}",
         "configuration and profiles read again\n"},
        {"a reload that leaves something to a restart", "reload", "{}",
         "{\"reloaded\":true,\"needs_restart\":[\"[store] url\",\"[redis] url\"]}",
         "configuration and profiles read again\n"
         "read at start only: restart refreshd for [store] url, [redis] url\n"},
        {"a token", "token", "{}",
         "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"expires_at\":"
         "\"2026-11-23T02:08:00.000Z\",\"scopes\":[]}",
         "Access token  at\n"
         "Type          Bearer\n"
         "Expires       2026-11-23 02:08:00Z (in 4 min)\n"
         "Scopes        none\n"},
        {"metrics as they are", "metrics", "{}", "{\"text\":\"# HELP a b\\na 1\\n\"}",
         "# HELP a b\na 1\n"},
        {"imports, some refused", "import", "{}",
         "{\"results\":[{\"connection\":\"c-1\"},{\"error\":{\"message\":\"there is "
         "one\",\"data\":{"
         "\"code\":\"exists\"}}}]}",
         "connections[1]: there is one (exists)\n1 connection imported, 1 refused\n"},
        {"events", "list-events", "{}",
         "{\"items\":[{\"id\":\"7\",\"type\":\"connector.rescoped\",\"subject\":\"gcal\",\"time\":"
         "\"2026-11-23T02:03:00.000Z\",\"data\":{\"connector\":\"gcal\",\"added\":[\"mail\"],"
         "\"affected\":3}}]}",
         "SEQ  WHEN       TYPE                SUBJECT  WHAT\n"
         "7    1 min ago  connector.rescoped  gcal     added mail \xc2\xb7 3 connections "
         "affected\n"},
        {"health", "status", "{}",
         "{\"version\":\"0.1.0\",\"started_at\":\"2026-11-23T02:02:00.000Z\",\"stopping\":false,"
         "\"memory_locked\":true,\"connections\":{\"active\":2},\"redis\":{\"connected\":true,"
         "\"last_error\":null,\"lag_events\":0}}",
         "\xe2\x97\x8f refreshd 0.1.0 \xc2\xb7 running \xc2\xb7 started 2 min ago\n"
         "  Connections  2 active\n  Redis        connected\n"},
        {"Redis well", "status", "{}",
         "{\"redis\":{\"configured\":true,\"connected\":true,\"address\":\"10.0.0.5:6379\","
         "\"last_error\":null,\"reconnects\":0,\"master_changes\":1,\"lag_events\":2,\"lag_ms\":"
         "40}}",
         "\xe2\x97\x8f refreshd \xc2\xb7 running\n"
         "  Redis            connected to 10.0.0.5:6379\n"
         "  Redis lacks      2 events, the oldest from now\n"
         "  Redis failovers  1\n"},
        {"Redis away", "status", "{}",
         "{\"redis\":{\"configured\":true,\"connected\":false,\"address\":null,\"last_error\":"
         "\"Redis "
         "at h:1: Connection refused\",\"reconnects\":2,\"master_changes\":0,\"lag_events\":12,"
         "\"lag_ms\":180000}}",
         "\xe2\x97\x8f refreshd \xc2\xb7 Redis not connected\n"
         "  Redis             not connected\n"
         "  Redis trouble     Redis at h:1: Connection refused\n"
         "  Redis lacks       12 events, the oldest from 3 min ago\n"
         "  Redis reconnects  2\n"},
        {"Redis full", "status", "{}",
         "{\"redis\":{\"configured\":true,\"connected\":true,\"address\":\"h:1\",\"last_error\":"
         "\"out "
         "of memory\",\"lag_events\":1,\"lag_ms\":60000}}",
         "\xe2\x97\x8f refreshd \xc2\xb7 events wait for Redis\n"
         "  Redis          connected to h:1\n"
         "  Redis trouble  out of memory\n"
         "  Redis lacks    1 event, from 1 min ago\n"},
        {"Redis with something else to say", "status", "{}",
         "{\"redis\":{\"connected\":true,\"last_error\":\"no sentinel can be "
         "asked\",\"lag_events\":0,"
         "\"lag_ms\":0}}",
         "\xe2\x97\x8f refreshd \xc2\xb7 running, Redis in trouble\n"
         "  Redis          connected\n"
         "  Redis trouble  no sentinel can be asked\n"},
        {"no Redis", "status", "{}",
         "{\"redis\":{\"configured\":false,\"connected\":false,\"lag_events\":0,\"news\":1}}",
         "\xe2\x97\x8f refreshd \xc2\xb7 running\n"
         "  Redis  none: events stay in the log\n"},
        {"a provider that is suspected", "status", "{}",
         "{\"holds\":[{\"provider\":\"oidc\",\"held\":5}]}",
         "\xe2\x97\x8f refreshd \xc2\xb7 running, a provider is suspected\n"
         "  Holds\n    PROVIDER  HELD\n    oidc      5\n"},
        {"bad health", "status", "{}",
         "{\"version\":\"0.1.0\",\"memory_locked\":false,\"store\":{\"writable\":false}}",
         "\xe2\x97\x8f refreshd 0.1.0 \xc2\xb7 store not writable\n"
         "  Memory  not locked: secrets may be swapped out\n  Store\n    Writable  no\n"},
        {"the audit, whatever its members", "list-audit", "{}",
         "{\"items\":[{\"uid\":0,\"what\":\"rotate\"},{\"uid\":7,\"more\":\"x\"}]}",
         "UID  WHAT    MORE\n0    rotate\n7    -       x\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        CLEANUP(json_freep) struct json *params = parse(rows[i].params);
        CLEANUP(json_freep) struct json *result = parse(rows[i].result);
        CLEANUP(buf_deinit) struct buf out = {0};
        show_result(&view, rpc_method_find(str_c(rows[i].method)), params, result, &out);
        assert_string_equal(buf_c(&out), rows[i].shown);
    }
}

static void shows_only_ids_when_quiet(void **state UNUSED)
{
    static const struct {
        const char *name, *method, *result, *shown;
    } rows[] = {
        {"a token", "token", "{\"access_token\":\"at\",\"scopes\":[]}", "at\n"},
        {"a list", "list-connectors", "{\"items\":[{\"connector\":\"a\"},{\"connector\":\"b\"}]}",
         "a\nb\n"},
        {"an import", "import", "{\"connection\":\"c-1\",\"state\":\"active\"}", "c-1\n"},
        {"a rotation", "rotate", "{\"credential_version\":2}", ""},
        {"health", "status", "{\"state\":\"held\"}", "held\n"},
    };
    struct view quiet = view;
    quiet.quiet = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        CLEANUP(json_freep) struct json *result = parse(rows[i].result);
        CLEANUP(buf_deinit) struct buf out = {0};
        show_result(&quiet, rpc_method_find(str_c(rows[i].method)), NULL, result, &out);
        assert_string_equal(buf_c(&out), rows[i].shown);
    }
}

/* A result of any shape, for every method: nothing breaks. */
static void survives_strange_results(void **state UNUSED)
{
    static const char *const results[] = {
        "null",
        "{}",
        "[]",
        "7",
        "\"x\"",
        "{\"items\":7}",
        "{\"items\":[1,null,[]]}",
        "{\"results\":{}}",
        "{\"connection\":{},\"state\":[]}",
        "{\"connector\":1,\"type\":{}}",
        "{\"remedy\":7,\"owner\":[],\"account\":7,\"counts\":\"x\"}",
        "{\"items\":[{\"data\":7,\"id\":[],\"time\":\"never\"}],\"next_cursor\":{}}",
        "{\"connection\":\"c\",\"state\":\"x\",\"history\":{\"a\":[[1]]},\"remedy\":{\"path\":{}}}",
    };
    for (int id = 0; id < RPC_METHOD_COUNT; id++) {
        for (size_t i = 0; i < ARRAY_LEN(results); i++) {
            CLEANUP(json_freep) struct json *result = parse(results[i]);
            CLEANUP(buf_deinit) struct buf out = {0};
            show_result(&view, rpc_method_at((enum rpc_method_id)id), NULL, result, &out);
            show_event(&view, result, id % 2 == 0, &out);
            assert_false(out.overflowed);
        }
    }
}

static void tells_errors(void **state UNUSED)
{
    static const struct {
        const char *name, *method, *error;
        enum ctl_exit exit;
        const char *told;
    } rows[] = {
        {"a dead grant", "token",
         "{\"code\":-32000,\"message\":\"c-1 needs a reconnect\",\"data\":{\"code\":"
         "\"needs_reconnect\",\"reason\":\"grant_rejected\",\"detail\":\"unclear\",\"owner\":{"
         "\"superagent\":\"sa-1\"},\"remedy\":{\"action\":\"reconnect\",\"actor\":"
         "\"superagent_owner\",\"path\":[\"Tools\"]}}}",
         CTL_EXIT_NEEDS_RECONNECT,
         "refreshctl: c-1 needs a reconnect (needs_reconnect: grant_rejected, unclear)\n"
         "  the owner of Superagent sa-1 must reconnect: Tools\n"},
        {"a role that is missing", "rotate",
         "{\"code\":-32000,\"message\":\"not allowed\",\"data\":{\"code\":\"forbidden\"}}",
         CTL_EXIT_FORBIDDEN,
         "refreshctl: not allowed (forbidden)\n"
         "  rotate is for admin: [access] in refreshd.conf says who that is\n"},
        {"events that are gone", "watch",
         "{\"code\":-32000,\"message\":\"gone\",\"data\":{\"code\":\"gone\",\"oldest\":18}}",
         CTL_EXIT_ERROR, "refreshctl: gone (gone)\n  the oldest event kept is 18: --after 17\n"},
        {"a parameter", "rescope",
         "{\"code\":-32602,\"message\":\"invalid\",\"data\":{\"path\":\"only_missing\","
         "\"expected\":"
         "\"true or false\"}}",
         CTL_EXIT_ERROR, "refreshctl: --only-missing: expected true or false\n"},
        {"an unknown connector", "show-connector",
         "{\"code\":-32000,\"message\":\"no x\",\"data\":{\"code\":\"unknown_connector\"}}",
         CTL_EXIT_ERROR,
         "refreshctl: no x (unknown_connector)\n  the connectors there are: refreshctl "
         "list-connectors\n"},
        {"a bare one", "status", "{\"code\":-32603}", CTL_EXIT_ERROR,
         "refreshctl: the daemon answered with an error\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].name);
        CLEANUP(json_freep) struct json *error = parse(rows[i].error);
        CLEANUP(buf_deinit) struct buf out = {0};
        fault_write(&view, rpc_method_find(str_c(rows[i].method)), error, &out);
        assert_string_equal(buf_c(&out), rows[i].told);
        assert_int_equal(fault_exit(error), rows[i].exit);
    }
}

static void explains_every_verb(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf overview = {0};
    help_overview((struct style){0}, &overview);
    for (size_t i = 0; i < verb_count(); i++) {
        struct verb verb = verb_at(i);
        CLEANUP(buf_deinit) struct buf text = {0};
        help_verb((struct style){0}, &verb, &text);
        assert_non_null(strstr(buf_c(&overview), verb.name));
        assert_true(str_starts_with(buf_str(&text), STR("refreshctl ")));
        assert_non_null(strstr(buf_c(&text), verb.name));
    }
}

static void help_names_every_parameter(void **state UNUSED)
{
    struct verb verb;
    assert_true(verb_find(STR("rotate"), &verb));
    CLEANUP(buf_deinit) struct buf text = {0};
    help_verb((struct style){0}, &verb, &text);
    static const char *const parts[] = {"CONNECTOR",
                                        "(required)",
                                        "--client-secret-stdin",
                                        "--private-key-file FILE",
                                        "--overlap-s SPAN",
                                        "--[no-]check",
                                        "admin"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_non_null(strstr(buf_c(&text), parts[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_remedies),
        cmocka_unit_test(says_values),
        cmocka_unit_test(shows_results),
        cmocka_unit_test(shows_only_ids_when_quiet),
        cmocka_unit_test(survives_strange_results),
        cmocka_unit_test(tells_errors),
        cmocka_unit_test(explains_every_verb),
        cmocka_unit_test(help_names_every_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
