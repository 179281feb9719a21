/* Connectors: one as a block, many as a table. */
#include "ctl/show.h"

#include "ctl/block.h"
#include "ctl/phrase.h"
#include "ctl/table.h"
#include "ctl/text.h"

static bool is_blocked(const struct json *connector)
{
    return json_get(connector, "blocked_reason") != NULL ||
           json_bool(json_get(connector, "disabled"), false) ||
           json_i64(json_get(json_get(connector, "counts"), "blocked"), 0) > 0;
}

static void write_headline(const struct view *view, const struct json *connector, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf id = {0};
    text_clean(phrase_text(connector, "connector"), &id);
    enum style_paint paint = is_blocked(connector) ? STYLE_YELLOW : STYLE_GREEN;
    style_append(view->style, paint, style_bullet(view->style), out);
    buf_append_byte(out, ' ');
    style_append(view->style, STYLE_BOLD, buf_str(&id), out);
    struct str name = phrase_text(connector, "name");
    if (name.len > 0 && !str_eq(name, buf_str(&id))) {
        buf_append(out, STR(" - "));
        text_clean(name, out);
    }
    struct str type = phrase_text(connector, "type");
    struct str provider = phrase_text(connector, "provider");
    if (type.len > 0 || provider.len > 0) {
        buf_append(out, STR(" ("));
        text_clean(provider, out);
        buf_append(out, type.len > 0 && provider.len > 0 ? STR(", ") : STR(""));
        text_clean(type, out);
        buf_append(out, STR(")"));
    }
    buf_append_byte(out, '\n');
}

void show_connector(const struct view *view, const struct json *connector, struct buf *out)
{
    static const struct block_name names[] = {
        {"connector", NULL},
        {"name", NULL},
        {"type", NULL},
        {"provider", NULL},
        {"disabled", NULL},
        {"blocked_reason", "Blocked"},
        {"remedy", "What to do"},
        {"rejected_at", "Refused since"},
        {"probe_at", "Next probe"},
        {"counts", "Connections"},
        {"client_id", "Client id"},
        {"scopes", "Scopes"},
        {"scopes_version", "Scopes version"},
        {"credential_version", "Credential version"},
        {"credentials", "Credentials"},
        {"rotation", "Rotation"},
        {"sweep", "Sweep"},
        {"policy", "Policy"},
        {"config", "Config"},
    };
    if (view->quiet) {
        text_clean(phrase_text(connector, "connector"), out);
        buf_append_byte(out, '\n');
        return;
    }
    write_headline(view, connector, out);
    CLEANUP(block_deinit) struct block block = block_new(view, 2);
    block_members(&block, connector, names, ARRAY_LEN(names));
    block_rest(&block, connector, names, ARRAY_LEN(names));
    block_write(&block, out);
}

void show_connectors(const struct view *view, const struct json *items, struct buf *out)
{
    static const char *const headings[] = {
        "CONNECTOR", "NAME", "TYPE", "PROVIDER", "CREDENTIAL", "CONNECTIONS", "SCOPES",
    };
    static const char *const members[] = {
        "connector", "name", "type", "provider", "credential_version", "counts", "scopes",
    };
    CLEANUP(table_deinit) struct table table = table_new(headings, ARRAY_LEN(headings));
    for (size_t i = 0; i < json_count(items); i++) {
        const struct json *connector = json_at(items, i);
        for (size_t column = 0; column < ARRAY_LEN(members); column++) {
            CLEANUP(buf_deinit) struct buf cell = {0};
            const struct json *value = json_get(connector, members[column]);
            phrase_write(view, PHRASE_SHORT, members[column], value, &cell);
            bool warn = column == 5 && is_blocked(connector);
            table_cell(&table, buf_str(&cell), warn ? STYLE_YELLOW : STYLE_PLAIN);
        }
    }
    table_write(&table, view->style, 0, out);
}
