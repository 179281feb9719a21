#include "port/record.h"

/* Every text of a record, once: a field that is missing here would dangle. */
static void copy_text(struct arena *arena, struct str *text)
{
    *text = arena_copy(arena, *text);
}

void record_copy_connection(struct arena *arena, const struct connection *from,
                            struct connection *ret_copy)
{
    *ret_copy = *from;
    struct str *const texts[] = {
        &ret_copy->id,
        &ret_copy->connector,
        &ret_copy->owner.apps,
        &ret_copy->owner.superagent,
        &ret_copy->owner.app,
        &ret_copy->owner.user,
        &ret_copy->account_id,
        &ret_copy->account_label,
        &ret_copy->account_issuer,
        &ret_copy->sealed_access,
        &ret_copy->sealed_refresh,
        &ret_copy->refresh_print,
        &ret_copy->token_type,
        &ret_copy->scopes_asked,
        &ret_copy->scopes_granted,
        &ret_copy->scopes_added,
        &ret_copy->scopes_removed,
        &ret_copy->detail,
        &ret_copy->provider_error_code,
        &ret_copy->provider_error_message,
        &ret_copy->config_json,
        &ret_copy->claims,
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        copy_text(arena, texts[i]);
}

void record_copy_connector(struct arena *arena, const struct connector *from,
                           struct connector *ret_copy)
{
    *ret_copy = *from;
    struct str *const texts[] = {
        &ret_copy->id,
        &ret_copy->name,
        &ret_copy->provider,
        &ret_copy->profile_json,
        &ret_copy->config_json,
        &ret_copy->app_hint,
        &ret_copy->scopes,
        &ret_copy->scopes_added,
        &ret_copy->scopes_removed,
        &ret_copy->provider_error_code,
        &ret_copy->provider_error_message,
        &ret_copy->sweep.cursor,
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        copy_text(arena, texts[i]);
}

void record_copy_credential(struct arena *arena, const struct credential *from,
                            struct credential *ret_copy)
{
    *ret_copy = *from;
    struct str *const texts[] = {&ret_copy->connector, &ret_copy->client_id,
                                 &ret_copy->sealed_secret, &ret_copy->certificate,
                                 &ret_copy->key_id};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        copy_text(arena, texts[i]);
}

void record_copy_flow(struct arena *arena, const struct flow *from, struct flow *ret_copy)
{
    *ret_copy = *from;
    struct str *const texts[] = {
        &ret_copy->print,       &ret_copy->connector,        &ret_copy->connection,
        &ret_copy->owner.apps,  &ret_copy->owner.superagent, &ret_copy->owner.app,
        &ret_copy->owner.user,  &ret_copy->redirect_uri,     &ret_copy->scopes_asked,
        &ret_copy->config_json, &ret_copy->sealed_secrets,
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        copy_text(arena, texts[i]);
}
