#include "ctl/show.h"

#include "ctl/block.h"
#include "ctl/phrase.h"
#include "ctl/text.h"

/* The word for the whole: a state by any of the names that it may have, else "running". */
static struct str overall(const struct json *status)
{
    static const char *const names[] = {"status", "state", "health"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str word = phrase_text(status, names[i]);
        if (word.len > 0)
            return word;
    }
    return STR("running");
}

static void write_headline(const struct view *view, const struct json *status, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf word = {0};
    text_clean(overall(status), &word);
    enum style_paint paint = style_of_state(overall(status));
    style_append(view->style, paint, style_bullet(view->style), out);
    buf_append(out, STR(" refreshd"));
    struct str version = phrase_text(status, "version");
    buf_append(out, version.len > 0 ? STR(" ") : STR(""));
    text_clean(version, out);
    buf_append(out, style_dot(view->style));
    style_append(view->style, paint, buf_str(&word), out);
    struct str name = phrase_text(status, "name");
    if (name.len > 0) {
        buf_append(out, style_dot(view->style));
        text_clean(name, out);
    }
    const char *const spans[] = {"uptime_s", "uptime_ms"};
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        if (json_get(status, spans[i]) == NULL)
            continue;
        buf_append(out, style_dot(view->style));
        buf_append(out, STR("up "));
        phrase_write(view, PHRASE_SHORT, spans[i], json_get(status, spans[i]), out);
    }
    buf_append_byte(out, '\n');
}

void show_status(const struct view *view, const struct json *status, struct buf *out)
{
    static const struct block_name told[] = {
        {"status", NULL}, {"state", NULL},    {"health", NULL},    {"version", NULL},
        {"name", NULL},   {"uptime_s", NULL}, {"uptime_ms", NULL},
    };
    if (view->quiet) {
        text_clean(overall(status), out);
        buf_append_byte(out, '\n');
        return;
    }
    write_headline(view, status, out);
    CLEANUP(block_deinit) struct block block = block_new(view, 2);
    block_rest(&block, status, told, ARRAY_LEN(told));
    block_write(&block, out);
}
