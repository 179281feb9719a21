#include "config/config_sample.h"

#include "config/config_key.h"
#include "config/config_value.h"

#include <string.h>

enum { LINE_WIDTH = 96 };

/** Text as comment lines. */
static void write_comment(struct buf *out, struct str text)
{
    struct str word;
    size_t width = 0;
    while (str_next_word(&text, STR(" "), &word)) {
        if (width > 0 && width + 1 + word.len > LINE_WIDTH) {
            buf_append_byte(out, '\n');
            width = 0;
        }
        buf_append(out, width == 0 ? STR("# ") : STR(" "));
        width += word.len + (width == 0 ? 2 : 1);
        buf_append(out, word);
    }
    buf_append_byte(out, '\n');
}

/** "A span from 0 to 1h. When it is read." */
static void describe(const struct config_key *key, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf range = {0};
    config_value_range(key, &range);
    buf_append(out, str_c(key->doc));
    if (range.len > 0)
        buf_printf(out, " Takes %s.", buf_c(&range));
    if (key->value == NULL)
        buf_printf(out, " Unset: %s.", key->absent);
    if (!key->reloadable)
        buf_append(out, STR(" Read at start only."));
    if (key->reserved)
        buf_append(out, STR(" Checked, but nothing acts on it in this version yet."));
}

static void write_key(const struct config_key *key, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    describe(key, &text);
    write_comment(out, buf_str(&text));
    buf_printf(out, "#%s =%s%s\n\n", key->name, key->value != NULL ? " " : "",
               key->value != NULL ? key->value : "");
}

void config_write_sample(struct buf *out)
{
    write_comment(out, STR("refreshd's configuration; refreshd.conf(5) says more. Every key is "
                           "here with its default. Better than changing this file: put what "
                           "differs into files of /etc/refreshd/refreshd.conf.d/, ending in "
                           ".conf. `refreshd --check` tells every mistake."));
    const struct config_section *section;
    for (size_t i = 0; (section = config_section_at(i)) != NULL; i++) {
        buf_append_byte(out, '\n');
        write_comment(out, str_c(section->doc));
        buf_printf(out, "[%s]\n\n", section->name);
        const struct config_key *key;
        for (size_t k = 0; (key = config_key_at(k)) != NULL; k++) {
            if (strcmp(key->section, section->name) == 0)
                write_key(key, out);
        }
        out->len--; /* one empty line between sections is enough */
    }
}

/** What man(7) would take for its own is escaped; a sentence begins no line with a dot. */
static void write_roff(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '-')
            buf_append_byte(out, '\\');
        if (strncmp(text, "…", strlen("…")) == 0) {
            buf_append(out, STR("..."));
            text += strlen("…") - 1;
            continue;
        }
        buf_append_byte(out, *text);
    }
}

static void write_entry(const struct config_key *key, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    describe(key, &text);
    buf_append(out, STR(".TP\n.B "));
    write_roff(out, key->name);
    buf_append(out, STR(" =\n"));
    write_roff(out, buf_c(&text));
    if (key->value != NULL) {
        buf_append(out, STR("\nDefault: "));
        write_roff(out, key->value);
        buf_append_byte(out, '.');
    }
    buf_append_byte(out, '\n');
}

void config_write_manual(struct buf *out)
{
    const struct config_section *section;
    for (size_t i = 0; (section = config_section_at(i)) != NULL; i++) {
        buf_printf(out, ".SS [%s]\n", section->name);
        write_roff(out, section->doc);
        buf_append_byte(out, '\n');
        const struct config_key *key;
        for (size_t k = 0; (key = config_key_at(k)) != NULL; k++) {
            if (strcmp(key->section, section->name) == 0)
                write_entry(key, out);
        }
    }
}
