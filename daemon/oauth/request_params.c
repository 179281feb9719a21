#include "oauth/request_params.h"

#include "common/assert.h"
#include "common/encoding.h"

void request_params_set(struct request_params *params, struct str name, struct str value)
{
    size_t i = 0;
    while (i < params->count && !str_eq(params->items[i].name, name))
        i++;
    if (i == REQUEST_PARAMS_MAX)
        return; /* a profile can't bring that many: profile.c checks */
    params->items[i] = (struct text_pair){.name = name, .value = value};
    params->count = MAX_OF(params->count, i + 1);
}

void request_params_add(struct request_params *params, struct str name, struct str value)
{
    const struct str_list *omitted = &params->profile->request.omitted_params;
    const struct text_map *renamed = &params->profile->request.renamed_params;
    for (size_t i = 0; i < omitted->count; i++) {
        if (str_eq(omitted->items[i], name))
            return;
    }
    for (size_t i = 0; i < renamed->count; i++) {
        if (str_eq(renamed->items[i].name, name)) {
            request_params_set(params, renamed->items[i].value, value);
            return;
        }
    }
    request_params_set(params, name, value);
}

static void write_form(const struct request_params *params, struct buf *out)
{
    for (size_t i = 0; i < params->count; i++) {
        if (i > 0)
            buf_append_byte(out, '&');
        encoding_form(params->items[i].name, out);
        buf_append_byte(out, '=');
        encoding_form(params->items[i].value, out);
    }
}

struct secret *request_params_form(const struct request_params *params)
{
    enum { FORM_USUAL = 1536 };
    char room[FORM_USUAL];
    CLEANUP(buf_deinit) struct buf out = {.secret = true};
    buf_lend(&out, room, sizeof(room));
    write_form(params, &out);
    return secret_copy(buf_str(&out));
}

struct secret *request_params_json(const struct request_params *params)
{
    CLEANUP(buf_deinit) struct buf out = {.secret = true};
    CLEANUP(buf_deinit) struct buf name = {0};
    CLEANUP(json_freep) struct json *object = json_new_object();
    for (size_t i = 0; i < params->count; i++) {
        buf_clear(&name);
        buf_append(&name, params->items[i].name);
        json_set_text(object, buf_c(&name), params->items[i].value);
    }
    json_write(object, &out);
    return secret_copy(buf_str(&out));
}

struct str request_params_query(const struct request_params *params, struct str url,
                                struct arena *arena)
{
    CLEANUP(buf_deinit) struct buf out = {.secret = true};
    buf_append(&out, url);
    if (params->count > 0)
        buf_append_byte(&out, str_find_byte(url, '?') < url.len ? '&' : '?');
    write_form(params, &out);
    return arena_copy(arena, buf_str(&out));
}

struct str request_params_scopes(const struct profile *profile, struct str scopes,
                                 struct arena *arena)
{
    char separator = ' ';
    if (profile->request.scope_separator.len > 0)
        separator = profile->request.scope_separator.data[0];
    char *text = arena_alloc(arena, scopes.len + 1);
    for (size_t i = 0; i < scopes.len; i++)
        text[i] = scopes.data[i] == ' ' ? separator : scopes.data[i];
    return (struct str){.data = text, .len = scopes.len};
}
