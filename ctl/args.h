/**
 * The command line → what is asked for: options, verb, and the method's parameters as JSON, checked
 * against the one table. Secrets come from a file, standard input or a prompt, never from argv.
 *
 *     refreshctl rotate gcal --client-secret-file new.txt --json
 *       → verb rotate, params {"connector":"gcal","client_secret":"…"}, json
 *
 * Nothing is read and nobody is asked before the line as such is known to be right.
 */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include "ctl/style.h"
#include "ctl/verb.h"
#include "ctl/world.h"

#define ARGS_SOCKET_DEFAULT "/run/refreshd/control.sock"

/** How long an answer may take: longer than the longest request to a provider (120 s). */
enum { ARGS_TIMEOUT_MS_DEFAULT = 150 * 1000 };

struct args {
    bool help, version;
    bool json, jsonl;
    bool quiet;         /* -q: only the token, only the ids */
    bool yes;           /* -y: do not ask */
    bool all;           /* --all: follow next_cursor to the end */
    const char *socket; /* NULL: not given */
    enum style_when colour;
    int64_t timeout_ms;
    bool has_verb;
    struct verb verb;
    const char *word;    /* the one argument of a verb that needs no daemon, or NULL */
    struct json *params; /* of a verb with a method: owned */
};

/**
 * @argv   kept by reference: socket and word point into it
 * @ret    on STATUS_OK the caller's: args_deinit(). On failure the options seen so far are in it,
 *         since they say how the error is to be shown; args_deinit() it all the same.
 *
 * STATUS_INVALID: the line is wrong, err says how. STATUS_UNAVAILABLE, STATUS_NOT_FOUND: a file or
 * the terminal could not be read. Blocks where the line says so.
 */
MUST_CHECK enum status args_parse(int argc, char *const *argv, const struct world *world,
                                  struct args *ret, struct error *err);
void args_deinit(struct args *args);

#endif
