#include "ctl/params.h"

#include "ctl/import.h"
#include "ctl/value.h"

#include <string.h>

void params_init(struct params *params, const struct world *world)
{
    *params = (struct params){.world = world, .flags = json_new_object()};
}

void params_deinit(struct params *params)
{
    json_free(params->flags);
    *params = (struct params){0};
}

/* A secret that stood on the line is in the shell's history and was in ps: say so. */
static enum status refuse_secret(const struct rpc_param *param, struct error *err)
{
    CLEANUP(buf_deinit) struct buf name = {0};
    flag_write_name(param, &name);
    if (param->type == RPC_TYPE_SECRET && !flag_is_multiline(param))
        return error_set(err, STATUS_INVALID,
                         "%s takes no value: other users and the shell's history see command "
                         "lines. Give it alone to be asked, or %s-file FILE, or %s-stdin. What was "
                         "typed here counts as known: replace it at the provider",
                         buf_c(&name), buf_c(&name), buf_c(&name));
    return error_set(err, STATUS_INVALID,
                     "%s is secret, and command lines are seen by others: give %s-file FILE "
                     "(- is standard input)",
                     buf_c(&name), buf_c(&name));
}

static enum status add_source(struct params *params, const struct rpc_param *param,
                              const char *path, struct error *err)
{
    if (params->source_count == PARAMS_SOURCES_MAX)
        return error_set(err, STATUS_INVALID, "more than %d files on one line", PARAMS_SOURCES_MAX);
    params->sources[params->source_count++] = (struct params_source){.param = param, .path = path};
    return STATUS_OK;
}

static enum status set_text(struct params *params, const struct rpc_param *param, const char *text,
                            struct error *err)
{
    bool is_object = param->type == RPC_TYPE_OBJECT || param->type == RPC_TYPE_OBJECT_ARRAY;
    if (is_object && text[0] == '@')
        return add_source(params, param, text + 1, err);
    if (flag_is_secret(param))
        return refuse_secret(param, err);
    struct json *value = NULL;
    enum status status =
        value_parse(param, str_c(text), params->world->now_ms(params->world->ctx), &value, err);
    if (status == STATUS_OK)
        value_merge(params->flags, param->name, value);
    return status;
}

static enum status set_boolean(struct params *params, struct flag flag, const char *value,
                               struct error *err)
{
    if (value == NULL) {
        json_set_bool(params->flags, flag.param->name, flag.mode == FLAG_ON);
        return STATUS_OK;
    }
    if (flag.mode == FLAG_ON)
        return set_text(params, flag.param, value, err);
    return error_set(err, STATUS_INVALID, "--no-\xe2\x80\xa6 takes no value");
}

enum status params_flag(struct params *params, struct flag flag, const char *value,
                        struct error *err)
{
    switch (flag.mode) {
    case FLAG_VALUE:
        return set_text(params, flag.param, value, err);
    case FLAG_ON:
    case FLAG_OFF:
        return set_boolean(params, flag, value, err);
    case FLAG_ASK:
    case FLAG_STDIN:
        if (value != NULL || (flag.mode == FLAG_ASK && flag_is_multiline(flag.param)))
            return refuse_secret(flag.param, err);
        return add_source(params, flag.param, flag.mode == FLAG_ASK ? NULL : "-", err);
    case FLAG_FILE:
        return add_source(params, flag.param, value, err);
    }
    return error_set(err, STATUS_INTERNAL, "a flag without a meaning");
}

/* A word too many beside a flag that asks for a secret is most likely that secret: not echoed. */
static enum status surplus_word(const struct params *params, const char *text, struct error *err)
{
    for (size_t i = 0; i < params->source_count; i++) {
        const struct params_source *source = &params->sources[i];
        if (source->path == NULL || strcmp(source->path, "-") == 0)
            return refuse_secret(source->param, err);
    }
    const char *positional = params->method->positional;
    if (positional == NULL || positional[0] == '\0')
        return error_set(err, STATUS_INVALID, "%s takes no argument, got \"%.60s\"",
                         params->method->name, text);
    return error_set(err, STATUS_INVALID, "%s: one argument too many: \"%.60s\"",
                     params->method->name, text);
}

