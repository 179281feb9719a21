/* The control socket with a session of the test's own behind it: what is read reaches it, what it
 * says arrives, and no client harms another. */
#include "io/control_unix.h"
#include "io/control_unix_listener.h"

#include "common/buf.h"
#include "common/memory.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* The session: a line "big N" is answered by N bytes, "late" at the next turn, "end" by the last
 * word, "wait" starts a deadline; any other line comes back. */

struct control {
    size_t sessions;
    size_t half_closes;
    size_t drained;
    struct session_peer last_peer;
    struct session *late;
};

struct session {
    struct control *control;
    struct session_output output;
    int64_t deadline_ms;
    struct buf line;
};

struct session *session_new(struct control *control, const struct session_peer *peer,
                            struct session_output output, struct now now UNUSED)
{
    struct session *session = memory_new(sizeof(*session));
    session->control = control;
    session->output = output;
    control->sessions++;
    control->last_peer = *peer;
    return session;
}

void session_free(struct session *session)
{
    session->control->sessions--;
    if (session->control->late == session)
        session->control->late = NULL;
    buf_deinit(&session->line);
    free(session);
}

static void take_line(struct session *session, struct str line, struct now now)
{
    const struct session_output *output = &session->output;
    if (str_starts_with(line, STR("big "))) {
        size_t size = (size_t)atol(line.data + 4);
        char *bytes = malloc(size);
        memset(bytes, 'b', size);
        output->write(output->ctx, (struct str){.data = bytes, .len = size});
        free(bytes);
    } else if (str_eq(line, STR("end"))) {
        output->write(output->ctx, STR("bye\n"));
        output->finish(output->ctx);
    } else if (str_eq(line, STR("late"))) {
        session->control->late = session;
    } else if (str_eq(line, STR("wait"))) {
        session->deadline_ms = now.ms + 100;
    } else {
        output->write(output->ctx, line);
        output->write(output->ctx, STR("\n"));
    }
}

void session_feed(struct session *session, struct str bytes, struct now now)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != '\n') {
            buf_append_byte(&session->line, bytes.data[i]);
            continue;
        }
        buf_c(&session->line);
        take_line(session, buf_str(&session->line), now);
        buf_clear(&session->line);
    }
}

void session_half_close(struct session *session, struct now now UNUSED)
{
    session->control->half_closes++;
    if (session->control->late != session)
        session->output.finish(session->output.ctx);
}

void session_drained(struct session *session, struct now now UNUSED)
{
    session->control->drained++;
}

int64_t session_deadline_ms(const struct session *session)
{
    return session->deadline_ms;
}

void session_tick(struct session *session, struct now now)
{
    assert_true(now.ms >= session->deadline_ms);
    session->deadline_ms = TIME_NONE;
    session->output.write(session->output.ctx, STR("too slow\n"));
    session->output.finish(session->output.ctx);
}

size_t control_calls_in_flight(const struct control *control UNUSED)
{
    return 0;
}

/* The bed. */

struct bed {
    char directory[64];
    char path[100];
    struct control control;
    struct loop *loop;
    struct control_unix *server;
    struct log log;
    size_t turns;
    size_t pauses; /* told in the log */
    size_t closings;
    int64_t ahead_ms; /* of the machine's clock */
};

static struct now bed_now(void *ctx)
{
    const struct bed *bed = ctx;
    return (struct now){.ms = clock_read().boot_ms + bed->ahead_ms};
}

static int64_t bed_turn(void *ctx, struct now now)
{
    struct bed *bed = ctx;
    struct session *late = bed->control.late;
    bed->turns++;
    bed->control.late = NULL;
    if (late != NULL) {
        late->output.write(late->output.ctx, STR("at last\n"));
        late->output.finish(late->output.ctx);
    }
    return now.ms + 20; /* so that a test that waits in vain ends */
}

static void bed_log(void *ctx, const struct log_record *record)
{
    struct bed *bed = ctx;
    bed->pauses += strcmp(record->event, "control.accept_paused") == 0;
    bed->closings += strcmp(record->event, "control.closing") == 0;
}

