#include "engine/owner_json.h"

#include "common/assert.h"
#include "oauth/scope_set.h"

static enum status expect_members(const struct json *json, size_t count, const char *expected,
                                  struct error *err)
{
    if (json_type(json) == JSON_OBJECT && json_count(json) == count)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "expected the owner %s", expected);
}

/* Ids hold no blanks (common/rpc_methods.h), so a set of them is kept as scopes are. */
static enum status apps_from_json(struct arena *arena, const struct json *json,
                                  struct str *ret_apps, struct error *err)
{
    static const char expected[] = "{\"app\": APP} or {\"apps\": [APP, …]} for a shared connector";
    if (expect_members(json, 1, expected, err) != STATUS_OK)
        return STATUS_INVALID;
    CLEANUP(buf_deinit) struct buf text = {0};
    const struct json *apps = json_get(json, "apps");
    buf_append(&text, json_text(json_get(json, "app")));
    for (size_t i = 0; i < json_count(apps); i++) {
        buf_append_byte(&text, ' ');
        buf_append(&text, json_text(json_at(apps, i)));
    }
    *ret_apps = scope_set_from_text(arena, buf_str(&text));
    if (str_is_empty(*ret_apps))
        return error_set(err, STATUS_INVALID, "expected the owner %s", expected);
    return STATUS_OK;
}

enum status owner_from_json(struct arena *arena, enum connector_type type, const struct json *json,
                            struct owner *ret_owner, struct error *err)
{
    static const char superagent[] = "{\"superagent\": ID} for a superagent connector";
    static const char app_user[] = "{\"app\": APP, \"user\": USER} for an app_user connector";
    *ret_owner = (struct owner){0};
    switch (type) {
    case CONNECTOR_SHARED:
        return apps_from_json(arena, json, &ret_owner->apps, err);
    case CONNECTOR_SUPERAGENT:
        ret_owner->superagent = arena_copy(arena, json_text(json_get(json, "superagent")));
        if (str_is_empty(ret_owner->superagent))
            return error_set(err, STATUS_INVALID, "expected the owner %s", superagent);
        return expect_members(json, 1, superagent, err);
    case CONNECTOR_APP_USER:
        ret_owner->app = arena_copy(arena, json_text(json_get(json, "app")));
        ret_owner->user = arena_copy(arena, json_text(json_get(json, "user")));
        if (str_is_empty(ret_owner->app) || str_is_empty(ret_owner->user))
            return error_set(err, STATUS_INVALID, "expected the owner %s", app_user);
        return expect_members(json, 2, app_user, err);
    case CONNECTOR_TYPE_COUNT:
        break;
    }
    UNREACHABLE("a connector type");
    return STATUS_INTERNAL;
}

struct str owner_key(enum connector_type type, const struct owner *owner, char text[OWNER_KEY_MAX])
{
    struct str apps = owner->apps;
    struct str first = STR_NONE;
    switch (type) {
    case CONNECTOR_SHARED:
        ASSERT(str_next_word(&apps, STR(" "), &first));
        return owner_key_app(first, text);
    case CONNECTOR_SUPERAGENT:
        return owner_key_superagent(owner->superagent, text);
    case CONNECTOR_APP_USER:
        return owner_key_app_user(owner->app, owner->user, text);
    case CONNECTOR_TYPE_COUNT:
        break;
    }
    UNREACHABLE("a connector type");
    return STR_NONE;
}
