/**
 * Reading a profile's JSON by tables: each object has a table of its members, each member a
 * function that checks it and puts it where the table says. A wrong one ends the reading with
 * file, member path and what was expected.
 *
 *     static const struct habit access_token_habits[] = {
 *         {"lifetime_s", reader_take_seconds, offsetof(struct profile, access_token.lifetime_s)},
 *     };
 *     return reader_take_members(reader, path, value, access_token_habits, 1, reader->profile);
 */
#ifndef OAUTH_PROFILE_READER_H
#define OAUTH_PROFILE_READER_H

#include "oauth/profile_data.h"

struct profile_reader {
    struct profile *profile;
    bool allow_plain_loopback;
    struct error *err;
};

typedef enum status reader_take_fn(struct profile_reader *reader, const char *path,
                                   const struct json *value, void *field);

struct habit {
    const char *name;
    reader_take_fn *take;
    size_t offset; /* of the field in what is being filled */
};

enum { READER_PATH_MAX = 160, READER_LIST_MAX = 256, READER_TEXT_MAX = 2048 };

/** STATUS_INVALID: "FILE: PATH: expected WHAT, got …".
 * @value  NULL: there is none, and "got" is left out */
MUST_CHECK enum status reader_fail(struct profile_reader *reader, const char *path,
                                   const struct json *value, const char *expected);
/**
 * Each member by its table; a member that is not in it is an error that lists those that are.
 * @base  what the table's offsets count from
 */
MUST_CHECK enum status reader_take_members(struct profile_reader *reader, const char *path,
                                           const struct json *object, const struct habit *table,
                                           size_t count, void *base);

/* Each checks its type and limits; field is what the name says. */
reader_take_fn reader_take_text;    /* struct str, not empty, no control characters */
reader_take_fn reader_take_bool;    /* bool */
reader_take_fn reader_take_seconds; /* int64_t, ≥ 0; null is "unknown" and leaves the field */
reader_take_fn reader_take_texts;   /* struct str_list: one text, or an array of texts */
reader_take_fn reader_take_map;     /* struct text_map: an object of texts */
reader_take_fn reader_take_field;   /* struct field: one path, or an array of paths */

/** A text of a closed list; the number of the word goes to *ret. */
MUST_CHECK enum status reader_take_word(struct profile_reader *reader, const char *path,
                                        const struct json *value, const char *const *words,
                                        size_t count, int *ret);
/** A scalar as text: true, 7, "x". STR_NONE for what is none. */
struct str reader_scalar(struct profile_reader *reader, const struct json *value);
/** Like reader_take_texts, but any scalar will do. */
MUST_CHECK enum status reader_take_scalars(struct profile_reader *reader, const char *path,
                                           const struct json *value, struct str_list *ret);

/** A text that nobody reads: a note, a description. */
reader_take_fn reader_take_note;

/* The parts, each in a file of its own; field is struct profile. */
reader_take_fn profile_take_habits;   /* profile_habits.c */
reader_take_fn profile_take_response; /* profile_response.c */
reader_take_fn profile_take_errors;   /* profile_errors.c */
reader_take_fn profile_take_vars;     /* profile_vars.c */

#endif