static enum status bed_listen(struct bed *bed, struct control_unix **out, struct error *err)
{
    const struct control_unix_config config = {
        .path = bed->path, .mode = 0620, .gid = -1, .inherited_fd = -1};
    return control_unix_new(bed->loop, &bed->control, &config, &bed->log, out, err);
}

static void bed_init(struct bed *bed)
{
    struct error err;
    *bed = (struct bed){.directory = "/tmp/refreshd-unix-XXXXXX"};
    bed->log = (struct log){.level = LOG_LEVEL_DEBUG, .ctx = bed, .write = bed_log};
    assert_non_null(mkdtemp(bed->directory));
    snprintf(bed->path, sizeof(bed->path), "%s/control.sock", bed->directory);
    bed->loop = loop_new((struct loop_turn){.ctx = bed, .read_now = bed_now, .run = bed_turn});
    assert_int_equal(bed_listen(bed, &bed->server, &err), STATUS_OK);
}

static void bed_deinit(struct bed *bed)
{
    control_unix_free(bed->server);
    assert_int_equal(bed->control.sessions, 0);
    loop_free(bed->loop);
    unlink(bed->path);
    assert_int_equal(rmdir(bed->directory), 0);
}

static int try_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy_cut(str_c(path), address.sun_path, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int bed_connect(struct bed *bed)
{
    int fd = try_connect(bed->path);
    assert_true(fd >= 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/** Rounds until the answer is there: exactly this, and the end of file behind it where closed. */
static void expect(struct bed *bed, int fd, const char *text, bool closed)
{
    char got[1024];
    size_t len = 0;
    bool at_end = false;
    for (int i = 0; i < 500 && (len < strlen(text) || (closed && !at_end)); i++) {
        loop_run_once(bed->loop);
        ssize_t n = recv(fd, got + len, sizeof(got) - 1 - len, MSG_DONTWAIT);
        at_end = n == 0;
        len += n > 0 ? (size_t)n : 0;
    }
    got[len] = '\0';
    assert_string_equal(got, text);
    assert_int_equal(at_end, closed);
}

static void rounds(struct bed *bed, int count)
{
    for (int i = 0; i < count; i++)
        loop_run_once(bed->loop);
}

/* Tests. */

static void lines_go_both_ways(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    int one = bed_connect(&bed), two = bed_connect(&bed);
    say(one, "a\nb\nc");
    say(two, "x\n");
    expect(&bed, one, "a\nb\n", false);
    expect(&bed, two, "x\n", false);
    say(one, "d\n");
    expect(&bed, one, "cd\n", false);
    assert_int_equal(control_unix_clients(bed.server), 2);
    close(one);
    close(two);
    rounds(&bed, 3);
    assert_int_equal(control_unix_clients(bed.server), 0);
    bed_deinit(&bed);
}

static void the_last_word_is_heard(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    int fd = bed_connect(&bed);
    say(fd, "a\nend\n");
    expect(&bed, fd, "a\nbye\n", true);
    close(fd);
    bed_deinit(&bed);
}

static void half_closed_clients_get_their_answers(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    int fd = bed_connect(&bed);
    say(fd, "late\n");
    shutdown(fd, SHUT_WR);
    expect(&bed, fd, "at last\n", true);
    close(fd);
    bed_deinit(&bed);
}

static void gone_clients_are_not_half_closed(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    int fd = bed_connect(&bed);
    say(fd, "a\n");
    close(fd);
    rounds(&bed, 4);
    assert_int_equal(bed.control.half_closes, 0);
    assert_int_equal(control_unix_clients(bed.server), 0);
    bed_deinit(&bed);
}

/* Reads to the end of file: how many lines there were, all so long but for the last one. */
static size_t read_lines(int fd, size_t line_bytes, char *last, size_t size)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    char bytes[64 * 1024];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        buf_append(&text, (struct str){.data = bytes, .len = (size_t)got});
    assert_true(text.len > 0 && text.data[text.len - 1] == '\n'); /* nothing is half */
    size_t count = 0;
    struct str rest = buf_str(&text), line = {.len = line_bytes};
    size_t before = line_bytes;
    while (str_next_word(&rest, STR("\n"), &line)) {
        assert_int_equal(before, line_bytes);
        before = line.len;
        count++;
        str_copy_cut(line, last, size);
    }
    return count;
}

static void who_does_not_read_finds_out_why_when_it_does(void **state UNUSED)
{
    enum { LINES = 2000, LINE_BYTES = 1000 };
    struct bed bed;
    char line[LINE_BYTES + 1], last[LINE_BYTES + 1];
    memset(line, 'x', LINE_BYTES);
    memcpy(line + LINE_BYTES - 1, "\n", 2);
    bed_init(&bed);
    int fd = bed_connect(&bed);
    for (int i = 0; i < LINES; i++) {
        say(fd, line);
        if (i % 50 == 0)
            rounds(&bed, 2);
    }
    rounds(&bed, 20);
    bed.ahead_ms = CONTROL_UNIX_STALL_MS - 10 * 1000;
    rounds(&bed, 30);
    assert_int_equal(control_unix_clients(bed.server), 1);
    bed.ahead_ms = CONTROL_UNIX_STALL_MS + 1000;
    for (int i = 0; i < 500 && control_unix_clients(bed.server) > 0; i++)
        loop_run_once(bed.loop);
    assert_int_equal(control_unix_clients(bed.server), 0); /* its memory is free */
    assert_int_equal(bed.closings, 1);
    assert_in_range(read_lines(fd, LINE_BYTES - 1, last, sizeof(last)), 50, LINES - 50);
    assert_non_null(strstr(last, "\"id\":null,\"error\":"));
    assert_non_null(strstr(last, "\"code\":\"too_large\""));
    close(fd);
    bed_deinit(&bed);
}

static void who_reads_now_and_then_is_not_cut_off(void **state UNUSED)
{
    enum { SIZE = 1024 * 1024 };
    struct bed bed;
    char bytes[64 * 1024];
    bed_init(&bed);
    int fd = bed_connect(&bed);
    say(fd, "big 1048576\n");
    rounds(&bed, 5);
    size_t got = 0;
    for (int i = 0; i < 1000 && got < SIZE; i++) {
        bed.ahead_ms += CONTROL_UNIX_STALL_MS - 10 * 1000;
        rounds(&bed, 15); /* long enough for a look at deadlines */
        ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(got, SIZE);
    assert_int_equal(control_unix_clients(bed.server), 1);
    close(fd);
    bed_deinit(&bed);
}

static void peers_are_told_by_the_kernel(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    int fd = bed_connect(&bed);
    rounds(&bed, 2);
    assert_int_equal(bed.control.last_peer.uid, geteuid());
    assert_int_equal(bed.control.last_peer.gid, getegid());
    assert_int_equal(bed.control.last_peer.pid, getpid());
    int groups = getgroups(0, NULL);
    assert_int_equal(bed.control.last_peer.group_count, groups);
    close(fd);
    bed_deinit(&bed);
}

static void deadlines_are_kept(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    int fd = bed_connect(&bed);
    say(fd, "wait\n");
    expect(&bed, fd, "too slow\n", true);
    close(fd);
    bed_deinit(&bed);
}

static void big_answers_wait_for_their_reader(void **state UNUSED)
{
    enum { SIZE = 6 * 1024 * 1024 };
    struct bed bed;
    bed_init(&bed);
    int slow = bed_connect(&bed), quick = bed_connect(&bed);
    say(slow, "big 6291456\n");
    rounds(&bed, 3);
    say(slow, "not read while so much waits\n");
    say(quick, "x\n");
    expect(&bed, quick, "x\n", false);
    static char bytes[65536];
    size_t got = 0;
    while (got < SIZE) {
        loop_run_once(bed.loop);
        ssize_t n = recv(slow, bytes, MIN_OF(sizeof(bytes), SIZE - got), MSG_DONTWAIT);
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(bytes[i], 'b');
        got += n > 0 ? (size_t)n : 0;
    }
    expect(&bed, slow, "not read while so much waits\n", false);
    assert_true(bed.control.drained > 0);
    close(slow);
    close(quick);
    bed_deinit(&bed);
}

/* Read on until so many bytes have come in all. */
static void read_up_to(struct bed *bed, int fd, size_t *got, size_t wanted)
{
    static char bytes[65536];
    while (*got < wanted) {
        loop_run_once(bed->loop);
        ssize_t n = recv(fd, bytes, MIN_OF(sizeof(bytes), wanted - *got), MSG_DONTWAIT);
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        *got += n > 0 ? (size_t)n : 0;
    }
}

static void what_was_read_makes_room(void **state UNUSED)
{
    enum { MIB = 1024 * 1024 };
    struct bed bed;
    size_t got = 0;
    bed_init(&bed);
    int fd = bed_connect(&bed);
    say(fd, "big 7340032\n");
    read_up_to(&bed, fd, &got, 3 * MIB + MIB / 4); /* less than half of it: 3.75 MiB wait */
    say(fd, "big 4194304\n");
    read_up_to(&bed, fd, &got, 11 * MIB);
    say(fd, "x\n");
    expect(&bed, fd, "x\n", false);
    close(fd);
    bed_deinit(&bed);
}

static void readers_that_vanish_do_no_harm(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    int slow = bed_connect(&bed);
    say(slow, "big 6291456\n");
    rounds(&bed, 3);
    close(slow);
    rounds(&bed, 3);
    assert_int_equal(control_unix_clients(bed.server), 0);
    bed_deinit(&bed);
}

static void one_too_many_is_told(void **state UNUSED)
{
    static int fds[CONTROL_CLIENTS_MAX];
    struct bed bed;
    bed_init(&bed);
    size_t most =
        geteuid() == 0 ? (size_t)CONTROL_CLIENTS_MAX : (size_t)CONTROL_UNIX_CLIENTS_PER_UID_MAX;
    for (size_t i = 0; i < most; i++) {
        fds[i] = bed_connect(&bed);
        loop_run_once(bed.loop);
    }
    rounds(&bed, 10);
    assert_int_equal(control_unix_clients(bed.server), most);
    int fd = bed_connect(&bed);
    char got[512] = "";
    rounds(&bed, 3);
    assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
    assert_non_null(strstr(got, "\"code\":\"too_many\""));
    assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
    close(fd);
    say(fds[0], "still here\n");
    expect(&bed, fds[0], "still here\n", false);
    close(fds[1]);
    rounds(&bed, 3);
    fd = bed_connect(&bed);
    say(fd, "in\n");
    expect(&bed, fd, "in\n", false);
    close(fd);
    for (size_t i = 0; i < most; i++) {
        if (i != 1)
            close(fds[i]);
    }
    bed_deinit(&bed);
}

/* Out of descriptors, accepting pauses: no spinning, and it goes on afterwards. */
static void out_of_descriptors(void **state UNUSED)
{
    struct bed bed;
    bed_init(&bed);
    int fd = bed_connect(&bed);
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    size_t turns = bed.turns;
    int64_t until_ms = clock_read().boot_ms + 300;
    while (clock_read().boot_ms < until_ms)
        loop_run_once(bed.loop);
    assert_true(bed.turns - turns < 60);
    assert_int_equal(bed.pauses, 1);
    assert_int_equal(control_unix_clients(bed.server), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    say(fd, "patience\n");
    expect(&bed, fd, "patience\n", false);
    close(fd);
    bed_deinit(&bed);
}

static void mode_and_end_of_the_file(void **state UNUSED)
{
    struct bed bed;
    struct stat info;
    bed_init(&bed);
    assert_int_equal(stat(bed.path, &info), 0);
    assert_int_equal(info.st_mode & 07777U, 0620);
    int fd = bed_connect(&bed);
    rounds(&bed, 2);
    control_unix_stop_listening(bed.server);
    assert_int_equal(stat(bed.path, &info), -1);
    assert_int_equal(try_connect(bed.path), -1);
    say(fd, "served to the end\n");
    expect(&bed, fd, "served to the end\n", false);
    close(fd);
    bed_deinit(&bed);
}

static void a_living_daemon_is_not_pushed_aside(void **state UNUSED)
{
    struct bed bed;
    struct error err;
    struct control_unix *second = NULL;
    bed_init(&bed);
    assert_int_equal(bed_listen(&bed, &second, &err), STATUS_CONFLICT);
    assert_null(second);
    assert_non_null(strstr(err.text, "somebody listens there already; stop that one"));
    assert_int_equal(unix_listener_look(bed.path, -1, &err), STATUS_CONFLICT);
    int fd = bed_connect(&bed);
    say(fd, "x\n");
    expect(&bed, fd, "x\n", false);
    close(fd);
    bed_deinit(&bed);
}

static void what_stands_at_the_path(void **state UNUSED)
{
    struct bed bed;
    struct error err;
    bed_init(&bed);
    control_unix_free(bed.server);
    bed.server = NULL;

    int stale = socket(AF_UNIX, SOCK_STREAM, 0); /* bound, and its owner dies */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy_cut(str_c(bed.path), address.sun_path, sizeof(address.sun_path));
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
    close(stale);
    assert_int_equal(unix_listener_look(bed.path, -1, &err), STATUS_OK);
    assert_int_equal(access(bed.path, F_OK), 0);
    assert_int_equal(bed_listen(&bed, &bed.server, &err), STATUS_OK);
    control_unix_free(bed.server);
    bed.server = NULL;

    int file = open(bed.path, O_CREAT | O_WRONLY, 0600);
    close(file);
    assert_int_equal(bed_listen(&bed, &bed.server, &err), STATUS_INVALID);
    assert_non_null(
        strstr(err.text, "expected a socket or nothing there, found a file; remove it"));
    assert_int_equal(unix_listener_look(bed.path, -1, &err), STATUS_INVALID);
    assert_int_equal(access(bed.path, F_OK), 0);
    unlink(bed.path);

    struct control_unix_config config = {.mode = 0600, .gid = -1, .inherited_fd = -1};
    char long_path[200];
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    config.path = long_path;
    assert_int_equal(control_unix_new(bed.loop, &bed.control, &config, &bed.log, &bed.server, &err),
                     STATUS_INVALID);
    config.path = "/nonexistent/directory/control.sock";
    assert_int_equal(control_unix_new(bed.loop, &bed.control, &config, &bed.log, &bed.server, &err),
                     STATUS_UNAVAILABLE);
    assert_int_equal(unix_listener_look(config.path, -1, &err), STATUS_INVALID);
    assert_non_null(strstr(err.text, "/nonexistent/directory does not exist; make it"));
    bed_deinit(&bed);
}

static void inherited_sockets_are_taken_over(void **state UNUSED)
{
    struct bed bed;
    struct error err;
    bed_init(&bed);
    control_unix_free(bed.server);
    bed.server = NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy_cut(str_c(bed.path), address.sun_path, sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    struct control_unix_config config = {.gid = -1, .inherited_fd = dup(fd)};
    assert_int_equal(control_unix_new(bed.loop, &bed.control, &config, &bed.log, &bed.server, &err),
                     STATUS_INVALID); /* does not listen */
    assert_int_equal(listen(fd, 8), 0);
    config.inherited_fd = dup(fd);
    assert_int_equal(control_unix_new(bed.loop, &bed.control, &config, &bed.log, &bed.server, &err),
                     STATUS_OK);
    int client = bed_connect(&bed);
    say(client, "x\n");
    expect(&bed, client, "x\n", false);
    close(client);
    control_unix_stop_listening(bed.server);
    client = try_connect(bed.path); /* queues for whoever listens next */
    assert_true(client >= 0);
    close(client);
    close(fd);
    bed_deinit(&bed);
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL); /* none may come */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_go_both_ways),
        cmocka_unit_test(the_last_word_is_heard),
        cmocka_unit_test(half_closed_clients_get_their_answers),
        cmocka_unit_test(gone_clients_are_not_half_closed),
        cmocka_unit_test(who_does_not_read_finds_out_why_when_it_does),
        cmocka_unit_test(who_reads_now_and_then_is_not_cut_off),
        cmocka_unit_test(peers_are_told_by_the_kernel),
        cmocka_unit_test(deadlines_are_kept),
        cmocka_unit_test(big_answers_wait_for_their_reader),
        cmocka_unit_test(what_was_read_makes_room),
        cmocka_unit_test(readers_that_vanish_do_no_harm),
        cmocka_unit_test(one_too_many_is_told),
        cmocka_unit_test(out_of_descriptors),
        cmocka_unit_test(mode_and_end_of_the_file),
        cmocka_unit_test(a_living_daemon_is_not_pushed_aside),
        cmocka_unit_test(what_stands_at_the_path),
        cmocka_unit_test(inherited_sockets_are_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
