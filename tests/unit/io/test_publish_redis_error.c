/* What Redis says, by version, and what people are told. */
#include "io/publish_redis_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct row {
    const char *message;
    enum publish_redis_fault fault;
};

#define FAULT(word) PUBLISH_REDIS_FAULT_##word

static const struct row rows[] = {
    {"OOM command not allowed when used memory > 'maxmemory'. (XADD)", FAULT(OOM)},
    {"@user_script: 12: -OOM command not allowed when used memory > 'maxmemory'.", FAULT(OOM)},
    {"ERR Error running script (call to f_0123): @user_script:12: @user_script: 12: -OOM command "
     "not allowed",
     FAULT(OOM)},
    {"READONLY You can't write against a read only replica.", FAULT(READONLY)},
    {"@user_script: 30: -READONLY You can't write against a read only replica.", FAULT(READONLY)},
    {"NOPERM this user has no permissions to run the 'xadd' command", FAULT(NOPERM)},
    {"ERR The user executing the script can't run this command or subcommand (XADD)",
     FAULT(NOPERM)},
    {"@user_script: 30: The user executing the script can't run this command or subcommand",
     FAULT(NOPERM)},
    {"NOAUTH Authentication required.", FAULT(NOAUTH)},
    {"WRONGPASS invalid username-password pair or user is disabled.", FAULT(WRONGPASS)},
    {"ERR invalid password", FAULT(WRONGPASS)},
    {"ERR wrong number of arguments for 'auth' command", FAULT(WRONGPASS)},
    {"ERR Client sent AUTH, but no password is set", FAULT(WRONGPASS)},
    {"ERR AUTH <password> called without any password configured", FAULT(WRONGPASS)},
    {"LOADING Redis is loading the dataset in memory", FAULT(LOADING)},
    {"MISCONF Redis is configured to save RDB snapshots, but", FAULT(MISCONF)},
    {"NOREPLICAS Not enough good replicas to write.", FAULT(NOREPLICAS)},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", FAULT(WRONGTYPE)},
    {"BUSY Redis is busy running a script.", FAULT(BUSY)},
    {"MASTERDOWN Link with MASTER is down", FAULT(MASTERDOWN)},
    {"MOVED 3999 127.0.0.1:6381", FAULT(CLUSTER)},
    {"CROSSSLOT Keys in request don't hash to the same slot", FAULT(CLUSTER)},
    {"ERR max number of clients reached", FAULT(CLIENTS)},
    {"ERR unknown command `XADD`, with args beginning with: `a`, ", FAULT(UNKNOWN_COMMAND)},
    {"@user_script: 12: Unknown Redis command called from Lua script", FAULT(UNKNOWN_COMMAND)},
    {"NOSCRIPT No matching script. Please use EVAL.", FAULT(NOSCRIPT)},
    {"ERR something new", FAULT(OTHER)},
    {"OOMPH", FAULT(OTHER)},
    {"", FAULT(OTHER)},
    {"@user_script: ", FAULT(OTHER)},
    {"@user_script: 12:", FAULT(OTHER)},
};

static void each_message_has_its_fault(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].message);
        assert_int_equal(publish_redis_fault_of(str_c(rows[i].message)), rows[i].fault);
        struct error err;
        assert_int_equal(publish_redis_fault_set(&err, "XADD", str_c(rows[i].message)),
                         STATUS_UNAVAILABLE);
        assert_true(str_starts_with(str_c(err.text), STR("XADD: ")));
    }
}

static void arguments_are_not_repeated(void **state UNUSED)
{
    struct error err;
    assert_int_equal(
        publish_redis_fault_set(
            &err, "SET", STR("ERR unknown command 'SET', with args beginning with: 'hunter2'")),
        STATUS_UNAVAILABLE);
    assert_null(strstr(err.text, "hunter2"));
    assert_int_equal(publish_redis_fault_set(&err, "AUTH", STR("ERR what is 'hunter2'?")),
                     STATUS_UNAVAILABLE);
    assert_null(strstr(err.text, "hunter2"));
}

static void an_error_is_one_short_line(void **state UNUSED)
{
    struct error err;
    char message[1000];
    memset(message, 'x', sizeof(message));
    memcpy(message, "ERR \x1b[31m\n<3>forged", 19);
    assert_int_equal(
        publish_redis_fault_set(&err, "SET", (struct str){.data = message, .len = sizeof(message)}),
        STATUS_UNAVAILABLE);
    assert_null(strchr(err.text, '\n'));
    assert_null(strchr(err.text, '\x1b'));
    assert_true(strlen(err.text) < 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_has_its_fault),
        cmocka_unit_test(arguments_are_not_repeated),
        cmocka_unit_test(an_error_is_one_short_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
