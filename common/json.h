/**
 * Strict JSON (RFC 8259). json-c holds the values; reading and writing are our own, since json-c
 * lets too much pass (duplicate members, NUL in names, single quotes, saturating numbers, bad
 * UTF-8, bytes behind the end: all errors here) and leaves copies of what it parsed and wrote in
 * memory. Values are wiped when freed, since any of them may hold a token. Null is NULL wherever a
 * struct json is given or taken: a text "null" parses to NULL with STATUS_OK. Nothing here blocks.
 *
 *     CLEANUP(json_freep) struct json *params = NULL;
 *     if (json_parse(line, JSON_LIMITS_DEFAULT, &params, &err) != STATUS_OK) …
 *     struct str id = json_text(json_get(params, "connection"));
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include "common/buf.h"

struct json; /* one value; children are owned by their parent */

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_INTEGER, /* fits int64_t */
    JSON_NUMBER,  /* any other number */
    JSON_TEXT,
    JSON_ARRAY,
    JSON_OBJECT,
};

/** Each is checked before the value that passes it is allocated. bytes_max is at most INT_MAX. */
struct json_limits {
    size_t bytes_max;
    unsigned depth_max; /* of arrays and objects in each other; 1 takes "[1]", not "[[1]]" */
    size_t values_max;  /* members and elements in all */
};
#define JSON_LIMITS_DEFAULT \
    ((struct json_limits){.bytes_max = 1024 * 1024, .depth_max = 32, .values_max = 100000})

/** What is wrong with a text, for those who must tell the kinds apart. */
enum json_fault {
    JSON_FAULT_NONE,
    JSON_FAULT_EMPTY,
    JSON_FAULT_TRUNCATED,
    JSON_FAULT_SYNTAX,
    JSON_FAULT_DUPLICATE_MEMBER,
    JSON_FAULT_UTF8,
    JSON_FAULT_NUMBER_RANGE,
    JSON_FAULT_TOO_DEEP,
    JSON_FAULT_TOO_LARGE,
    JSON_FAULT_NUL_IN_NAME,
    JSON_FAULT_LONE_SURROGATE,
};

/**
 * Parse one whole text (white space around it is allowed, anything else behind it is not, nor is a
 * byte order mark before it). STATUS_INVALID with the line, the byte offset counted from 0 and what
 * was expected; never with a byte of the text.
 *
 * @text       borrowed; the caller's to wipe
 * @out        set on STATUS_OK only; the caller owns *out: json_free()
 * @ret_fault  may be NULL
 * @err        may be NULL
 */
MUST_CHECK enum status json_parse(struct str text, struct json_limits limits, struct json **out,
                                  struct error *err);
MUST_CHECK enum status json_parse_fault(struct str text, struct json_limits limits,
                                        struct json **out, enum json_fault *ret_fault,
                                        struct error *err);

/** Wipe all texts in it and free a root value; takes NULL. Never for a child that a parent owns. */
void json_free(struct json *json);
void json_freep(struct json **json);

/* Reading. All take NULL (as JSON_NULL) and give nothing rather than fail. */
enum json_type json_type(const struct json *json);
/** "null", "a boolean", "an integer", "a string" …: for error texts. */
const char *json_type_text(enum json_type type);
/** The member, or NULL where there is none or json is no object. A member that is null gives NULL
 * too; json_has() tells these apart. */
const struct json *json_get(const struct json *object, const char *name);
const struct json *json_get_str(const struct json *object, struct str name);
bool json_has(const struct json *object, const char *name);
/** By dotted path: "authed_user.access_token", "errors.0.code". */
const struct json *json_get_path(const struct json *json, struct str path);
/** The same, and whether it is there: a member that is null is, with *ret_value NULL. */
bool json_find_path(const struct json *json, struct str path, const struct json **ret_value);
/** The text; STR_NONE where it is none. Borrowed from json. */
struct str json_text(const struct json *json);
/** Of a JSON_INTEGER only: 3600.0 is none. */
int64_t json_i64(const struct json *json, int64_t fallback);
/** Of any number. */
double json_f64(const struct json *json, double fallback);
bool json_bool(const struct json *json, bool fallback);
/** Elements or members; 0 for all else. */
size_t json_count(const struct json *json);
const struct json *json_at(const struct json *array, size_t index);
/** Iterate members in their order: size_t i = 0; while (json_next_member(object, &i, &name, &v)) …
 * *index is a place, not a number; the object must not change meanwhile. *ret_name ends in NUL. */
bool json_next_member(const struct json *object, size_t *index, struct str *ret_name,
                      const struct json **ret_value);

/* Building. Setters take ownership of take_value and replace a member of the same name. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_text(struct str text);
struct json *json_new_i64(int64_t number);
/** Finite numbers only. */
struct json *json_new_f64(double number);
struct json *json_new_bool(bool value);
/** Deep: nothing is shared, both are to be freed. */
struct json *json_copy(const struct json *json);
/** take_value NULL sets null. name is copied. */
void json_set(struct json *object, const char *name, struct json *take_value);
/** STR_NONE sets null. */
void json_set_text(struct json *object, const char *name, struct str text);
void json_set_i64(struct json *object, const char *name, int64_t number);
void json_set_bool(struct json *object, const char *name, bool value);
void json_set_null(struct json *object, const char *name);
void json_remove(struct json *object, const char *name);
void json_append(struct json *array, struct json *take_value);
void json_append_text(struct json *array, struct str text);

/** Compact, on one line, slashes not escaped; appended to out. Always JSON: bytes that are no UTF-8
 * become U+FFFD. Past out's maximum out->overflowed is set. */
void json_write(const struct json *json, struct buf *out);
/** Indented by two, for people and files; no line break at the end. */
void json_write_pretty(const struct json *json, struct buf *out);
/** A text as a JSON string, quotes and all; as json_write() writes it. */
void json_write_text(struct str text, struct buf *out);

#endif
