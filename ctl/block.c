#include "ctl/block.h"

#include "common/memory.h"
#include "ctl/phrase.h"
#include "ctl/remedy.h"
#include "ctl/table.h"
#include "ctl/text.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_GAP = 2, BLOCK_STEP = 2, BLOCK_COLUMNS_MAX = 16 };

struct block_line {
    size_t label, label_len; /* in block.text */
    size_t value, value_len;
    enum style_paint paint;
    bool nested; /* whole lines, indented already */
};

struct block block_new(const struct view *view, size_t indent)
{
    return (struct block){.view = view, .indent = indent};
}

void block_deinit(struct block *block)
{
    buf_deinit(&block->text);
    free(block->lines);
    *block = (struct block){0};
}

static void add_line(struct block *block, struct str label, struct str value,
                     enum style_paint paint, bool nested)
{
    if (block->count == block->capacity) {
        block->capacity = block->capacity == 0 ? 16 : block->capacity * 2;
        block->lines = memory_grow(block->lines, block->capacity * sizeof(*block->lines));
    }
    struct block_line *line = &block->lines[block->count++];
    *line = (struct block_line){.paint = paint, .nested = nested};
    line->label = block->text.len;
    text_clean(label, &block->text);
    line->label_len = block->text.len - line->label;
    line->value = block->text.len;
    buf_append(&block->text, value);
    line->value_len = value.len;
}

void block_text(struct block *block, const char *label, struct str text, enum style_paint paint)
{
    if (text.len > 0)
        add_line(block, str_c(label), text, paint, false);
}

static void add_nested(struct block *block, const char *label, const struct json *value)
{
    size_t indent = block->indent + BLOCK_STEP;
    CLEANUP(buf_deinit) struct buf text = {0};
    if (json_type(value) == JSON_ARRAY) {
        block_table(block->view, value, indent, &text);
    } else {
        CLEANUP(block_deinit) struct block inner = block_new(block->view, indent);
        block_rest(&inner, value, NULL, 0);
        block_write(&inner, &text);
    }
    add_line(block, str_c(label), buf_str(&text), STYLE_PLAIN, true);
}

void block_value(struct block *block, const char *label, const char *name, const struct json *value)
{
    if (!phrase_fits(name, value)) {
        add_nested(block, label, value);
        return;
    }
    CLEANUP(buf_deinit) struct buf text = {0};
    phrase_write(block->view, PHRASE_LONG, name, value, &text);
    enum style_paint paint = STYLE_PLAIN;
    if (strcmp(name, "state") == 0 || strcmp(name, "status") == 0 || strcmp(name, "outcome") == 0)
        paint = style_of_state(buf_str(&text));
    block_text(block, label, buf_str(&text), paint);
}

/* A remedy is a sentence that needs its object's owner and account. */
static void add_member(struct block *block, const struct json *object, const char *label,
                       const char *name)
{
    const struct json *value = json_get(object, name);
    if (strcmp(name, "remedy") != 0 || json_type(value) != JSON_OBJECT) {
        block_value(block, label, name, value);
        return;
    }
    CLEANUP(buf_deinit) struct buf text = {0};
    remedy_write(block->view, value, object, &text);
    block_text(block, label, buf_str(&text), STYLE_BOLD);
}

void block_members(struct block *block, const struct json *object, const struct block_name *names,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].label != NULL)
            add_member(block, object, names[i].label, names[i].name);
    }
}

static bool is_among(struct str name, const struct block_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(name, str_c(names[i].name)))
            return true;
    }
    return false;
}

/* "credential_version" → "Credential version". */
static void label_of(struct str name, struct buf *out)
{
    phrase_label(name, out);
    if (out->len > 0 && out->data[0] >= 'a' && out->data[0] <= 'z')
        out->data[0] = (char)(out->data[0] - 'a' + 'A');
}

