/* Connections: one as a block, many as a table. */
#include "ctl/show.h"

#include "ctl/block.h"
#include "ctl/phrase.h"
#include "ctl/remedy.h"
#include "ctl/table.h"
#include "ctl/text.h"

#include <inttypes.h>

static void write_headline(const struct view *view, const struct json *connection, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf id = {0};
    text_clean(phrase_text(connection, "connection"), &id);
    style_append(view->style, phrase_state_paint(connection), style_bullet(view->style), out);
    buf_append_byte(out, ' ');
    style_append(view->style, STYLE_BOLD, buf_str(&id), out);
    struct str connector = phrase_text(connection, "connector");
    if (connector.len > 0) {
        buf_append(out, style_dot(view->style));
        text_clean(connector, out);
    }
    struct str type = phrase_text(connection, "connector_type");
    struct str provider = phrase_text(connection, "provider");
    if (type.len > 0 || provider.len > 0) {
        buf_append(out, STR(" ("));
        text_clean(provider, out);
        buf_append(out, type.len > 0 && provider.len > 0 ? STR(", ") : STR(""));
        text_clean(type, out);
        buf_append(out, STR(")"));
    }
    if (json_has(connection, "owner")) {
        buf_append(out, style_dot(view->style));
        phrase_owner(json_get(connection, "owner"), out);
    }
    buf_append_byte(out, '\n');
}

static void add_next_refresh(struct block *block, const struct json *connection)
{
    struct str why = phrase_text(connection, "not_scheduled_because");
    if (json_get(connection, "next_refresh_at") != NULL || why.len == 0) {
        block_value(block, "Next refresh", "next_refresh_at",
                    json_get(connection, "next_refresh_at"));
        return;
    }
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_append(&text, STR("not scheduled: "));
    phrase_word(why, &text);
    block_text(block, "Next refresh", buf_str(&text), STYLE_PLAIN);
}

/* Said by headline and state, by add_next_refresh() or by add_scopes(). */
static const struct block_name told[] = {
    {"connection", NULL},
    {"connector", NULL},
    {"connector_type", NULL},
    {"provider", NULL},
    {"owner", NULL},
    {"state", NULL},
    {"reason", NULL},
    {"detail", NULL},
    {"class", NULL},
    {"severity", NULL},
    {"next_refresh_at", NULL},
    {"not_scheduled_because", NULL},
    {"previous_state", NULL},
    {"grant_alive", NULL},
    {"connector_blocked", NULL},
    {"token_usable_until", NULL},
    {"attempts", NULL},
    {"scopes_asked", NULL},
    {"scopes_granted", NULL},
    {"remedy", "What to do"},
    {"added", "Scopes added"},
    {"removed", "Scopes removed"},
    {"provider_error", "Provider said"},
    {"account", "Account"},
    {"expires_at", "Token expires"},
    {"refresh_expires_at", "Refresh token ends"},
    {"last_success_at", "Last refreshed"},
    {"requested_at", NULL},
    {"cause", NULL},
    {"generation", NULL},
    {"history", NULL},
};

static bool is_same(const struct json *a, const struct json *b)
{
    CLEANUP(buf_deinit) struct buf left = {0};
    CLEANUP(buf_deinit) struct buf right = {0};
    json_write(a, &left);
    json_write(b, &right);
    return str_eq(buf_str(&left), buf_str(&right));
}

static void add_scopes(struct block *block, const struct json *connection)
{
    const struct json *asked = json_get(connection, "scopes_asked");
    const struct json *granted = json_get(connection, "scopes_granted");
    if (asked != NULL && granted != NULL && is_same(asked, granted)) {
        block_value(block, "Scopes", "scopes", asked);
        return;
    }
    block_value(block, "Scopes asked", "scopes", asked);
    block_value(block, "Scopes granted", "scopes", granted);
}

