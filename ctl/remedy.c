#include "ctl/remedy.h"

#include "ctl/phrase.h"
#include "ctl/text.h"

static void write_user(const struct json *remedy, const struct json *about, struct buf *out)
{
    struct str user = phrase_text(remedy, "actor_id");
    if (user.len == 0)
        user = phrase_text(json_get(about, "owner"), "user");
    struct str label = phrase_text(json_get(about, "account"), "label");
    if (label.len > 0)
        text_clean(label, out);
    if (user.len == 0) {
        buf_append(out, label.len > 0 ? STR("") : STR("the user"));
        return;
    }
    buf_append(out, label.len > 0 ? STR(" (user ") : STR("user "));
    text_clean(user, out);
    buf_append(out, label.len > 0 ? STR(")") : STR(""));
}

static void write_app(const struct json *about, struct buf *out)
{
    const struct json *owner = json_get(about, "owner");
    const struct json *apps = json_get(owner, "apps");
    struct str app = phrase_text(owner, "app");
    if (app.len == 0 && json_count(apps) == 0) {
        buf_append(out, STR("the app"));
        return;
    }
    buf_append(out, json_count(apps) > 1 ? STR("the apps ") : STR("the app "));
    if (app.len > 0)
        text_clean(app, out);
    else
        phrase_texts(apps, out);
}

static void write_actor(const struct json *remedy, const struct json *about, struct buf *out)
{
    struct str actor = phrase_text(remedy, "actor");
    struct str superagent = phrase_text(json_get(about, "owner"), "superagent");
    if (str_eq(actor, STR("app_user"))) {
        write_user(remedy, about, out);
    } else if (str_eq(actor, STR("app_builder"))) {
        buf_append(out, STR("the builder of "));
        write_app(about, out);
    } else if (str_eq(actor, STR("superagent_owner"))) {
        buf_append(out, STR("the owner of "));
        buf_append(out, superagent.len > 0 ? STR("Superagent ") : STR("the Superagent"));
        text_clean(superagent, out);
    } else if (str_eq(actor, STR("workspace_admin"))) {
        buf_append(out, STR("a workspace admin"));
    } else if (actor.len > 0) {
        phrase_word(actor, out);
    } else {
        buf_append(out, STR("somebody"));
    }
}

static void write_action(const struct json *remedy, struct buf *out)
{
    struct str action = phrase_text(remedy, "action");
    if (str_eq(action, STR("rotate_credentials"))) {
        struct str field = phrase_text(remedy, "field");
        if (str_eq_nocase(field, STR("scopes")))
            buf_append(out, STR("correct the scopes"));
        else
            buf_append(out, STR("give the client secret that is right now"));
    } else if (str_eq(action, STR("enable"))) {
        buf_append(out, STR("enable the connector"));
    } else {
        if (json_bool(json_get(remedy, "sign_in_required"), false))
            buf_append(out, STR("sign in and "));
        phrase_word(action.len > 0 ? action : STR("reconnect"), out);
    }
}

static void write_path(const struct view *view, const struct json *path, struct buf *out)
{
    for (size_t i = 0; i < json_count(path); i++) {
        buf_append(out, i == 0 ? STR(": ") : style_arrow(view->style));
        text_clean(json_text(json_at(path, i)), out);
    }
}

static void write_place(const struct view *view, const struct json *remedy,
                        const struct json *about, struct buf *out)
{
    struct str surface = phrase_text(remedy, "surface");
    const struct json *path = json_get(remedy, "path");
    const struct json *hint = json_get(remedy, "app_hint");
    if (str_eq(surface, STR("in_app"))) {
        buf_append(out, STR(" in "));
        write_app(about, out);
    } else if (json_count(path) == 0 && surface.len > 0) {
        buf_append(out, STR(" in "));
        phrase_word(surface, out);
    }
    write_path(view, path, out);
    if (json_type(hint) == JSON_TEXT && json_count(path) == 0) {
        buf_append(out, STR(": "));
        text_clean(json_text(hint), out);
    }
}

void remedy_write(const struct view *view, const struct json *remedy, const struct json *about,
                  struct buf *out)
{
    if (json_type(remedy) != JSON_OBJECT)
        return;
    write_actor(remedy, about, out);
    buf_append(out, STR(" must "));
    write_action(remedy, out);
    write_place(view, remedy, about, out);
    struct str field = phrase_text(remedy, "field");
    if (field.len > 0) {
        buf_append(out, STR(", field \""));
        text_clean(field, out);
        buf_append_byte(out, '"');
    }
}

void remedy_write_command(const struct json *remedy, const struct json *about, struct buf *out)
{
    struct str action = phrase_text(remedy, "action");
    struct str connector = phrase_text(about, "connector");
    if (connector.len == 0)
        return;
    if (str_eq(action, STR("enable"))) {
        buf_append(out, STR("refreshctl enable "));
    } else if (str_eq(action, STR("rotate_credentials"))) {
        bool scopes = str_eq_nocase(phrase_text(remedy, "field"), STR("scopes"));
        buf_append(out, scopes ? STR("refreshctl rescope ") : STR("refreshctl rotate "));
    } else {
        return;
    }
    text_clean(connector, out);
    if (str_eq_nocase(phrase_text(remedy, "field"), STR("scopes")))
        buf_append(out, STR(" SCOPES"));
}
