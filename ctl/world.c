#include "ctl/world.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, SECRET_LINE_MAX = 16 * 1024 };

static int64_t now_ms(void *ctx UNUSED)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status read_all(int fd, const char *path, struct buf *out, struct error *err)
{
    char bytes[READ_BYTES];
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, STATUS_INVALID, "%s: %s", path, strerror(errno));
        if (got == 0)
            break;
        bool fits = buf_append(out, (struct str){.data = bytes, .len = (size_t)got});
        explicit_bzero(bytes, (size_t)got);
        if (!fits)
            return error_set(err, STATUS_INVALID, "%s: longer than %d bytes", path, WORLD_FILE_MAX);
    }
    return STATUS_OK;
}

static enum status read_file(void *ctx UNUSED, const char *path, struct buf *out, struct error *err)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", out, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_INVALID, "%s: %s", path,
                         strerror(errno));
    enum status status = read_all(fd, path, out, err);
    close(fd);
    return status;
}

/* One line without its end. The key that interrupts, which the terminal gives as a byte while we
 * ask, makes it false. */
static bool read_line(int fd, cc_t interrupt, struct buf *out)
{
    for (;;) {
        char byte;
        ssize_t got = read(fd, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || byte == '\n')
            return true;
        if ((cc_t)byte == interrupt)
            return false;
        buf_append_byte(out, byte);
    }
}

/* Echo must be back whatever is typed: the interrupt ends the line instead of the process. */
static bool read_silently(int fd, const struct termios *before, const char *question,
                          struct buf *out)
{
    struct termios silent = *before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    silent.c_cc[VEOL] = before->c_cc[VINTR];
    tcsetattr(fd, TCSAFLUSH, &silent);
    bool asked = write(fd, question, strlen(question)) >= 0;
    bool answered = asked && read_line(fd, before->c_cc[VINTR], out);
    tcsetattr(fd, TCSAFLUSH, before);
    return write(fd, "\n", 1) >= 0 && answered;
}

static enum status ask_secret(void *ctx UNUSED, const char *question, struct buf *out,
                              struct error *err)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios before;
    if (fd < 0 || tcgetattr(fd, &before) != 0) {
        if (fd >= 0)
            close(fd);
        return error_set(err, STATUS_UNAVAILABLE, "there is no terminal to ask on");
    }
    out->max = SECRET_LINE_MAX;
    bool answered = read_silently(fd, &before, question, out);
    close(fd);
    if (!answered) {
        raise(SIGINT);
        return error_set(err, STATUS_INVALID, "interrupted");
    }
    if (out->overflowed)
        return error_set(err, STATUS_INVALID, "a secret has at most %d bytes", SECRET_LINE_MAX);
    return STATUS_OK;
}

static bool confirm(void *ctx UNUSED, const char *question)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    CLEANUP(buf_deinit) struct buf answer = {.max = 256};
    bool asked = write(fd, question, strlen(question)) >= 0;
    bool answered = asked && read_line(fd, _POSIX_VDISABLE, &answer);
    close(fd);
    struct str word = str_trim(buf_str(&answer));
    return answered && (str_eq_nocase(word, STR("y")) || str_eq_nocase(word, STR("yes")));
}

static bool is_terminal(void *ctx UNUSED, enum world_stream stream)
{
    return isatty((int)stream) == 1;
}

static const char *variable(void *ctx UNUSED, const char *name)
{
    return getenv(name);
}

static bool is_utf8(void *ctx UNUSED)
{
    return setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static enum status write_text(void *ctx UNUSED, enum world_stream stream, struct str text,
                              struct error *err)
{
    while (text.len > 0) {
        ssize_t written = write((int)stream, text.data, text.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set(err, STATUS_UNAVAILABLE, "can't write standard %s: %s",
                             stream == WORLD_OUT ? "output" : "error", strerror(errno));
        text = str_slice(text, (size_t)written, text.len);
    }
    return STATUS_OK;
}

static void sleep_ms(void *ctx UNUSED, int64_t ms)
{
    struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    nanosleep(&span, NULL);
}

/* NULL where it is empty. */
static const char *find_variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* In a session of its own: what interrupts us is not meant for it. */
static bool spawn_silently(const char *program, const char *url)
{
    char *const argv[] = {strdup(program), strdup(url), NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    bool is_begun = argv[0] != NULL && argv[1] != NULL &&
                    posix_spawnp(&pid, program, &files, &attributes, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    free(argv[0]);
    free(argv[1]);
    return is_begun;
}

static bool open_browser(void *ctx UNUSED, const char *url)
{
    const char *program = find_variable("BROWSER");
    if (program != NULL)
        return spawn_silently(program, url);
    bool has_display = find_variable("DISPLAY") != NULL || find_variable("WAYLAND_DISPLAY") != NULL;
    return has_display && spawn_silently("xdg-open", url);
}

void world_init(struct world *world)
{
    _Static_assert(WORLD_IN == STDIN_FILENO && WORLD_OUT == STDOUT_FILENO &&
                       WORLD_ERR == STDERR_FILENO,
                   "streams are the descriptors");
    *world = (struct world){
        .out_fd = STDOUT_FILENO,
        .now_ms = now_ms,
        .read_file = read_file,
        .ask_secret = ask_secret,
        .confirm = confirm,
        .is_terminal = is_terminal,
        .variable = variable,
        .is_utf8 = is_utf8,
        .write = write_text,
        .sleep_ms = sleep_ms,
        .open_browser = open_browser,
    };
}