/* What matters only while something is wrong, and only where it is not said already. */
static void add_trouble(struct block *block, const struct json *connection)
{
    const struct json *usable = json_get(connection, "token_usable_until");
    if (!is_same(usable, json_get(connection, "expires_at")))
        block_value(block, "Token usable until", "token_usable_until", usable);
    if (json_i64(json_get(connection, "attempts"), 0) > 0)
        block_value(block, "Attempts", "attempts", json_get(connection, "attempts"));
    if (phrase_text(connection, "reason").len > 0) {
        block_value(block, "Grant alive", "grant_alive", json_get(connection, "grant_alive"));
        block_value(block, "Was before", "previous_state", json_get(connection, "previous_state"));
    }
    if (json_bool(json_get(connection, "connector_blocked"), false))
        block_value(block, "Connector blocked", "connector_blocked",
                    json_get(connection, "connector_blocked"));
    block_value(block, "Caused by event", "cause", json_get(connection, "cause"));
}

void show_connection(const struct view *view, const struct json *connection, struct buf *out)
{
    if (view->quiet) {
        text_clean(phrase_text(connection, "connection"), out);
        buf_append_byte(out, '\n');
        return;
    }
    write_headline(view, connection, out);
    CLEANUP(block_deinit) struct block block = block_new(view, 2);
    CLEANUP(buf_deinit) struct buf state = {0};
    phrase_state(view, connection, &state);
    block_text(&block, "State", buf_str(&state), phrase_state_paint(connection));
    block_members(&block, connection, told, ARRAY_LEN(told));
    add_next_refresh(&block, connection);
    add_trouble(&block, connection);
    add_scopes(&block, connection);
    block_value(&block, "Asked for", "requested_at", json_get(connection, "requested_at"));
    block_value(&block, "Generation", "generation", json_get(connection, "generation"));
    block_rest(&block, connection, told, ARRAY_LEN(told));
    if (json_count(json_get(connection, "history")) > 0)
        block_value(&block, "History", "history", json_get(connection, "history"));
    block_write(&block, out);
}

static void add_cell(const struct view *view, struct table *table, const struct json *connection,
                     const char *name)
{
    CLEANUP(buf_deinit) struct buf cell = {0};
    phrase_write(view, PHRASE_SHORT, name, json_get(connection, name), &cell);
    table_cell(table, buf_str(&cell), STYLE_PLAIN);
}

static void add_row(const struct view *view, struct table *table, const struct json *connection)
{
    table_cell(table, phrase_text(connection, "connection"), STYLE_PLAIN);
    table_cell(table, phrase_text(connection, "connector"), STYLE_PLAIN);
    add_cell(view, table, connection, "owner");
    CLEANUP(buf_deinit) struct buf account = {0};
    struct str label = phrase_text(json_get(connection, "account"), "label");
    if (label.len > 0)
        buf_append(&account, label);
    else
        phrase_account(json_get(connection, "account"), &account);
    table_cell(table, buf_str(&account), STYLE_PLAIN);
    CLEANUP(buf_deinit) struct buf state = {0};
    phrase_state(view, connection, &state);
    table_cell(table, buf_str(&state), phrase_state_paint(connection));
    add_cell(view, table, connection, "expires_at");
    add_cell(view, table, connection, "next_refresh_at");
    CLEANUP(buf_deinit) struct buf remedy = {0};
    remedy_write(view, json_get(connection, "remedy"), connection, &remedy);
    table_cell(table, buf_str(&remedy), STYLE_PLAIN);
}

void show_connections(const struct view *view, const struct json *items, struct buf *out)
{
    static const char *const headings[] = {
        "CONNECTION", "CONNECTOR", "OWNER",        "ACCOUNT",
        "STATE",      "EXPIRES",   "NEXT REFRESH", "WHAT TO DO",
    };
    CLEANUP(table_deinit) struct table table = table_new(headings, ARRAY_LEN(headings));
    for (size_t i = 0; i < json_count(items); i++)
        add_row(view, &table, json_at(items, i));
    table_write(&table, view->style, 0, out);
}