enum status params_word(struct params *params, const char *text, struct error *err)
{
    const struct rpc_param *param = flag_positional(params->method, params->words);
    if (param == NULL && params->words > 0) {
        /* The last one may be a list: "rescope gcal openid mail". */
        param = flag_positional(params->method, params->words - 1);
        if (param == NULL || param->type != RPC_TYPE_TEXT_ARRAY)
            return surplus_word(params, text, err);
        return set_text(params, param, text, err);
    }
    if (param == NULL)
        return surplus_word(params, text, err);
    params->words++;
    return set_text(params, param, text, err);
}

static enum status check_stdin(const struct params *params, struct error *err)
{
    size_t readers = params->file != NULL && strcmp(params->file, "-") == 0 ? 1 : 0;
    for (size_t i = 0; i < params->source_count; i++) {
        const char *path = params->sources[i].path;
        if (path != NULL && strcmp(path, "-") == 0)
            readers++;
    }
    if (readers > 1)
        return error_set(err, STATUS_INVALID, "only one value can come from standard input");
    return STATUS_OK;
}

/* A secret ends where its line ends; a file's last newline is not part of it. */
static struct str without_newline(struct str text)
{
    if (str_ends_with(text, STR("\n")))
        text.len--;
    if (str_ends_with(text, STR("\r")))
        text.len--;
    return text;
}

static enum status ask(const struct params *params, const struct rpc_param *param, struct buf *out,
                       struct error *err)
{
    CLEANUP(buf_deinit) struct buf question = {0};
    const char *name = param->name;
    for (; *name != '\0'; name++)
        buf_append_byte(&question, *name == '_' ? ' ' : *name);
    struct str connector = json_text(json_get(params->flags, "connector"));
    if (connector.len > 0)
        buf_printf(&question, " of " STR_FMT, STR_ARG(connector));
    buf_append(&question, STR(": "));
    enum status status = params->world->ask_secret(params->world->ctx, buf_c(&question), out, err);
    if (status != STATUS_UNAVAILABLE)
        return status;
    CLEANUP(buf_deinit) struct buf flag = {0};
    flag_write_name(param, &flag);
    return error_set(err, STATUS_INVALID, "no terminal to ask on: give %s-file FILE or %s-stdin",
                     buf_c(&flag), buf_c(&flag));
}

static enum status fetch(struct params *params, const struct params_source *source,
                         struct error *err)
{
    const struct world *world = params->world;
    CLEANUP(buf_deinit) struct buf bytes = {.max = WORLD_FILE_MAX, .secret = true};
    enum status status = source->path == NULL
                             ? ask(params, source->param, &bytes, err)
                             : world->read_file(world->ctx, source->path, &bytes, err);
    if (status != STATUS_OK)
        return status;
    struct str text = without_newline(buf_str(&bytes));
    if (text.len == 0)
        return error_set(err, STATUS_INVALID, "%s is empty", source->param->name);
    struct json *value = NULL;
    status = value_parse(source->param, text, world->now_ms(world->ctx), &value, err);
    if (status == STATUS_OK)
        value_merge(params->flags, source->param->name, value);
    return status;
}

static enum status read_params_file(const struct params *params, struct json **out,
                                    struct error *err)
{
    const struct world *world = params->world;
    if (params->file == NULL) {
        *out = json_new_object();
        return STATUS_OK;
    }
    CLEANUP(buf_deinit) struct buf bytes = {.max = WORLD_FILE_MAX, .secret = true};
    enum status status = world->read_file(world->ctx, params->file, &bytes, err);
    if (status != STATUS_OK)
        return status;
    struct json_limits limits = {
        .bytes_max = WORLD_FILE_MAX, .depth_max = 32, .values_max = 10000000};
    if (json_parse(buf_str(&bytes), limits, out, err) != STATUS_OK) {
        error_prefix(err, "%s", params->file);
        return STATUS_INVALID;
    }
    if (json_type(*out) == JSON_OBJECT)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s: expected a JSON object of parameters, got %s",
                     params->file, json_type_text(json_type(*out)));
}

