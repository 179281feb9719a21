/**
 * A blocking JSON-RPC 2.0 client over the control socket: one line out, lines in.
 *
 *     CLEANUP(client_freep) struct client *client = NULL;
 *     exit = client_open(path, &client, &err);
 *     exit = client_call(client, "token", params, timeout_ms, &answer, &err);
 *     const struct json *result = json_get(answer, "result");
 *
 * Results are exit statuses, since that is what each failure becomes; err says it for people.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "common/json.h"
#include "ctl/exit.h"

/** Answers may be longer than requests (FRAME_LINE_MAX): a list of 1,000 is. */
enum { CLIENT_ANSWER_MAX = 32 * 1024 * 1024 };

struct client;

/**
 * @path  of the Unix socket
 * @out   the caller's: client_free()
 *
 * CTL_EXIT_NO_DAEMON, CTL_EXIT_FORBIDDEN (the socket's mode), CTL_EXIT_USAGE (path too long).
 */
MUST_CHECK enum ctl_exit client_open(const char *path, struct client **out, struct error *err);
void client_free(struct client *client);
void client_freep(struct client **client);

/**
 * Send one request; blocks while the socket is full.
 * @ret_id  may be NULL
 * CTL_EXIT_USAGE: longer than the daemon takes. CTL_EXIT_NO_DAEMON: gone.
 */
MUST_CHECK enum ctl_exit client_send(struct client *client, const char *method,
                                     const struct json *params, int64_t *ret_id, struct error *err);
/**
 * The next message of any kind. Blocks.
 * @timeout_ms  below 0: for ever
 * @out         NULL on CTL_EXIT_OK: the reader of client_heed_reader() has gone
 * CTL_EXIT_NO_DAEMON: closed, or nothing came in time. CTL_EXIT_ERROR: not JSON-RPC.
 */
MUST_CHECK enum ctl_exit client_receive(struct client *client, int64_t timeout_ms,
                                        struct json **out, struct error *err);
/** While waiting, look whether anybody still reads at the other end of this descriptor, a pipe say;
 * -1: don't. Only for who calls client_receive() itself. */
void client_heed_reader(struct client *client, int fd);
/** Send and wait for the answer; what else comes meanwhile is dropped. *out has result or error. */
MUST_CHECK enum ctl_exit client_call(struct client *client, const char *method,
                                     const struct json *params, int64_t timeout_ms,
                                     struct json **out, struct error *err);
/** Does this message answer the request of that id? An error without id answers any. */
bool client_answers(const struct json *message, int64_t id);

#endif
