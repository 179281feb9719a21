/** A world in memory for refreshctl's tests: files, answers to prompts, output, environment. */
#ifndef TESTS_CTL_FAKE_WORLD_H
#define TESTS_CTL_FAKE_WORLD_H

#include "common/memory.h"
#include "ctl/world.h"

#include <string.h>

/* 2026-11-23T02:04:00Z. */
#define FAKE_NOW_MS INT64_C(1795399440000)

struct fake_world {
    struct world world;
    const char *stdin_text;  /* what "-" reads */
    const char *file_text;   /* what the file "file" reads; others are not there */
    const char *typed;       /* the answer to a prompt for a secret; NULL: no terminal */
    bool yes;                /* the answer to a question */
    bool terminal;           /* all three streams are one */
    bool is_full;            /* standard output takes nothing */
    const char *socket_path; /* REFRESHD_SOCKET */
    struct buf out, err;
    struct buf questions;
    bool browser;      /* is there one? */
    struct buf opened; /* addresses shown in it */
    size_t prompts;
    int sleeps;
};

static inline int64_t fake_now_ms(void *ctx UNUSED)
{
    return FAKE_NOW_MS;
}

static inline enum status fake_read_file(void *ctx, const char *path, struct buf *out,
                                         struct error *err)
{
    const struct fake_world *fake = ctx;
    const char *text = strcmp(path, "-") == 0      ? fake->stdin_text
                       : strcmp(path, "file") == 0 ? fake->file_text
                                                   : NULL;
    if (text == NULL)
        return error_set(err, STATUS_NOT_FOUND, "%s: no such file", path);
    buf_append(out, str_c(text));
    return STATUS_OK;
}

static inline enum status fake_ask_secret(void *ctx, const char *question, struct buf *out,
                                          struct error *err)
{
    struct fake_world *fake = ctx;
    buf_append(&fake->questions, str_c(question));
    fake->prompts++;
    if (fake->typed == NULL)
        return error_set(err, STATUS_UNAVAILABLE, "no terminal");
    buf_append(out, str_c(fake->typed));
    return STATUS_OK;
}

static inline bool fake_confirm(void *ctx, const char *question)
{
    struct fake_world *fake = ctx;
    buf_append(&fake->questions, str_c(question));
    return fake->yes;
}

static inline bool fake_is_terminal(void *ctx, enum world_stream stream UNUSED)
{
    return ((struct fake_world *)ctx)->terminal;
}

static inline const char *fake_variable(void *ctx, const char *name)
{
    return strcmp(name, "REFRESHD_SOCKET") == 0 ? ((struct fake_world *)ctx)->socket_path : NULL;
}

static inline bool fake_is_utf8(void *ctx UNUSED)
{
    return true;
}

static inline enum status fake_write(void *ctx, enum world_stream stream, struct str text,
                                     struct error *err)
{
    struct fake_world *fake = ctx;
    if (stream == WORLD_OUT && fake->is_full)
        return error_set(err, STATUS_UNAVAILABLE, "can't write standard output: it is full");
    buf_append(stream == WORLD_OUT ? &fake->out : &fake->err, text);
    return STATUS_OK;
}

static inline void fake_sleep_ms(void *ctx, int64_t ms UNUSED)
{
    ((struct fake_world *)ctx)->sleeps++;
}

static inline bool fake_open_browser(void *ctx, const char *url)
{
    struct fake_world *fake = ctx;
    buf_append(&fake->opened, str_c(url));
    return fake->browser;
}

static inline void fake_world_init(struct fake_world *fake)
{
    *fake = (struct fake_world){
        .world = {.ctx = fake,
                  .out_fd = -1,
                  .now_ms = fake_now_ms,
                  .read_file = fake_read_file,
                  .ask_secret = fake_ask_secret,
                  .confirm = fake_confirm,
                  .is_terminal = fake_is_terminal,
                  .variable = fake_variable,
                  .is_utf8 = fake_is_utf8,
                  .write = fake_write,
                  .sleep_ms = fake_sleep_ms,
                  .open_browser = fake_open_browser},
    };
}

static inline void fake_world_deinit(struct fake_world *fake)
{
    buf_deinit(&fake->out);
    buf_deinit(&fake->err);
    buf_deinit(&fake->questions);
    buf_deinit(&fake->opened);
}

/** Words of a line, separated by '|' so that they may hold blanks, behind "refreshctl". */
enum { FAKE_ARGS_MAX = 24 };
struct fake_line {
    char text[1024];
    char *argv[FAKE_ARGS_MAX];
    int argc;
};

static inline void fake_line_split(struct fake_line *line, const char *words)
{
    str_copy_cut(str_c(words), line->text, sizeof(line->text));
    static char name[] = "refreshctl";
    line->argv[0] = name;
    line->argc = 1;
    char *rest = words[0] != '\0' ? line->text : NULL;
    while (rest != NULL && line->argc < FAKE_ARGS_MAX)
        line->argv[line->argc++] = strsep(&rest, "|");
}

#endif
