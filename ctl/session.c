#include "ctl/session.h"

#include "ctl/fault.h"
#include "ctl/text.h"

#include <stdarg.h>
#include <stdio.h>

static struct view make_view(const struct world *world, const struct args *args,
                             enum world_stream stream)
{
    bool colour = style_wants_colour(args->colour, world->is_terminal(world->ctx, stream),
                                     world->variable(world->ctx, "NO_COLOR"),
                                     world->variable(world->ctx, "TERM"));
    return (struct view){
        .now_ms = world->now_ms(world->ctx),
        .style = {.colour = colour, .utf8 = world->is_utf8(world->ctx)},
        .quiet = args->quiet,
    };
}

void session_init(struct session *session, const struct world *world, const struct args *args)
{
    *session = (struct session){
        .world = world,
        .args = args,
        .view = make_view(world, args, WORLD_OUT),
        .err_view = make_view(world, args, WORLD_ERR),
    };
}

void session_deinit(struct session *session)
{
    client_free(session->client);
    session->client = NULL;
}

static const char *socket_path(const struct session *session)
{
    const char *variable = session->world->variable(session->world->ctx, "REFRESHD_SOCKET");
    if (session->args->socket != NULL)
        return session->args->socket;
    return variable != NULL && variable[0] != '\0' ? variable : ARGS_SOCKET_DEFAULT;
}

enum ctl_exit session_try_open(struct session *session, struct error *err)
{
    client_free(session->client);
    session->client = NULL;
    return client_open(socket_path(session), &session->client, err);
}

enum ctl_exit session_open(struct session *session)
{
    struct error err = {0};
    enum ctl_exit result = session_try_open(session, &err);
    if (result != CTL_EXIT_OK)
        session_tell_failure(session, result, &err);
    return result;
}

enum ctl_exit session_ask(struct session *session, const char *method, const struct json *params,
                          struct json **out)
{
    struct error err = {0};
    enum ctl_exit result =
        client_call(session->client, method, params, session->args->timeout_ms, out, &err);
    if (result != CTL_EXIT_OK)
        session_tell_failure(session, result, &err);
    return result;
}

enum ctl_exit session_call(struct session *session, const char *method, const struct json *params,
                           struct json **out)
{
    CLEANUP(json_freep) struct json *answer = NULL;
    enum ctl_exit result = session_ask(session, method, params, &answer);
    if (result != CTL_EXIT_OK)
        return result;
    const struct json *error = json_get(answer, "error");
    if (error != NULL) {
        session_tell_error(session, error);
        return fault_exit(error);
    }
    *out = json_copy(json_get(answer, "result"));
    return CTL_EXIT_OK;
}

bool session_is_json(const struct session *session)
{
    return session->args->json || session->args->jsonl;
}

static void write_error(const struct session *session, struct str text)
{
    (void)session->world->write(session->world->ctx, WORLD_ERR, text, NULL);
}

void session_tell_error(const struct session *session, const struct json *error)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    if (session_is_json(session)) {
        json_write(error, &text);
        buf_append_byte(&text, '\n');
    } else {
        fault_write(&session->err_view, session->args->verb.method, error, &text);
    }
    write_error(session, buf_str(&text));
}

static const char *failure_word(enum ctl_exit exit)
{
    switch (exit) {
    case CTL_EXIT_USAGE:
        return "usage";
    case CTL_EXIT_NO_DAEMON:
        return "no_daemon";
    case CTL_EXIT_FORBIDDEN:
        return "forbidden";
    case CTL_EXIT_OK:
    case CTL_EXIT_ERROR:
    case CTL_EXIT_NEEDS_RECONNECT:
        break;
    }
    return "failed";
}

void session_tell_failure(const struct session *session, enum ctl_exit exit,
                          const struct error *err)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    if (session_is_json(session)) {
        CLEANUP(json_freep) struct json *error = json_new_object();
        struct json *data = json_new_object();
        json_set_text(data, "code", str_c(failure_word(exit)));
        json_set_text(error, "message", str_c(err->text));
        json_set(error, "data", data);
        json_write(error, &text);
    } else {
        style_append(session->err_view.style, STYLE_RED, STR("refreshctl:"), &text);
        buf_append_byte(&text, ' ');
        text_clean(str_c(err->text), &text);
    }
    buf_append_byte(&text, '\n');
    write_error(session, buf_str(&text));
}

void session_remark(const struct session *session, const char *format, ...)
{
    if (session_is_json(session) || session->args->quiet)
        return;
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CLEANUP(buf_deinit) struct buf line = {0};
    if (len > 0)
        style_append(session->err_view.style, STYLE_DIM, str_c(text), &line);
    buf_append_byte(&line, '\n');
    write_error(session, buf_str(&line));
}

enum ctl_exit session_print(const struct session *session, struct str text)
{
    struct error err = {0};
    if (session->world->write(session->world->ctx, WORLD_OUT, text, &err) == STATUS_OK)
        return CTL_EXIT_OK;
    session_tell_failure(session, CTL_EXIT_ERROR, &err);
    return CTL_EXIT_ERROR;
}

enum ctl_exit session_print_json(const struct session *session, const struct json *value)
{
    CLEANUP(buf_deinit) struct buf text = {.secret = true};
    bool indented =
        !session->args->jsonl && session->world->is_terminal(session->world->ctx, WORLD_OUT);
    if (indented)
        json_write_pretty(value, &text);
    else
        json_write(value, &text);
    if (text.len == 0 || text.data[text.len - 1] != '\n')
        buf_append_byte(&text, '\n');
    return session_print(session, buf_str(&text));
}