void block_rest(struct block *block, const struct json *object, const struct block_name *names,
                size_t count)
{
    size_t index = 0;
    struct str name;
    const struct json *value;
    while (json_next_member(object, &index, &name, &value)) {
        if (is_among(name, names, count))
            continue;
        CLEANUP(buf_deinit) struct buf key = {0};
        CLEANUP(buf_deinit) struct buf label = {0};
        buf_append(&key, name);
        label_of(name, &label);
        add_member(block, object, buf_c(&label), buf_c(&key));
    }
}

void block_write(const struct block *block, struct buf *out)
{
    struct str all = buf_str(&block->text);
    size_t width = 0;
    for (size_t i = 0; i < block->count; i++) {
        const struct block_line *line = &block->lines[i];
        if (!line->nested)
            width = MAX_OF(width, text_width(str_slice(all, line->label, line->label_len)));
    }
    for (size_t i = 0; i < block->count; i++) {
        const struct block_line *line = &block->lines[i];
        struct str label = str_slice(all, line->label, line->label_len);
        struct str value = str_slice(all, line->value, line->value_len);
        text_pad(block->indent, out);
        style_append(block->view->style, STYLE_DIM, label, out);
        if (line->nested) {
            buf_append_byte(out, '\n');
            buf_append(out, value);
            continue;
        }
        text_pad(width - text_width(label) + BLOCK_GAP, out);
        style_append(block->view->style, line->paint, value, out);
        buf_append_byte(out, '\n');
    }
}

/* The members of all elements, in the order in which they first appear. */
static size_t collect_columns(const struct json *array, struct buf *names,
                              const char *ret_columns[BLOCK_COLUMNS_MAX])
{
    size_t offsets[BLOCK_COLUMNS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < json_count(array); i++) {
        size_t index = 0;
        struct str name;
        const struct json *value;
        while (json_next_member(json_at(array, i), &index, &name, &value)) {
            bool known = false;
            for (size_t c = 0; c < count && !known; c++)
                known = str_eq(name, str_c(names->data + offsets[c]));
            if (known || count == BLOCK_COLUMNS_MAX || json_type(value) == JSON_NULL)
                continue;
            offsets[count++] = names->len;
            buf_append(names, name);
            buf_append_byte(names, '\0');
        }
    }
    for (size_t c = 0; c < count; c++)
        ret_columns[c] = names->data + offsets[c];
    return count;
}

static void write_headings(const char *const *columns, size_t count, struct buf *text,
                           const char *ret_headings[BLOCK_COLUMNS_MAX])
{
    size_t offsets[BLOCK_COLUMNS_MAX];
    for (size_t c = 0; c < count; c++) {
        offsets[c] = text->len;
        phrase_label(str_c(columns[c]), text);
        for (size_t i = offsets[c]; i < text->len; i++) {
            char letter = text->data[i];
            text->data[i] = letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
        }
        buf_append_byte(text, '\0');
    }
    for (size_t c = 0; c < count; c++)
        ret_headings[c] = text->data + offsets[c];
}

void block_table(const struct view *view, const struct json *array, size_t indent, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf names = {0};
    CLEANUP(buf_deinit) struct buf headings_text = {0};
    const char *columns[BLOCK_COLUMNS_MAX];
    const char *headings[BLOCK_COLUMNS_MAX];
    size_t count = collect_columns(array, &names, columns);
    if (count == 0)
        return;
    write_headings(columns, count, &headings_text, headings);
    CLEANUP(table_deinit) struct table table = table_new(headings, count);
    for (size_t i = 0; i < json_count(array); i++) {
        for (size_t c = 0; c < count; c++) {
            CLEANUP(buf_deinit) struct buf cell = {0};
            phrase_write(view, PHRASE_SHORT, columns[c], json_get(json_at(array, i), columns[c]),
                         &cell);
            bool is_state = strcmp(columns[c], "state") == 0 || strcmp(columns[c], "outcome") == 0;
            table_cell(&table, buf_str(&cell),
                       is_state ? style_of_state(buf_str(&cell)) : STYLE_PLAIN);
        }
    }
    table_write(&table, view->style, indent, out);
}
