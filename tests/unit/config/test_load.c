/* Texts in, typed fields or mistakes out. */
#include "common/buf.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct str credentials = STR_INIT("/run/credentials/refreshd.service");

/** "key_file = …" in a text of its own would hide what is looked for. */
static enum status load(struct config *config, const char *text, struct config_faults *faults)
{
    return config_load_text(config, STR("t.conf"), str_c(text), credentials, faults);
}

static void assert_loads(struct config *config, const char *text)
{
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    if (load(config, text, &faults) != STATUS_OK)
        fail_msg("%s", faults.lines[0].data);
}

/* A small configuration as one writes it by hand. */
static const char example[] =
    "[daemon]\n"
    "socket = /tmp/rt/control.sock\n"
    "[store]\n"
    "url = sqlite:/tmp/rt/refreshd.db\n"
    "key_file = /tmp/rt/master.key      ; 32 bytes, raw, base64 or hex; refreshctl keygen FILE "
    "makes one\n"
    "[redis]\n"
    "url = redis://127.0.0.1:6379/0     ; or unix:/path?db=0\n"
    "prefix = refreshd:\n"
    "[providers]\n"
    "path = /tmp/rt/providers           ; added to the built-in profiles\n"
    "[http]\n"
    "ca_file = /tmp/rt/ca.pem           ; optional, added trust for tests and private providers\n"
    "allow_plain_loopback = yes         ; http:// is refused everywhere else\n"
    "[access]\n"
    "admin = root\n";

static void the_example_loads(void **state UNUSED)
{
    struct config config;
    assert_loads(&config, example);
    assert_string_equal(config.daemon.socket.data, "/tmp/rt/control.sock");
    assert_int_equal(config.store.url.kind, CONFIG_STORE_SQLITE);
    assert_string_equal(config.store.url.path.data, "/tmp/rt/refreshd.db");
    assert_string_equal(config.daemon.state_dir.data, "/tmp/rt");
    assert_string_equal(config.store.key_file.data, "/tmp/rt/master.key");
    assert_int_equal(config.redis.url.kind, CONFIG_REDIS_TCP);
    assert_string_equal(config.redis.url.host.data, "127.0.0.1");
    assert_int_equal(config.redis.url.port, 6379);
    assert_string_equal(config.redis.prefix.data, "refreshd:");
    assert_string_equal(config.providers.path.data, "/tmp/rt/providers");
    assert_true(config.http.allow_plain_loopback);
    assert_int_equal(config.access.admin.count, 1);
    assert_string_equal(config.access.admin.items[0].data, "root");
    config_deinit(&config);
}

static void an_empty_file_gives_the_defaults(void **state UNUSED)
{
    struct config config;
    assert_loads(&config, "");
    assert_string_equal(config.daemon.socket.data, "/run/refreshd/control.sock");
    assert_int_equal(config.daemon.socket_mode, 0660);
    assert_string_equal(config.daemon.state_dir.data, "/var/lib/refreshd");
    assert_false(str_is_set(config.daemon.name));
    assert_int_equal(config.daemon.log_level, LOG_LEVEL_INFO);
    assert_int_equal(config.daemon.drain_timeout_ms, 130000);
    assert_string_equal(config.store.url.path.data, "/var/lib/refreshd/refreshd.db");
    assert_string_equal(config.store.key_file.data, "/run/credentials/refreshd.service/master.key");
    assert_int_equal(config.redis.url.kind, CONFIG_REDIS_NONE);
    assert_int_equal(config.events.retention_ms, INT64_C(7) * 86400000);
    assert_true(config.events.account_labels);
    assert_int_equal(config.refresh.margin_ms, 300000);
    assert_int_equal(config.refresh.jitter_permille, 100);
    assert_int_equal(config.refresh.backoff_min_ms, 1000);
    assert_int_equal(config.refresh.backoff_max_ms, 300000);
    assert_int_equal(config.refresh.expiring.count, 2);
    assert_int_equal(config.refresh.expiring.items_ms[1], 86400000);
    assert_int_equal(config.guard.hold.count, 4);
    assert_int_equal(config.guard.hold.items_ms[3], 3600000);
    assert_false(config.http.allow_plain_loopback);
    assert_int_equal(config.access.admin.count, 0);
    assert_int_equal(config.metrics.listen.port, 0);
    config_deinit(&config);
}

