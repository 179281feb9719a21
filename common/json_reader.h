/**
 * What the reader's two files share: where it stands, and how it fails. json_read.c knows values,
 * json_string.c the inside of strings.
 *
 *     if (!json_reader_take(reader, ':'))
 *         return json_reader_fail_syntax(reader, "a colon behind a member's name");
 */
#ifndef COMMON_JSON_READER_H
#define COMMON_JSON_READER_H

#include "common/json.h"

struct json_reader {
    const char *begin, *at, *end;
    struct json_limits limits;
    unsigned depth;
    size_t values;
    struct buf scratch; /* a member's name, or a text with escapes, decoded */
    enum json_fault fault;
    const char *fault_at;
    const char *expected;
};

/** Remember what is wrong; false, for `return json_reader_fail(…)`. */
static inline bool json_reader_fail(struct json_reader *reader, enum json_fault fault,
                                    const char *at, const char *expected)
{
    reader->fault = fault;
    reader->fault_at = at;
    reader->expected = expected;
    return false;
}

/** What is there is wrong, or nothing is there any more. */
static inline bool json_reader_fail_syntax(struct json_reader *reader, const char *expected)
{
    enum json_fault fault = reader->at == reader->end ? JSON_FAULT_TRUNCATED : JSON_FAULT_SYNTAX;
    return json_reader_fail(reader, fault, reader->at, expected);
}

/** Is c the next byte? Then go past it. */
static inline bool json_reader_take(struct json_reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/**
 * Take a string with its quotes; reader->at is at the first. The text is borrowed: from what is
 * read, or from scratch where it had escapes.
 */
bool json_reader_take_string(struct json_reader *reader, struct str *ret_text);

/**
 * The first byte that a string can't hold as it is: a quote, a backslash, a control character; end
 * where there is none. *ret_has_high tells whether bytes above ASCII stand before it. For the
 * writer too.
 */
const char *json_find_special(const char *at, const char *end, bool *ret_has_high);

#endif
