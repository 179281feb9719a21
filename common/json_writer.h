/**
 * JSON as text, written member by member: for what is made often and looked at by nobody here. The
 * text is what json_write() makes of a tree with the same members in the same order.
 *
 *     struct json_writer json = {.out = &text};
 *     json_writer_open_object(&json, NULL);
 *     json_writer_text(&json, "connection", id);
 *     json_writer_open_array(&json, "path");
 *     json_writer_text(&json, NULL, word);
 *     json_writer_close_array(&json);
 *     json_writer_close_object(&json);           // {"connection":"c-1","path":["Tools"]}
 *
 * Names are literals of ours, different in one object and without anything to escape; NULL for what
 * has none: elements and the outermost value. What is opened is closed by the caller.
 */
#ifndef COMMON_JSON_WRITER_H
#define COMMON_JSON_WRITER_H

#include "common/buf.h"

struct json_writer {
    struct buf *out; /* borrowed; appended to */
    bool comma;      /* before the next member or element; kept here */
};

void json_writer_open_object(struct json_writer *json, const char *name);
void json_writer_close_object(struct json_writer *json);
void json_writer_open_array(struct json_writer *json, const char *name);
void json_writer_close_array(struct json_writer *json);
/** STR_NONE is null. Bytes that are no UTF-8 become U+FFFD. */
void json_writer_text(struct json_writer *json, const char *name, struct str text);
void json_writer_i64(struct json_writer *json, const char *name, int64_t number);
void json_writer_bool(struct json_writer *json, const char *name, bool value);
void json_writer_null(struct json_writer *json, const char *name);

#endif
