#include "unit/control/fake_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int64_t admins[] = {1001}, admin_groups[] = {2001};
static int64_t platforms[] = {1002}, platform_groups[] = {2002};
static int64_t operators[] = {1003}, operator_groups[] = {2003};

const struct access_rules fake_rules = {
    .own_uid = FAKE_OWN_UID,
    .admin = {.uids = admins, .uid_count = 1, .gids = admin_groups, .gid_count = 1},
    .platform = {.uids = platforms, .uid_count = 1, .gids = platform_groups, .gid_count = 1},
    .operator_ = {.uids = operators, .uid_count = 1, .gids = operator_groups, .gid_count = 1},
};

struct now client_now(const struct client *client)
{
    return (struct now){.ms = client->now_ms, .wall_ms = client->now_ms};
}

static void drop_session(struct client *client)
{
    struct session *session = client->session;
    client->session = NULL;
    session_free(session);
}

static void take_bytes(void *ctx, struct str bytes)
{
    struct client *client = ctx;
    assert_int_equal(client->finished, 0);
    buf_append(&client->heard, bytes);
    if (client->reads_slowly)
        client->unread += bytes.len;
    if (client->frees_on_write)
        drop_session(client);
}

static void take_finish(void *ctx)
{
    struct client *client = ctx;
    client->finished++;
    if (client->frees_on_finish)
        drop_session(client);
}

static size_t backlog(void *ctx)
{
    const struct client *client = ctx;
    return client->unread;
}

static enum status reload(void *ctx, struct json *fixed, struct error *ret_error)
{
    struct client *client = ctx;
    client->reloads++;
    if (client->reload_status != STATUS_OK)
        return error_set(ret_error, client->reload_status,
                         "refreshd.conf:3: unknown key \"sokcet\"");
    if (client->fixed_key != NULL)
        json_append_text(fixed, str_c(client->fixed_key));
    return STATUS_OK;
}

static void take_log(void *ctx, const struct log_record *record)
{
    struct client *client = ctx;
    buf_printf(&client->logged, "%s\n", record->event);
}

void client_connect(struct client *client, int64_t uid)
{
    *client = (struct client){.engine = fake_engine_new(), .now_ms = FAKE_NOW_MS};
    client->log = (struct log){.level = LOG_LEVEL_DEBUG, .ctx = client, .write = take_log};
    client->control =
        control_new(client->engine, &fake_rules,
                    (struct control_hooks){.ctx = client, .log = &client->log, .reload = reload});
    client->output = (struct session_output){
        .ctx = client, .write = take_bytes, .finish = take_finish, .backlog = backlog};
    const struct session_peer peer = {.uid = uid, .gid = uid, .pid = 4711};
    client->session = session_new(client->control, &peer, client->output, client_now(client));
}

void client_say(struct client *client, const char *text)
{
    session_feed(client->session, str_c(text), client_now(client));
}

void client_leave(struct client *client)
{
    drop_session(client);
    assert_int_equal(control_calls_in_flight(client->control), fake_engine_held(client->engine));
    assert_int_equal(fake_engine_watchers(client->engine), 0);
    fake_engine_free(client->engine);
    assert_int_equal(control_calls_in_flight(client->control), 0);
    control_free(client->control);
    buf_deinit(&client->heard);
    buf_deinit(&client->logged);
}

void client_leave_all_at_once(struct client *client)
{
    drop_session(client);
    control_free(client->control);
    fake_engine_free(client->engine);
    buf_deinit(&client->heard);
    buf_deinit(&client->logged);
}

bool matches(struct str text, struct str pattern)
{
    size_t star = str_find_byte(pattern, '*');
    if (star == pattern.len)
        return str_eq(text, pattern);
    if (!str_starts_with(text, str_slice(pattern, 0, star)))
        return false;
    struct str rest = str_slice(pattern, star + 1, pattern.len);
    for (size_t from = star; from <= text.len; from++) {
        if (matches(str_slice(text, from, text.len), rest))
            return true;
    }
    return false;
}

void assert_answers(struct client *client, const char *pattern)
{
    if (!matches(buf_str(&client->heard), str_c(pattern)))
        fail_msg("expected\n%s\nheard\n%.2000s", pattern, buf_c(&client->heard));
    buf_clear(&client->heard);
}

size_t count_lines(const struct client *client)
{
    size_t count = 0;
    for (size_t i = 0; i < client->heard.len; i++)
        count += client->heard.data[i] == '\n' ? 1 : 0;
    return count;
}
