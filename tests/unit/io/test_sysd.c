/* What systemd would hear: a socket of the test's own stands in for it. */
#include "io/sysd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int notify_fd;

/** An abstract socket in NOTIFY_SOCKET's place. */
static int listen_for_notifications(void **state UNUSED)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    snprintf(name, sizeof(name), "@refreshd-test-%d", (int)getpid());
    memcpy(address.sun_path, name, strlen(name));
    address.sun_path[0] = '\0';
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    return setenv("NOTIFY_SOCKET", name, 1) != 0 ||
           bind(notify_fd, (struct sockaddr *)&address, len) != 0;
}

static void heard(const char *expected)
{
    char text[512];
    ssize_t got = recv(notify_fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    assert_true(got >= 0);
    text[got] = '\0';
    assert_string_equal(text, expected);
}

static void notifications(void **state UNUSED)
{
    sysd_notify_ready("serving");
    heard("READY=1\nSTATUS=serving\n");
    sysd_notify_ready(NULL);
    heard("READY=1\n");
    sysd_notify_reloading(1234567);
    heard("RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=reloading\n");
    sysd_notify_stopping("3 requests under way");
    heard("STOPPING=1\nSTATUS=3 requests under way\n");
    sysd_notify_watchdog();
    heard("WATCHDOG=1\n");
    sysd_notify_extend(5000);
    heard("EXTEND_TIMEOUT_USEC=5000000\n");
    sysd_notify_status("one line\nERRNO=5");
    heard("STATUS=one line\n");
}

static void the_watchdog_is_ours_only_by_its_variables(void **state UNUSED)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(sysd_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(sysd_watchdog_ms(), 30000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(sysd_watchdog_ms(), 0);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/** In a child: descriptors 3 and 4 as systemd hands them over. Exits 0 where all is as it should.
 */
static void take_in_child(void)
{
    char pid[16];
    int surplus = -1;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    int null = open("/dev/null", O_RDONLY);
    if (dup2(null, 3) != 3 || dup2(null, 4) != 4)
        _exit(1);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "2", 1);
    if (sysd_take_listener(&surplus) != 3 || surplus != 1)
        _exit(2);
    if ((fcntl(3, F_GETFD) & FD_CLOEXEC) == 0 || fcntl(4, F_GETFD) != -1)
        _exit(3);
    if (sysd_take_listener(&surplus) != -1 || surplus != 0 || getenv("LISTEN_FDS") != NULL)
        _exit(4);
    _exit(0);
}

static void descriptors_are_taken_once(void **state UNUSED)
{
    int surplus = -1, status = -1;
    assert_int_equal(sysd_take_listener(&surplus), -1);
    assert_int_equal(surplus, 0);
    pid_t child = fork();
    if (child == 0)
        take_in_child();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void whether_stderr_is_the_journal(void **state UNUSED)
{
    struct stat info;
    char text[64];
    assert_int_equal(fstat(STDERR_FILENO, &info), 0);
    unsetenv("JOURNAL_STREAM");
    assert_false(sysd_stderr_is_journal());
    snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)info.st_dev,
             (unsigned long long)info.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
    assert_true(sysd_stderr_is_journal());
    static const char *const others[] = {"1:2", "", ":", "x:y", "12", "1:2:3"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        setenv("JOURNAL_STREAM", others[i], 1);
        assert_false(sysd_stderr_is_journal());
    }
    unsetenv("JOURNAL_STREAM");
}

/* Without a journal nothing is said, or it goes to standard error; never a crash. */
static void records_of_any_shape(void **state UNUSED)
{
    struct log_field fields[40];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        fields[i] = i % 2 == 0 ? LOG_I64("number", i) : LOG_TEXT("odd-name.x", STR("a\nB=c"));
    const struct log_record record = {.level = LOG_LEVEL_DEBUG,
                                      .event = "test.many",
                                      .message = "a record with more fields than fit",
                                      .fields = fields,
                                      .field_count = ARRAY_LEN(fields)};
    int keep = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    sysd_log_write(NULL, &record);
    dup2(keep, STDERR_FILENO);
    close(keep);
    close(null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notifications),
        cmocka_unit_test(the_watchdog_is_ours_only_by_its_variables),
        cmocka_unit_test(descriptors_are_taken_once),
        cmocka_unit_test(whether_stderr_is_the_journal),
        cmocka_unit_test(records_of_any_shape),
    };
    return cmocka_run_group_tests(tests, listen_for_notifications, NULL);
}