/* What one text gives as one field, written as a number or as it stands. */
struct value_row {
    const char *name, *text;
    size_t offset;
    const char *expected; /* text, or NULL */
    int64_t number;
};
#define FIELD(member) offsetof(struct config, member)

static const struct value_row values[] = {
    {"two units", "[refresh]\nmargin = 1min 30s", FIELD(refresh.margin_ms), NULL, 90000},
    {"bare number is seconds", "[refresh]\nmargin = 45", FIELD(refresh.margin_ms), NULL, 45000},
    {"colon instead", "[refresh]\nmargin: 45", FIELD(refresh.margin_ms), NULL, 45000},
    {"no newline, CR LF, blanks", "[refresh]\r\n  margin  =  2s  \r", FIELD(refresh.margin_ms),
     NULL, 2000},
    {"byte order mark", "\xef\xbb\xbf[refresh]\nmargin = 2s", FIELD(refresh.margin_ms), NULL, 2000},
    {"comments", "; a\n# b\n\n  ; c\n[refresh] ; d\nmargin = 2s ; e", FIELD(refresh.margin_ms),
     NULL, 2000},
    {"; without blank is no comment", "[store]\nidentity = a;b", FIELD(store.identity), "a;b", 0},
    {"# is no comment inside", "[store]\nidentity = a#b", FIELD(store.identity), "a#b", 0},
    {"share with a tenth", "[refresh]\njitter = 2.5%", FIELD(refresh.jitter_permille), NULL, 25},
    {"share nothing", "[refresh]\njitter = 0%", FIELD(refresh.jitter_permille), NULL, 0},
    {"mode", "[daemon]\nsocket_mode = 0600", FIELD(daemon.socket_mode), NULL, 0600},
    {"mode without zero", "[daemon]\nsocket_mode = 666", FIELD(daemon.socket_mode), NULL, 0666},
    {"unset by hand", "[http]\nca_file =", FIELD(http.ca_file), "", 0},
    {"variable inside", "[http]\nca_file = ${CREDENTIALS_DIRECTORY}/ca", FIELD(http.ca_file),
     "/run/credentials/refreshd.service/ca", 0},
    {"dollar alone", "[store]\nidentity = a$b", FIELD(store.identity), "a$b", 0},
    {"state_dir places the store", "[daemon]\nstate_dir = /srv/r", FIELD(store.url.path),
     "/srv/r/refreshd.db", 0},
    {"store places state_dir", "[store]\nurl = sqlite:/srv/r/x.db", FIELD(daemon.state_dir),
     "/srv/r", 0},
    {"store at the root", "[store]\nurl = sqlite:/x.db", FIELD(daemon.state_dir), "/", 0},
    {"user of the URL", "[redis]\nurl = redis://ana:p%40@h", FIELD(redis.username), "ana", 0},
    {"proxy", "[http]\nproxy = http://proxy.internal:3128", FIELD(http.proxy),
     "http://proxy.internal:3128", 0},
    {"listen", "[metrics]\nlisten = [::1]:9464", FIELD(metrics.listen.host), "::1", 0},
    {"listen port", "[metrics]\nlisten = 127.0.0.1:9464", FIELD(metrics.listen.port), NULL, 9464},
    {"listen on a socket", "[metrics]\nlisten = unix:/run/m", FIELD(metrics.listen.socket_path),
     "/run/m", 0},
};

static void values_are_typed(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct config config;
        print_message("  %s\n", values[i].name);
        assert_loads(&config, values[i].text);
        const void *field = (const char *)&config + values[i].offset;
        if (values[i].expected != NULL)
            assert_true(str_eq(*(const struct str *)field, str_c(values[i].expected)));
        else
            assert_int_equal(*(const int64_t *)field, values[i].number);
        config_deinit(&config);
    }
}

