/**
 * The line reader: where the bytes are cut must not change the lines. The first two bytes choose
 * the longest line and the size of the pieces; the rest is fed whole to one reader, in pieces to
 * another.
 */
#include "common/assert.h"
#include "common/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Each line with its length before it, and how it ended. */
static void drain(struct frame_reader *reader, size_t line_max, struct buf *seen)
{
    struct str line;
    enum frame_result result;
    while ((result = frame_reader_next(reader, &line)) == FRAME_LINE) {
        ASSERT(line.len > 0 && line.len <= line_max);
        ASSERT(str_find_byte(line, '\n') == line.len);
        buf_printf(seen, "%zu:", line.len);
        buf_append(seen, line);
    }
    if (result == FRAME_TOO_LONG)
        buf_append(seen, STR("too long"));
    ASSERT(reader->bytes.len - reader->taken <= line_max + 1);
}

static void feed(struct str bytes, size_t piece, size_t line_max, struct buf *seen)
{
    CLEANUP(frame_reader_deinit) struct frame_reader reader;
    frame_reader_init(&reader, line_max);
    for (size_t at = 0; at < bytes.len; at += piece) {
        frame_reader_feed(&reader, str_slice(bytes, at, piece));
        drain(&reader, line_max, seen);
    }
    buf_append(seen, frame_reader_is_midline(&reader) ? STR("open") : STR("done"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    size_t line_max = (size_t)data[0] + 1;
    size_t piece = (size_t)data[1] + 1;
    struct str bytes = {.data = (const char *)data + 2, .len = size - 2};
    CLEANUP(buf_deinit) struct buf whole = {0};
    CLEANUP(buf_deinit) struct buf pieces = {0};
    feed(bytes, bytes.len, line_max, &whole);
    feed(bytes, piece, line_max, &pieces);
    ASSERT(str_eq(buf_str(&whole), buf_str(&pieces)));
    return 0;
}
