/**
 * What stands in an answer, before anybody says what it means: which kind of body, its members,
 * the error word and description under the names that the profile gives them.
 *
 *     CLEANUP(answer_deinit) struct answer read = {0};
 *     answer_read(profile, answer, &arena, &read);
 *     if (read.kind == BODY_OBJECT) … json_get(read.json, "access_token")
 */
#ifndef OAUTH_ANSWER_H
#define OAUTH_ANSWER_H

#include "oauth/classify.h"
#include "oauth/profile_data.h"

enum { ANSWER_BODY_MAX = 1024 * 1024, ANSWER_NUMBERS_MAX = 16, ANSWER_DEPTH_MAX = 32 };

struct answer {
    enum body_kind kind;
    const char *fault; /* why it is no object: "json_truncated"; NULL for an object */
    struct json *json; /* BODY_OBJECT; owned */
    struct str text;   /* the body without its BOM, borrowed */
    struct str error, description;
    struct str challenge_error; /* of the WWW-Authenticate header of a 4xx; counts where the body
                                   has no word */
    bool error_without_word;    /* an error member that is there and is no text */
    int64_t numbers[ANSWER_NUMBERS_MAX];
    size_t number_count;
};

/** @arena  keeps the texts of numbers that stand for words */
void answer_read(const struct profile *profile, const struct oauth_answer *from,
                 struct arena *arena, struct answer *ret);
void answer_deinit(struct answer *answer);

/** The first of the field's paths that is there, null included; then *ret_value is NULL. */
bool answer_find(const struct json *json, const struct field *field, const struct json **ret_value);
/** A scalar as text, numbers and booleans too; STR_NONE for what is none. */
struct str answer_scalar(const struct json *value, struct arena *arena);
/** A parameter of a WWW-Authenticate challenge (RFC 9110 §11.6.1): error of `Bearer error="…"`;
 * borrowed, quotes cut off; STR_NONE where there is none. */
struct str answer_challenge_param(const struct oauth_answer *answer, struct str name);
/** By name, in any case; STR_NONE where there is none. */
struct str answer_header(const struct oauth_answer *answer, struct str name);

#endif