static void names_are_split(void **state UNUSED)
{
    struct config config;
    assert_loads(&config, "[access]\nplatform = www-data, @crm  1000,@33");
    static const char *const expected[] = {"www-data", "@crm", "1000", "@33"};
    assert_int_equal(config.access.platform.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(config.access.platform.items[i].data, expected[i]);
    config_deinit(&config);
}

static void spans_are_sorted(void **state UNUSED)
{
    struct config config;
    assert_loads(&config, "[refresh]\nexpiring = 1d, 1h 30min, 3d\n[guard]\nhold = 1h, 1min");
    assert_int_equal(config.refresh.expiring.count, 3);
    assert_int_equal(config.refresh.expiring.items_ms[0], 3 * 86400000);
    assert_int_equal(config.refresh.expiring.items_ms[2], 5400000);
    assert_int_equal(config.guard.hold.items_ms[0], 60000);
    config_deinit(&config);
}

/* Each text has this one mistake. */
struct mistake_row {
    const char *name, *text, *expected;
};

static const struct mistake_row mistakes[] = {
    {"unknown key", "[redis]\nurll = x",
     "t.conf:2: unknown key \"urll\" in [redis]; did you mean \"url\"?"},
    {"a key that resembles none", "[redis]\nzebra = x",
     "t.conf:2: unknown key \"zebra\" in [redis]"},
    {"underscore left out", "[store]\nkeyfile = /k",
     "t.conf:2: unknown key \"keyfile\" in [store]; did you mean \"key_file\"?"},
    {"key of another section", "[store]\nprefix = x",
     "t.conf:2: unknown key \"prefix\" in [store]; it belongs into [redis]"},
    {"key of two other sections", "[daemon]\nurl = x",
     "t.conf:2: unknown key \"url\" in [daemon]; it belongs into [store] or [redis]"},
    {"unknown section", "[reddis]\nurl = x\nprefix = y",
     "t.conf:1: unknown section [reddis]; did you mean [redis]?"},
    {"a section that resembles none", "[zebra]\nx = y", "t.conf:1: unknown section [zebra]"},
    {"a section in capitals", "[Daemon]",
     "t.conf:1: unknown section [Daemon]; did you mean [daemon]?"},
    {"no section", "url = x", "t.conf:1: expected a [section] before \"url\""},
    {"twice", "[redis]\nprefix = a:\n\nprefix = a:",
     "t.conf:4: [redis] prefix is given twice, first on line 2"},
    {"twice in two places", "[redis]\nprefix = a:\n[http]\n[redis]\nprefix = b:",
     "t.conf:5: [redis] prefix is given twice, first on line 2"},
    {"no =", "[redis]\nprefix", "t.conf:2: expected \"key = value\" or \"[section]\""},
    {"open section",
     "[redis\nprefix = a:", "t.conf:1: expected \"[section]\" and nothing behind it"},
    {"behind a section",
     "[redis] prefix = a:", "t.conf:1: expected \"[section]\" and nothing behind it"},
    {"unknown variable", "[http]\nca_file = ${HOME}/ca",
     "t.conf:2: [http] ca_file: expected no variable but ${CREDENTIALS_DIRECTORY}, got "
     "\"${HOME}/ca\""},
    {"span", "[refresh]\nmargin = 5 mim",
     "t.conf:2: [refresh] margin: expected a span from 0s to 1d, got \"5 mim\""},
    {"span too long", "[refresh]\nmargin = 2d",
     "t.conf:2: [refresh] margin: expected a span from 0s to 1d, got \"2d\""},
    {"span without end", "[events]\nretention = infinity",
     "t.conf:2: [events] retention: expected a span from 1h to 3650d, got \"infinity\""},
    {"spans", "[guard]\nhold = 1min,, x",
     "t.conf:2: [guard] hold: expected spans from 1s to 1d with commas between, got "
     "\"1min,, x\""},
    {"bool", "[http]\nallow_plain_loopback = maybe",
     "t.conf:2: [http] allow_plain_loopback: expected yes or no, got \"maybe\""},
    {"empty where a value must be", "[redis]\nprefix =",
     "t.conf:2: [redis] prefix: expected a text of 1 to 64 bytes without blanks, got \"\""},
    {"blank in a prefix", "[redis]\nprefix = a b",
     "t.conf:2: [redis] prefix: expected a text of 1 to 64 bytes without blanks, got \"a b\""},
    {"integer", "[http]\nmax_in_flight = 0",
     "t.conf:2: [http] max_in_flight: expected a number from 1 to 1000, got \"0\""},
    {"integer with unit", "[http]\nmax_in_flight = 10k",
     "t.conf:2: [http] max_in_flight: expected a number from 1 to 1000, got \"10k\""},
    {"mode", "[daemon]\nsocket_mode = 0888",
     "t.conf:2: [daemon] socket_mode: expected an octal mode from 0000 to 0777, got \"0888\""},
    {"relative path", "[http]\nca_file = ca.pem",
     "t.conf:2: [http] ca_file: expected an absolute path, got \"ca.pem\""},
    {"socket path too long",
     "[daemon]\nsocket = "
     "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "t.conf:2: [daemon] socket: expected an absolute path of at most 107 bytes, got \"/aaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""},
    {"log level", "[daemon]\nlog_level = loud",
     "t.conf:2: [daemon] log_level: expected error, warning, notice, info or debug, got \"loud\""},
    {"share", "[refresh]\njitter = 0.1",
     "t.conf:2: [refresh] jitter: expected a share from 0% to 25%, got \"0.1\""},
    {"name", "[access]\nadmin = root, @",
     "t.conf:2: [access] admin: expected users and @groups with blanks or commas between, got "
     "\"root, @\""},
    {"relative store", "[store]\nurl = sqlite:refreshd.db",
     "t.conf:2: [store] url: expected sqlite:/PATH, an absolute one"},
    {"a store elsewhere", "[store]\nurl = postgresql://h/db",
     "t.conf:2: [store] url: expected sqlite:/PATH, since this version keeps its store in SQLite "
     "only"},
    {"quotes around a word", "[daemon]\nlog_level = \"info\"",
     "t.conf:2: [daemon] log_level: expected error, warning, notice, info or debug, without "
     "quotes, got \"\"info\"\""},
    {"quotes around a text", "[redis]\nprefix = 'a:'",
     "t.conf:2: [redis] prefix: expected a text of 1 to 64 bytes without blanks, without quotes, "
     "got \"'a:'\""},
    {"an address of Redis", "[redis]\nurl = tls://h:6380",
     "t.conf:2: [redis] url: expected redis[s]://[user:password@]HOST[:PORT][/DB], "
     "unix:/PATH[?db=DB] or redis[s]+sentinel://HOST[:PORT],…/MASTER-NAME[/DB]"},
    {"an authority without TLS", "[redis]\nurl = redis://h\nca_file = /ca.pem",
     "t.conf:3: [redis] ca_file: expected none, since url is without TLS (rediss://, "
     "rediss+sentinel://)"},
    {"a certificate without TLS",
     "[redis]\nurl = unix:/r.sock\nclient_certificate_file = /c.pem\n"
     "client_key_file =",
     "t.conf:3: [redis] client_certificate_file: expected none, since url is without TLS "
     "(rediss://, rediss+sentinel://)"},
    {"a certificate without key", "[redis]\nurl = rediss://h\nclient_certificate_file = /c.pem",
     "t.conf:3: [redis] client_certificate_file: expected a client_key_file with it"},
    {"a key without certificate", "[redis]\nurl = rediss://h\nclient_key_file = /c.key",
     "t.conf:3: [redis] client_key_file: expected a client_certificate_file with it"},
    {"two users", "[redis]\nurl = redis://ana:pw@h\nusername = bob",
     "t.conf:3: [redis] username: expected the user that url names, or none"},
    {"two passwords", "[redis]\nurl = redis://ana:pw@h\npassword_file = /p",
     "t.conf:3: [redis] password_file: expected none, since url has a password"},
    {"user without password", "[redis]\nusername = ana",
     "t.conf:2: [redis] username: expected a password_file with it"},
    {"sentinels' user without sentinels", "[redis]\nurl = redis://h\nsentinel_username = s",
     "t.conf:3: [redis] sentinel_username: expected none, since url names no sentinels"},
    {"sentinels' password without sentinels", "[redis]\nsentinel_password_file = /p",
     "t.conf:2: [redis] sentinel_password_file: expected none, since url names no sentinels"},
    {"sentinels' user without password",
     "[redis]\nurl = redis+sentinel://h/m\nsentinel_username = s",
     "t.conf:3: [redis] sentinel_username: expected a sentinel_password_file with it"},
    {"sentinels without a master", "[redis]\nurl = redis+sentinel://h",
     "t.conf:2: [redis] url: expected the name by which the sentinels know the master, of 1 to 128 "
     "characters without blanks, behind the hosts' \"/\""},
    {"too many sentinels",
     "[redis]\nurl = redis+sentinel://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/m",
     "t.conf:2: [redis] url: expected 16 sentinels at most"},
    {"a sentinel that is none", "[redis]\nurl = redis+sentinel://a,b:x/m",
     "t.conf:2: [redis] url: expected "
     "redis[s]+sentinel://[user:password@]HOST[:PORT][,HOST[:PORT]…]/MASTER-NAME[/DB]"},
    {"a master's database", "[redis]\nurl = redis+sentinel://a/m/x",
     "t.conf:2: [redis] url: expected a database number from 0 to 65535 behind the master's name "
     "and \"/\""},
    {"back-off", "[refresh]\nbackoff_min = 10min",
     "t.conf:2: [refresh] backoff_min: expected at most backoff_max"},
    {"proxy", "[http]\nproxy = ftp://h:1",
     "t.conf:2: [http] proxy: expected http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT, "
     "got \"ftp://h:1\""},
    {"listen", "[metrics]\nlisten = 9464",
     "t.conf:2: [metrics] listen: expected ADDRESS:PORT or unix:/PATH, got \"9464\""},
    {"forged second line", "[store]\nidentity = \x1b[31m",
     "t.conf:2: [store] identity: expected a text of 1 to 128 bytes without blanks, got \" [31m\""},
};

static void each_mistake_is_told(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct config config;
        CLEANUP(config_faults_deinit) struct config_faults faults = {0};
        print_message("  %s\n", mistakes[i].name);
        assert_int_equal(load(&config, mistakes[i].text, &faults), STATUS_INVALID);
        assert_string_equal(faults.lines[0].data, mistakes[i].expected);
        assert_int_equal(faults.count, 1);
    }
}

static void all_mistakes_are_told(void **state UNUSED)
{
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(
        load(&config, "[x]\n[http]\nnonsense\nca_file = ca\n[refresh]\nmargin = z", &faults),
        STATUS_INVALID);
    assert_int_equal(faults.count, 4);
}

/* Lines, values and what lies between them are judged one after the other, and told by line. */
static void mistakes_stand_in_the_order_of_lines(void **state UNUSED)
{
    static const char *const expected[] = {
        "t.conf:2: [refresh] margin: expected a span",   "t.conf:3: unknown key \"jiter\"",
        "t.conf:5: [daemon] name: expected a text",      "t.conf:6: unknown section [nowhere]",
        "t.conf:9: [events] retention: expected a span",
    };
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(load(&config,
                          "[refresh]\nmargin = soon\njiter = 1%\n[daemon]\nname = a b\n[nowhere]\n"
                          "x = 1\n[events]\nretention = 1\n",
                          &faults),
                     STATUS_INVALID);
    assert_int_equal(faults.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_true(str_starts_with(faults.lines[i], str_c(expected[i])));
}

static void a_thousand_mistakes_are_bounded(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    for (int i = 0; i < 1000; i++)
        buf_append(&text, STR("nonsense\n"));
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(load(&config, buf_c(&text), &faults), STATUS_INVALID);
    assert_int_equal(faults.count, CONFIG_FAULTS_MAX);
    assert_int_equal(faults.left_out, 900);
}

static void lines_have_an_end(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_append(&text, STR("[store]\nidentity = "));
    for (int i = 0; i < CONFIG_LINE_MAX; i++)
        buf_append_byte(&text, 'a');
    buf_append(&text, STR("\n[http]\nca_file = relative"));
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(load(&config, buf_c(&text), &faults), STATUS_INVALID);
    assert_int_equal(faults.count, 2);
    assert_string_equal(faults.lines[0].data, "t.conf:2: expected a line of at most 4096 bytes");
    assert_true(str_starts_with(faults.lines[1], STR("t.conf:4: [http] ca_file")));
}

static void a_nul_byte_is_a_mistake(void **state UNUSED)
{
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(config_load_text(&config, STR("t.conf"), STR("[store]\nidentity = a\0b"),
                                      credentials, &faults),
                     STATUS_INVALID);
    assert_string_equal(faults.lines[0].data, "t.conf:2: expected text, got a NUL byte");
}

static void no_credentials_directory(void **state UNUSED)
{
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(config_load_text(&config, STR("t.conf"), STR(""), STR_NONE, &faults),
                     STATUS_INVALID);
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.lines[0].data,
                        "t.conf: [store] key_file is not given, and its default is "
                        "${CREDENTIALS_DIRECTORY}/master.key: expected a path, since "
                        "${CREDENTIALS_DIRECTORY} is set only where systemd starts refreshd with "
                        "LoadCredential=");
}

/* It may be the key that is missing. */
static void a_default_is_no_mistake_beside_a_line_not_understood(void **state UNUSED)
{
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(
        config_load_text(&config, STR("t.conf"), STR("[store]\nkeyfile = /k"), STR_NONE, &faults),
        STATUS_INVALID);
    assert_int_equal(faults.count, 1);
    assert_true(str_starts_with(faults.lines[0], STR("t.conf:2: unknown key \"keyfile\"")));
}

static void no_mistake_shows_a_password(void **state UNUSED)
{
    static const char *const urls[] = {"[redis]\nurl = redis://ana:hunter2@",
                                       "[redis]\nurl = "
                                       "rediss://ana:hunter2@h:x",
                                       "[store]\nurl = "
                                       "mysql://ana:hunter2@h",
                                       "[redis]\nurl = hunter2",
                                       "[redis]\nurl = redis://ana:hunter2@h/x",
                                       "[redis]\nurl = redis+sentinel://ana:hunter2@h",
                                       "[redis]\nurl = redis+sentinel://ana:hunter2@h,/m",
                                       "[redis]\nurl = redis+sentinel://ana:hunter2@h/m/x"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct config config;
        CLEANUP(config_faults_deinit) struct config_faults faults = {0};
        assert_int_equal(load(&config, urls[i], &faults), STATUS_INVALID);
        assert_null(strstr(faults.lines[0].data, "hunter2"));
    }
}

static void reload_tells_what_it_cant_take_over(void **state UNUSED)
{
    struct config running, fresh;
    assert_loads(&running, "[refresh]\nmargin = 1min");
    assert_loads(&fresh, "[refresh]\nmargin = 2min\n[redis]\nprefix = x:\n[store]\nidentity = y");
    CLEANUP(config_faults_deinit) struct config_faults lines = {0};
    config_find_fixed(&running, &fresh, &lines);
    assert_int_equal(lines.count, 2);
    assert_string_equal(lines.lines[0].data, "[store] identity");
    assert_string_equal(lines.lines[1].data, "[redis] prefix");

    config_keep_fixed(&running, &fresh); /* the daemon goes on with this one */
    struct config again;
    assert_loads(&again, "[refresh]\nmargin = 2min\n[redis]\nprefix = x:");
    CLEANUP(config_faults_deinit) struct config_faults still = {0};
    config_find_fixed(&fresh, &again, &still);
    assert_int_equal(still.count, 1);
    assert_string_equal(still.lines[0].data, "[redis] prefix");
    config_deinit(&again);
    config_deinit(&running);
    config_deinit(&fresh);
}

/* Files. */

static char directory[64];

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_directory(void **state UNUSED)
{
    char path[128];
    snprintf(directory, sizeof(directory), "/tmp/refreshd-config-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/r.conf.d", directory);
    return mkdir(path, 0700);
}

static int remove_directory(void **state UNUSED)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

static enum status load_files(struct config *config, struct config_faults *faults)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/r.conf", directory);
    return config_load(config, str_c(path), credentials, faults);
}

