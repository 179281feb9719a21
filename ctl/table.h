/**
 * Columns under headings, aligned by what a terminal shows. Columns that are empty in every row
 * are left out, and so is nothing else: no cell is cut.
 *
 *     static const char *const headings[] = {"CONNECTION", "STATE"};
 *     CLEANUP(table_deinit) struct table table = table_new(headings, ARRAY_LEN(headings));
 *     table_cell(&table, id, STYLE_PLAIN);
 *     table_cell(&table, state, style_of_state(state));
 *     table_write(&table, style, 0, &out);
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "ctl/style.h"

struct table_cell;

struct table {
    const char *const *headings; /* borrowed */
    size_t columns;
    struct buf text; /* of all cells */
    struct table_cell *cells;
    size_t count, capacity;
};

struct table table_new(const char *const *headings, size_t columns);
void table_deinit(struct table *table);
/** The next cell, from left to right, row by row. Text from elsewhere is cleaned. */
void table_cell(struct table *table, struct str text, enum style_paint paint);
/** Whole lines, indented. A last row that is not full counts with empty cells. */
void table_write(const struct table *table, struct style style, size_t indent, struct buf *out);

#endif
