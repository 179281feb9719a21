/**
 * A method's parameters as they come together from a command line: flags and words first, then
 * what they point to (files, standard input, prompts), then the check against the table.
 *
 *     params_init(&params, world);
 *     params.method = rpc_method_find(STR("rotate"));
 *     params_word(&params, "gcal", err);                  // the positional "connector"
 *     params_flag(&params, flag, "new.txt", err);         // --client-secret-file new.txt
 *     params_finish(&params, &json, err);                 // reads new.txt
 */
#ifndef CTL_PARAMS_H
#define CTL_PARAMS_H

#include "ctl/flag.h"
#include "ctl/world.h"

enum { PARAMS_SOURCES_MAX = 16 };

/** A value that is still to be fetched. */
struct params_source {
    const struct rpc_param *param;
    const char *path; /* NULL: ask on the terminal */
};

struct params {
    const struct world *world;
    const struct rpc_method *method;
    const char *file;   /* --params: a JSON object below what the flags say; NULL: none */
    struct json *flags; /* what the line itself says */
    struct params_source sources[PARAMS_SOURCES_MAX];
    size_t source_count;
    size_t words; /* positional arguments so far */
};

void params_init(struct params *params, const struct world *world);
void params_deinit(struct params *params);

/** @value NULL where the flag had none. STATUS_INVALID: err says what was expected. */
MUST_CHECK enum status params_flag(struct params *params, struct flag flag, const char *value,
                                   struct error *err);
/** The next positional argument. */
MUST_CHECK enum status params_word(struct params *params, const char *text, struct error *err);
/**
 * Read what is to be read, check the whole. May block.
 * @out  the caller's to free; holds secrets
 */
MUST_CHECK enum status params_finish(struct params *params, struct json **out, struct error *err);

#endif