static void drop_ins_replace_in_order(void **state UNUSED)
{
    put("r.conf", "[redis]\nprefix = a:\n[store]\nidentity = kept");
    put("r.conf.d/20.conf", "[redis]\nprefix = c:");
    put("r.conf.d/10.conf", "[redis]\nprefix = b:");
    put("r.conf.d/30.conf.off", "[redis]\nprefix = d:");
    put("r.conf.d/.40.conf", "[redis]\nprefix = e:");
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(load_files(&config, &faults), STATUS_OK);
    assert_string_equal(config.redis.prefix.data, "c:");
    assert_string_equal(config.store.identity.data, "kept");
    config_deinit(&config);
}

static void mistakes_name_the_drop_in(void **state UNUSED)
{
    put("r.conf", "");
    put("r.conf.d/10.conf", "\n[redis]\nprefix =");
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(load_files(&config, &faults), STATUS_INVALID);
    assert_non_null(strstr(faults.lines[0].data, "/r.conf.d/10.conf:3: [redis] prefix"));
}

static void mistakes_stand_in_the_order_of_files(void **state UNUSED)
{
    static const char *const expected[] = {
        "/r.conf:2: [events] retention", "/r.conf.d/10.conf:1: unknown section [nowhere]",
        "/r.conf.d/10.conf:3: [refresh] jitter", "/r.conf.d/20.conf:2: unknown key \"naem\""};
    put("r.conf", "[events]\nretention = 1\n[refresh]\njitter = 2%");
    put("r.conf.d/20.conf", "[daemon]\nnaem = b");
    put("r.conf.d/10.conf", "[nowhere]\n[refresh]\njitter = 1");
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(load_files(&config, &faults), STATUS_INVALID);
    assert_int_equal(faults.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_non_null(strstr(faults.lines[i].data, expected[i]));
}

/* Names of users and files are judged by others, who tell it like this. */
static void a_key_is_told_where_it_stands(void **state UNUSED)
{
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    struct error why;
    (void)error_set(&why, STATUS_INVALID, "no such user");
    assert_loads(&config, "\n[access]\nadmin = ana");
    config_tell_key(&config, "access", "admin", &why, &faults);
    config_tell_key(&config, "access", "operator", &why, &faults);
    assert_string_equal(faults.lines[0].data, "t.conf:3: [access] admin: no such user");
    assert_string_equal(faults.lines[1].data, "t.conf: [access] operator: no such user");
    config_deinit(&config);
}

static void no_file_is_a_mistake(void **state UNUSED)
{
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    char path[128];
    snprintf(path, sizeof(path), "%s/r.conf", directory);
    /* Without a credentials directory the default key file is a mistake too, but that is no news.
     */
    assert_int_equal(config_load(&config, str_c(path), STR_NONE, &faults), STATUS_INVALID);
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.lines[0].data, "/r.conf: can't be read: No such file"));
}

