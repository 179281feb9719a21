#include "ctl/flag.h"

#include "common/suggest.h"

enum { TYPED_BYTES_MAX = 4096 };

static bool names_equal(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char left = a.data[i] == '_' ? '-' : a.data[i];
        char right = b.data[i] == '_' ? '-' : b.data[i];
        if (left != right)
            return false;
    }
    return true;
}

const struct rpc_param *flag_param(const struct rpc_param *params, struct str name)
{
    for (const struct rpc_param *param = params; param != NULL && param->name != NULL; param++) {
        if (names_equal(name, str_c(param->name)))
            return param;
    }
    return NULL;
}

bool flag_is_secret(const struct rpc_param *param)
{
    if (param->type == RPC_TYPE_SECRET)
        return true;
    if (param->type != RPC_TYPE_OBJECT && param->type != RPC_TYPE_OBJECT_ARRAY)
        return false;
    const struct rpc_param *member = param->members;
    for (; member != NULL && member->name != NULL; member++) {
        if (flag_is_secret(member))
            return true;
    }
    return false;
}

bool flag_is_multiline(const struct rpc_param *param)
{
    return param->type == RPC_TYPE_SECRET && str_ends_with(str_c(param->name), STR("_key"));
}

bool flag_is_document(const struct rpc_param *param)
{
    return param->type == RPC_TYPE_TEXT && param->max > TYPED_BYTES_MAX;
}

bool flag_has_file(const struct rpc_param *param)
{
    switch (param->type) {
    case RPC_TYPE_TEXT:
    case RPC_TYPE_SECRET:
    case RPC_TYPE_OBJECT:
    case RPC_TYPE_OBJECT_ARRAY:
        return true;
    case RPC_TYPE_ID:
    case RPC_TYPE_ENUM:
    case RPC_TYPE_INTEGER:
    case RPC_TYPE_BOOLEAN:
    case RPC_TYPE_TIME:
    case RPC_TYPE_TEXT_ARRAY:
        break;
    }
    return false;
}

static enum flag_mode bare_mode(const struct rpc_param *param)
{
    if (param->type == RPC_TYPE_BOOLEAN)
        return FLAG_ON;
    return param->type == RPC_TYPE_SECRET ? FLAG_ASK : FLAG_VALUE;
}

static bool cut_end(struct str name, struct str end, struct str *ret)
{
    if (!str_ends_with(name, end))
        return false;
    *ret = str_slice(name, 0, name.len - end.len);
    return true;
}

bool flag_find(const struct rpc_method *method, struct str name, struct flag *ret)
{
    const struct rpc_param *param = flag_param(method->params, name);
    if (param != NULL) {
        *ret = (struct flag){.param = param, .mode = bare_mode(param)};
        return true;
    }
    struct str stem;
    if (cut_end(name, STR("-file"), &stem)) {
        param = flag_param(method->params, stem);
        *ret = (struct flag){.param = param, .mode = FLAG_FILE};
        return param != NULL && flag_has_file(param);
    }
    if (cut_end(name, STR("-stdin"), &stem)) {
        param = flag_param(method->params, stem);
        *ret = (struct flag){.param = param, .mode = FLAG_STDIN};
        return param != NULL && flag_is_secret(param);
    }
    if (str_starts_with(name, STR("no-"))) {
        param = flag_param(method->params, str_slice(name, 3, name.len));
        *ret = (struct flag){.param = param, .mode = FLAG_OFF};
        return param != NULL && param->type == RPC_TYPE_BOOLEAN;
    }
    return false;
}

bool flag_takes_value(struct flag flag)
{
    switch (flag.mode) {
    case FLAG_VALUE:
    case FLAG_FILE:
        return true;
    case FLAG_ON:
    case FLAG_OFF:
    case FLAG_ASK:
    case FLAG_STDIN:
        break;
    }
    return false;
}

void flag_write_name(const struct rpc_param *param, struct buf *out)
{
    buf_append(out, STR("--"));
    for (const char *c = param->name; *c != '\0'; c++)
        buf_append_byte(out, *c == '_' ? '-' : *c);
}

const char *flag_placeholder(const struct rpc_param *param)
{
    switch (param->type) {
    case RPC_TYPE_TEXT:
        return "TEXT";
    case RPC_TYPE_ID:
        return "ID";
    case RPC_TYPE_ENUM:
        return param->choices;
    case RPC_TYPE_INTEGER:
        return str_ends_with(str_c(param->name), STR("_s")) ? "SPAN" : "NUMBER";
    case RPC_TYPE_OBJECT:
        return flag_is_secret(param) ? "@FILE" : "NAME=VALUE,\xe2\x80\xa6";
    case RPC_TYPE_OBJECT_ARRAY:
        return "@FILE";
    case RPC_TYPE_TIME:
        return "TIME";
    case RPC_TYPE_TEXT_ARRAY:
        return "A,B,\xe2\x80\xa6";
    case RPC_TYPE_SECRET:
    case RPC_TYPE_BOOLEAN:
        break;
    }
    return NULL;
}

const char *flag_suggest(const struct rpc_method *method, struct str name)
{
    struct suggest suggest = {.word = name};
    const struct rpc_param *param = method->params;
    for (; param != NULL && param->name != NULL; param++)
        suggest_offer(&suggest, param->name);
    return suggest_best(&suggest);
}

const struct rpc_param *flag_positional(const struct rpc_method *method, size_t position)
{
    struct str rest = str_c(method->positional);
    struct str name;
    while (str_next_word(&rest, STR(" "), &name)) {
        if (position-- == 0)
            return flag_param(method->params, name);
    }
    return NULL;
}

bool flag_is_positional(const struct rpc_method *method, const struct rpc_param *param)
{
    const struct rpc_param *other;
    for (size_t i = 0; (other = flag_positional(method, i)) != NULL; i++) {
        if (other == param)
            return true;
    }
    return false;
}
