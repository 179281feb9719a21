/**
 * `import` of more connections than one request may hold: the list is cut into requests that the
 * daemon takes, and their results are put together again, in the order of the list.
 *
 *     while (import_next(params, &position, &part)) … call … import_join(all, answer)
 */
#ifndef CTL_IMPORT_H
#define CTL_IMPORT_H

#include "common/rpc_methods.h"

/** Per request: the daemon takes 1,000 connections and FRAME_LINE_MAX bytes. */
enum { IMPORT_PART_MAX = 1000, IMPORT_PART_BYTES = 900 * 1000 };

/**
 * rpc_params_check() for any method; a list of connections is checked one by one, so that its
 * length does not count.
 */
MUST_CHECK enum status import_check(const struct rpc_method *method, const struct json *params,
                                    struct rpc_fault *ret_fault);
/** Is it a list that import_next() should cut up? */
bool import_is_list(const struct rpc_method *method, const struct json *params);
/**
 * The next part of the list as parameters of their own.
 * @position  from 0; moved past what is in the part
 * @out       the caller's to free
 * False at the end.
 */
bool import_next(const struct json *params, size_t *position, struct json **out);
/** Append the results of one part's answer to the array of all. */
void import_join(struct json *all, const struct json *result);
/** How many of the results are errors. */
size_t import_failures(const struct json *results);

#endif