static void a_huge_file_is_a_mistake(void **state UNUSED)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    while (text.len <= CONFIG_FILE_BYTES_MAX)
        buf_append(&text, STR("; a comment that goes on and on and on and on and on and on\n"));
    put("r.conf", buf_c(&text));
    struct config config;
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    assert_int_equal(load_files(&config, &faults), STATUS_INVALID);
    assert_non_null(
        strstr(faults.lines[0].data, "r.conf: can't be read: expected at most 1048576 bytes"));
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_loads),
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(values_are_typed),
        cmocka_unit_test(names_are_split),
        cmocka_unit_test(spans_are_sorted),
        cmocka_unit_test(each_mistake_is_told),
        cmocka_unit_test(all_mistakes_are_told),
        cmocka_unit_test(mistakes_stand_in_the_order_of_lines),
        cmocka_unit_test(a_default_is_no_mistake_beside_a_line_not_understood),
        cmocka_unit_test(a_key_is_told_where_it_stands),
        cmocka_unit_test(a_thousand_mistakes_are_bounded),
        cmocka_unit_test(lines_have_an_end),
        cmocka_unit_test(a_nul_byte_is_a_mistake),
        cmocka_unit_test(no_credentials_directory),
        cmocka_unit_test(no_mistake_shows_a_password),
        cmocka_unit_test(reload_tells_what_it_cant_take_over),
        WITH_FILES(drop_ins_replace_in_order),
        WITH_FILES(mistakes_name_the_drop_in),
        WITH_FILES(mistakes_stand_in_the_order_of_files),
        WITH_FILES(no_file_is_a_mistake),
        WITH_FILES(a_huge_file_is_a_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