static bool is_coming(const struct params *params, const struct json *below, const char *name)
{
    if (json_has(params->flags, name) || json_has(below, name))
        return true;
    for (size_t i = 0; i < params->source_count; i++) {
        if (strcmp(params->sources[i].param->name, name) == 0)
            return true;
    }
    return false;
}

static enum status check_missing(const struct params *params, const struct json *below,
                                 struct error *err)
{
    CLEANUP(buf_deinit) struct buf missing = {0};
    const struct rpc_param *param = params->method->params;
    for (; param != NULL && param->name != NULL; param++) {
        if (!param->required || is_coming(params, below, param->name))
            continue;
        if (missing.len > 0)
            buf_append(&missing, STR(", "));
        if (flag_is_positional(params->method, param)) {
            for (const char *c = param->name; *c != '\0'; c++)
                buf_append_byte(&missing, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
        } else {
            flag_write_name(param, &missing);
        }
    }
    if (missing.len == 0)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s needs %s", params->method->name, buf_c(&missing));
}

/* `refreshctl rotate gcal` alone means: ask me for the new secret. */
static enum status ask_by_default(struct params *params, const struct json *below,
                                  struct error *err)
{
    static const char *const credentials[] = {"client_secret", "private_key", "certificate",
                                              "client_id"};
    if (params->method->id != RPC_ROTATE)
        return STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(credentials); i++) {
        if (is_coming(params, below, credentials[i]))
            return STATUS_OK;
    }
    const struct rpc_param *secret = flag_param(params->method->params, STR("client_secret"));
    return secret != NULL ? add_source(params, secret, NULL, err) : STATUS_OK;
}

static void overlay(struct json *below, const struct json *above)
{
    size_t index = 0;
    struct str name;
    const struct json *value;
    while (json_next_member(above, &index, &name, &value)) {
        CLEANUP(buf_deinit) struct buf key = {0};
        buf_append(&key, name);
        json_set(below, buf_c(&key), json_copy(value));
    }
}

static enum status check_all(const struct params *params, const struct json *json,
                             struct error *err)
{
    struct rpc_fault fault;
    if (import_check(params->method, json, &fault) == STATUS_OK)
        return STATUS_OK;
    struct str path = str_c(fault.path);
    size_t end = MIN_OF(str_find_byte(path, '.'), str_find_byte(path, '['));
    const struct rpc_param *param = flag_param(params->method->params, str_slice(path, 0, end));
    if (param == NULL || end < path.len || flag_is_positional(params->method, param))
        return error_set(err, STATUS_INVALID, "%s: expected %s", fault.path, fault.expected);
    CLEANUP(buf_deinit) struct buf flag = {0};
    flag_write_name(param, &flag);
    return error_set(err, STATUS_INVALID, "%s: expected %s", buf_c(&flag), fault.expected);
}

enum status params_finish(struct params *params, struct json **out, struct error *err)
{
    enum status status = check_stdin(params, err);
    if (status != STATUS_OK)
        return status;
    CLEANUP(json_freep) struct json *below = NULL;
    status = read_params_file(params, &below, err);
    if (status == STATUS_OK)
        status = ask_by_default(params, below, err);
    if (status == STATUS_OK)
        status = check_missing(params, below, err);
    for (size_t i = 0; status == STATUS_OK && i < params->source_count; i++)
        status = fetch(params, &params->sources[i], err);
    if (status != STATUS_OK)
        return status;
    overlay(below, params->flags);
    status = check_all(params, below, err);
    if (status == STATUS_OK)
        *out = TAKE_PTR(below);
    return status;
}
