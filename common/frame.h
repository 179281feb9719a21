/**
 * JSON-RPC's lines: bytes in, whole lines out. One '\n' ends a line, a '\r' before it is dropped,
 * empty lines are skipped. A line past the maximum is reported once; then the reader is dead.
 *
 * The bytes are wiped when they are done with, since lines carry secrets.
 *
 *     frame_reader_feed(&reader, bytes);
 *     while (frame_reader_next(&reader, &line) == FRAME_LINE) …
 */
#ifndef COMMON_FRAME_H
#define COMMON_FRAME_H

#include "common/buf.h"

enum { FRAME_LINE_MAX = 1024 * 1024 };

enum frame_result {
    FRAME_LINE,     /* *ret_line is borrowed until the next call on this reader */
    FRAME_MORE,     /* nothing whole yet */
    FRAME_TOO_LONG, /* close the connection after saying so */
};

struct frame_reader {
    struct buf bytes;
    size_t taken;   /* bytes of lines given out and not yet dropped */
    size_t scanned; /* behind taken: looked at, no newline there */
    size_t line_max;
    bool overflowed; /* more was fed than a buffer may hold */
    bool dead;       /* a line was too long: nothing is taken or given any more */
};

/** line_max counts the bytes before '\n' or "\r\n". */
void frame_reader_init(struct frame_reader *reader, size_t line_max);
void frame_reader_deinit(struct frame_reader *reader);
/** Copies. Take the lines after each call: what piles up is bounded by buf's maximum only. */
void frame_reader_feed(struct frame_reader *reader, struct str bytes);
enum frame_result frame_reader_next(struct frame_reader *reader, struct str *ret_line);
/** To be asked after FRAME_MORE. Has a line begun that is not whole yet? (It has 10 s to become
 * so.) */
bool frame_reader_is_midline(const struct frame_reader *reader);

#endif
