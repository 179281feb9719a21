#include "ctl/table.h"

#include "common/assert.h"
#include "common/memory.h"
#include "ctl/text.h"

#include <stdlib.h>

enum { COLUMN_GAP = 2 };

struct table_cell {
    size_t offset, len; /* in table.text */
    size_t width;
    enum style_paint paint;
};

struct table table_new(const char *const *headings, size_t columns)
{
    ASSERT(columns > 0);
    return (struct table){.headings = headings, .columns = columns};
}

void table_deinit(struct table *table)
{
    buf_deinit(&table->text);
    free(table->cells);
    *table = (struct table){0};
}

void table_cell(struct table *table, struct str text, enum style_paint paint)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        table->cells = memory_grow(table->cells, table->capacity * sizeof(*table->cells));
    }
    size_t offset = table->text.len;
    text_clean(text, &table->text);
    struct str clean = str_slice(buf_str(&table->text), offset, table->text.len);
    table->cells[table->count++] = (struct table_cell){
        .offset = offset, .len = clean.len, .width = text_width(clean), .paint = paint};
}

/* 0 where no row has anything to say in this column. */
static size_t column_width(const struct table *table, size_t column)
{
    size_t width = 0;
    for (size_t i = column; i < table->count; i += table->columns)
        width = MAX_OF(width, table->cells[i].width);
    if (width == 0)
        return 0;
    return MAX_OF(width, text_width(str_c(table->headings[column])));
}

static size_t last_column(const size_t *widths, size_t columns)
{
    size_t last = 0;
    for (size_t column = 0; column < columns; column++) {
        if (widths[column] > 0)
            last = column;
    }
    return last;
}

static struct table_cell heading_cell(const struct table *table, size_t column)
{
    struct str heading = str_c(table->headings[column]);
    return (struct table_cell){
        .len = heading.len, .width = text_width(heading), .paint = STYLE_BOLD};
}

/* One line: row SIZE_MAX is the headings. */
static void write_row(const struct table *table, size_t row, const size_t *widths,
                      struct style style, struct buf *out)
{
    size_t last = last_column(widths, table->columns);
    for (size_t column = 0; column <= last; column++) {
        if (widths[column] == 0)
            continue;
        struct table_cell cell = {0};
        struct str text = STR_NONE;
        size_t index = row * table->columns + column;
        if (row == SIZE_MAX) {
            cell = heading_cell(table, column);
            text = str_c(table->headings[column]);
        } else if (index < table->count) {
            cell = table->cells[index];
            text = str_slice(buf_str(&table->text), cell.offset, cell.len);
        }
        if (text.len == 0 && column != last) {
            text = STR("-");
            cell = (struct table_cell){.width = 1, .paint = STYLE_DIM};
        }
        style_append(style, cell.paint, text, out);
        if (column != last)
            text_pad(widths[column] - cell.width + COLUMN_GAP, out);
    }
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    buf_append_byte(out, '\n');
}

void table_write(const struct table *table, struct style style, size_t indent, struct buf *out)
{
    if (table->count == 0)
        return;
    ASSERT(table->columns > 0);
    size_t *widths = memory_new_array(table->columns, sizeof(*widths));
    for (size_t column = 0; column < table->columns; column++)
        widths[column] = column_width(table, column);
    text_pad(indent, out);
    write_row(table, SIZE_MAX, widths, style, out);
    size_t rows = (table->count + table->columns - 1) / table->columns;
    for (size_t row = 0; row < rows; row++) {
        text_pad(indent, out);
        write_row(table, row, widths, style, out);
    }
    free(widths);
}
