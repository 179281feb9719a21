/**
 * The machine as refreshctl sees it, apart from the socket (ctl/client.h): clock, files, terminal,
 * environment, output. A struct of functions, so that tests run the whole command without any.
 *
 *     struct world world;
 *     world_init(&world);
 *     return run(argc, argv, &world);
 */
#ifndef CTL_WORLD_H
#define CTL_WORLD_H

#include "common/buf.h"

/** What is read from a file or from standard input is at most this long. */
enum { WORLD_FILE_MAX = 64 * 1024 * 1024 };

enum world_stream {
    WORLD_IN,
    WORLD_OUT,
    WORLD_ERR,
};

struct world {
    void *ctx;
    int out_fd; /* of WORLD_OUT, to see whether its reader has gone; -1: can't be seen */
    /** Milliseconds since 1970. */
    int64_t (*now_ms)(void *ctx);
    /**
     * Append the whole file; "-" is standard input. Blocks. The content counts as secret.
     * STATUS_NOT_FOUND, STATUS_INVALID: err names the path and why.
     */
    enum status (*read_file)(void *ctx, const char *path, struct buf *out, struct error *err);
    /**
     * Ask on the terminal, without echo. Blocks. STATUS_UNAVAILABLE: there is no terminal.
     */
    enum status (*ask_secret)(void *ctx, const char *question, struct buf *out, struct error *err);
    /** Ask for yes or no on the terminal; "no" is the answer to all but y and yes. */
    bool (*confirm)(void *ctx, const char *question);
    bool (*is_terminal)(void *ctx, enum world_stream stream);
    /** The environment variable or NULL. */
    const char *(*variable)(void *ctx, const char *name);
    /** Is the locale's character set UTF-8? */
    bool (*is_utf8)(void *ctx);
    /** To WORLD_OUT or WORLD_ERR, at once. STATUS_UNAVAILABLE: err says where and why not. */
    enum status (*write)(void *ctx, enum world_stream stream, struct str text, struct error *err);
    void (*sleep_ms)(void *ctx, int64_t ms);
    /** Show this address in a browser, and don't wait for it. False: there is none. */
    bool (*open_browser)(void *ctx, const char *url);
};

/** The real one. */
void world_init(struct world *world);

#endif
