#include "fake_daemon.h"

#include "common/json.h"
#include "ctl/run.h"
#include "fake_world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* One request read, one text written ("$ID" becomes its id). NULL: hang up. */
struct server {
    char folder[64], path[96];
    int listener;
    pthread_t thread;
    const char *const *answers; /* up to NULL NULL: a NULL ends one connection, two end all */
    struct buf requests;        /* all lines received */
};

static bool read_request(int fd, struct buf *line)
{
    char byte;
    while (recv(fd, &byte, 1, 0) == 1) {
        buf_append_byte(line, byte);
        if (byte == '\n')
            return true;
    }
    return false;
}

static void answer(int fd, const char *text, struct str request)
{
    CLEANUP(json_freep) struct json *json = NULL;
    if (json_parse(request, JSON_LIMITS_DEFAULT, &json, NULL) != STATUS_OK)
        return;
    CLEANUP(buf_deinit) struct buf out = {0};
    const char *mark = strstr(text, "$ID");
    if (mark != NULL) {
        buf_append(&out, (struct str){.data = text, .len = (size_t)(mark - text)});
        buf_printf(&out, "%lld%s", (long long)json_i64(json_get(json, "id"), 0), mark + 3);
    } else {
        buf_append(&out, str_c(text));
    }
    buf_append_byte(&out, '\n');
    (void)send(fd, out.data, out.len, MSG_NOSIGNAL);
}

static void *serve(void *ctx)
{
    struct server *server = ctx;
    const char *const *next = server->answers;
    while (next[0] != NULL) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        for (; next[0] != NULL; next++) {
            CLEANUP(buf_deinit) struct buf line = {0};
            if (!read_request(fd, &line))
                break;
            buf_append(&server->requests, buf_str(&line));
            answer(fd, next[0], buf_str(&line));
        }
        close(fd);
        next++;
    }
    return NULL;
}

static void server_start(struct server *server, const char *const *answers)
{
    *server = (struct server){.answers = answers};
    snprintf(server->folder, sizeof(server->folder), "/tmp/ctl-test-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->path, sizeof(server->path), "%s/s", server->folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, server->path, strlen(server->path) + 1);
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->listener, 4), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    unlink(server->path);
    rmdir(server->folder);
    buf_deinit(&server->requests);
}

void fake_daemon_run_rows(const struct fake_daemon_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("  %s\n", rows[i].name);
        struct server server;
        server_start(&server, rows[i].answers);
        struct fake_world fake;
        fake_world_init(&fake);
        fake.socket_path = server.path;
        fake.terminal = rows[i].terminal;
        fake.yes = rows[i].yes;
        fake.is_full = rows[i].is_full;
        fake.stdin_text = rows[i].in;
        struct fake_line line;
        fake_line_split(&line, rows[i].line);
        assert_int_equal(run(line.argc, line.argv, &fake.world), rows[i].exit);
        assert_string_equal(buf_c(&fake.out), rows[i].out);
        if (strstr(buf_c(&fake.err), rows[i].err) == NULL)
            assert_string_equal(buf_c(&fake.err), rows[i].err);
        if (strstr(buf_c(&server.requests), rows[i].requests) == NULL)
            assert_string_equal(buf_c(&server.requests), rows[i].requests);
        server_stop(&server);
        fake_world_deinit(&fake);
    }
}
