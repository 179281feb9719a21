#include "common/frame.h"

#include "common/assert.h"

#include <string.h>

void frame_reader_init(struct frame_reader *reader, size_t line_max)
{
    ASSERT(reader != NULL && line_max > 0);
    /* Lines carry client secrets and tokens. */
    *reader = (struct frame_reader){.bytes = {.secret = true}, .line_max = line_max};
}

void frame_reader_deinit(struct frame_reader *reader)
{
    ASSERT(reader != NULL);
    buf_deinit(&reader->bytes);
    *reader = (struct frame_reader){0};
}

void frame_reader_feed(struct frame_reader *reader, struct str bytes)
{
    ASSERT(reader != NULL && reader->line_max > 0);
    if (reader->dead)
        return;
    buf_consume(&reader->bytes, reader->taken);
    reader->taken = 0;
    if (!buf_append(&reader->bytes, bytes))
        reader->overflowed = true; /* told by frame_reader_next() after the whole lines */
}

static enum frame_result too_long(struct frame_reader *reader)
{
    size_t line_max = reader->line_max;
    frame_reader_deinit(reader);
    reader->line_max = line_max;
    reader->dead = true;
    return FRAME_TOO_LONG;
}

enum frame_result frame_reader_next(struct frame_reader *reader, struct str *ret_line)
{
    ASSERT(reader != NULL && ret_line != NULL);
    for (;;) {
        struct str rest = str_slice(buf_str(&reader->bytes), reader->taken, SIZE_MAX);
        size_t end = reader->scanned;
        end += str_find_byte(str_slice(rest, reader->scanned, SIZE_MAX), '\n');
        bool whole = end < rest.len;
        struct str line = str_slice(rest, 0, end);
        if (whole && str_ends_with(line, STR("\r")))
            line.len--;
        /* A line still open may end in the '\r' that does not count. */
        if (line.len > reader->line_max + (whole ? 0 : 1) || (!whole && reader->overflowed))
            return too_long(reader);
        if (!whole) {
            reader->scanned = rest.len;
            return FRAME_MORE;
        }
        reader->taken += end + 1;
        reader->scanned = 0;
        if (line.len > 0) {
            *ret_line = line;
            return FRAME_LINE;
        }
    }
}

bool frame_reader_is_midline(const struct frame_reader *reader)
{
    ASSERT(reader != NULL);
    return reader->bytes.len > reader->taken;
}
