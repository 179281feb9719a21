#include "ctl/args.h"

#include "common/suggest.h"
#include "common/time_text.h"
#include "ctl/flag.h"
#include "ctl/params.h"

#include <string.h>

/* Options of refreshctl itself: they stand anywhere on the line. */
enum option {
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_SOCKET,
    OPTION_JSON,
    OPTION_JSONL,
    OPTION_QUIET,
    OPTION_YES,
    OPTION_ALL,
    OPTION_COLOR,
    OPTION_TIMEOUT,
    OPTION_PARAMS,
};

static const struct option_name {
    const char *name;
    char letter;
    enum option option;
    bool takes_value;
} option_names[] = {
    {"help", 'h', OPTION_HELP, false},       {"version", 'V', OPTION_VERSION, false},
    {"socket", 's', OPTION_SOCKET, true},    {"json", 'j', OPTION_JSON, false},
    {"jsonl", '\0', OPTION_JSONL, false},    {"quiet", 'q', OPTION_QUIET, false},
    {"yes", 'y', OPTION_YES, false},         {"all", 'a', OPTION_ALL, false},
    {"color", '\0', OPTION_COLOR, true},     {"colour", '\0', OPTION_COLOR, true},
    {"timeout", '\0', OPTION_TIMEOUT, true}, {"params", '\0', OPTION_PARAMS, true},
    {"from", '\0', OPTION_PARAMS, true},
};

struct line {
    int argc;
    char *const *argv;
    int next; /* index of the argument to look at */
    struct args *args;
    struct params *params;
};

static const struct option_name *option_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(option_names); i++) {
        if (str_eq(name, str_c(option_names[i].name)))
            return &option_names[i];
    }
    return NULL;
}

static enum status apply_timeout(struct args *args, struct str value, struct error *err)
{
    if (time_text_parse_span(value, &args->timeout_ms) != STATUS_OK || args->timeout_ms <= 0)
        return error_set(err, STATUS_INVALID, "--timeout: expected a span such as 30s or 5min");
    return STATUS_OK;
}

static enum status apply_option(struct line *line, enum option option, const char *value,
                                struct error *err)
{
    struct args *args = line->args;
    switch (option) {
    case OPTION_HELP:
        args->help = true;
        return STATUS_OK;
    case OPTION_VERSION:
        args->version = true;
        return STATUS_OK;
    case OPTION_SOCKET:
        args->socket = value;
        return STATUS_OK;
    case OPTION_JSON:
        args->json = true;
        return STATUS_OK;
    case OPTION_JSONL:
        args->jsonl = true;
        return STATUS_OK;
    case OPTION_QUIET:
        args->quiet = true;
        return STATUS_OK;
    case OPTION_YES:
        args->yes = true;
        return STATUS_OK;
    case OPTION_ALL:
        args->all = true;
        return STATUS_OK;
    case OPTION_COLOR:
        if (style_parse_when(str_c(value), &args->colour) != STATUS_OK)
            return error_set(err, STATUS_INVALID, "--color: expected auto, always or never");
        return STATUS_OK;
    case OPTION_TIMEOUT:
        return apply_timeout(args, str_c(value), err);
    case OPTION_PARAMS:
        line->params->file = value;
        return STATUS_OK;
    }
    return error_set(err, STATUS_INTERNAL, "an option without a meaning");
}

/* The value behind '=', else the next argument. */
static enum status take_value(struct line *line, struct str name, const char *behind_sign,
                              const char **ret, struct error *err)
{
    if (behind_sign != NULL) {
        *ret = behind_sign;
        return STATUS_OK;
    }
    if (line->next >= line->argc)
        return error_set(err, STATUS_INVALID, "--" STR_FMT " needs a value", STR_ARG(name));
    *ret = line->argv[line->next++];
    return STATUS_OK;
}

static enum status unknown_flag(const struct line *line, struct str name, struct error *err)
{
    const struct rpc_method *method = line->args->verb.method;
    if (!line->args->has_verb)
        return error_set(err, STATUS_INVALID,
                         "--" STR_FMT ": the verb comes first, then its options", STR_ARG(name));
    struct suggest suggest = {.word = name};
    for (size_t i = 0; i < ARRAY_LEN(option_names); i++)
        suggest_offer(&suggest, option_names[i].name);
    const char *meant = method != NULL ? flag_suggest(method, name) : NULL;
    CLEANUP(buf_deinit) struct buf flag = {0};
    if (meant != NULL)
        flag_write_name(flag_param(method->params, str_c(meant)), &flag);
    else if (suggest_best(&suggest) != NULL)
        buf_printf(&flag, "--%s", suggest_best(&suggest));
    if (flag.len > 0)
        return error_set(err, STATUS_INVALID, "%s has no option --" STR_FMT "; did you mean %s?",
                         line->args->verb.name, STR_ARG(name), buf_c(&flag));
    return error_set(err, STATUS_INVALID, "%s has no option --" STR_FMT, line->args->verb.name,
                     STR_ARG(name));
}

static enum status parse_long(struct line *line, const char *text, struct error *err)
{
    const char *sign = strchr(text, '=');
    struct str name = sign != NULL ? str_slice(str_c(text), 0, (size_t)(sign - text)) : str_c(text);
    const char *behind = sign != NULL ? sign + 1 : NULL;
    const struct option_name *option = option_find(name);
    const char *value = NULL;
    if (option != NULL) {
        if (!option->takes_value && behind != NULL)
            return error_set(err, STATUS_INVALID, "--%s takes no value", option->name);
        if (option->takes_value) {
            enum status status = take_value(line, name, behind, &value, err);
            if (status != STATUS_OK)
                return status;
        }
        return apply_option(line, option->option, value, err);
    }
    struct flag flag;
    const struct rpc_method *method = line->args->verb.method;
    if (method == NULL || !flag_find(method, name, &flag))
        return unknown_flag(line, name, err);
    if (flag_takes_value(flag)) {
        enum status status = take_value(line, name, behind, &value, err);
        if (status != STATUS_OK)
            return status;
    } else {
        value = behind;
    }
    return params_flag(line->params, flag, value, err);
}

static enum status parse_letters(struct line *line, const char *letters, struct error *err)
{
    for (; *letters != '\0'; letters++) {
        const struct option_name *option = NULL;
        for (size_t i = 0; i < ARRAY_LEN(option_names); i++) {
            if (option_names[i].letter == *letters)
                option = &option_names[i];
        }
        if (option == NULL)
            return error_set(err, STATUS_INVALID, "there is no option -%c", *letters);
        const char *value = NULL;
        if (option->takes_value) {
            const char *rest = letters[1] != '\0' ? letters + 1 : NULL;
            enum status status = take_value(line, str_c(option->name), rest, &value, err);
            if (status != STATUS_OK)
                return status;
        }
        enum status status = apply_option(line, option->option, value, err);
        if (status != STATUS_OK || option->takes_value)
            return status;
    }
    return STATUS_OK;
}

static enum status parse_verb(struct line *line, const char *text, struct error *err)
{
    struct str name = str_c(text);
    if (verb_find(name, &line->args->verb)) {
        line->args->has_verb = true;
        line->params->method = line->args->verb.method;
        return STATUS_OK;
    }
    const char *meant = verb_suggest(name);
    if (meant != NULL)
        return error_set(err, STATUS_INVALID, "there is no verb \"%.40s\"; did you mean %s?", text,
                         meant);
    return error_set(err, STATUS_INVALID, "there is no verb \"%.40s\"", text);
}

static enum status parse_word(struct line *line, const char *text, struct error *err)
{
    struct args *args = line->args;
    if (!args->has_verb)
        return parse_verb(line, text, err);
    if (args->verb.method != NULL)
        return params_word(line->params, text, err);
    if (args->word != NULL)
        return error_set(err, STATUS_INVALID, "%s takes one argument: %s", args->verb.name,
                         args->verb.word);
    args->word = text;
    return STATUS_OK;
}

static enum status parse_line(struct line *line, struct error *err)
{
    bool only_words = false;
    while (line->next < line->argc) {
        const char *text = line->argv[line->next++];
        enum status status;
        if (only_words || text[0] != '-' || text[1] == '\0') {
            status = parse_word(line, text, err);
        } else if (strcmp(text, "--") == 0) {
            only_words = true;
            continue;
        } else if (text[1] == '-') {
            status = parse_long(line, text + 2, err);
        } else {
            status = parse_letters(line, text + 1, err);
        }
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status check_word(const struct args *args, struct error *err)
{
    bool optional = args->verb.kind == VERB_HELP;
    if (args->word == NULL && !optional)
        return error_set(err, STATUS_INVALID, "%s needs one argument: %s", args->verb.name,
                         args->verb.word);
    if (args->verb.kind == VERB_COMPLETION && strcmp(args->word, "bash") != 0)
        return error_set(err, STATUS_INVALID, "completion: expected bash, got \"%.40s\"",
                         args->word);
    return STATUS_OK;
}

enum status args_parse(int argc, char *const *argv, const struct world *world, struct args *ret,
                       struct error *err)
{
    *ret = (struct args){.timeout_ms = ARGS_TIMEOUT_MS_DEFAULT};
    CLEANUP(params_deinit) struct params params;
    params_init(&params, world);
    struct line line = {.argc = argc, .argv = argv, .next = 1, .args = ret, .params = &params};
    enum status status = parse_line(&line, err);
    if (ret->help || ret->version)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (!ret->has_verb)
        return error_set(err, STATUS_INVALID, "a verb is missing");
    if (ret->verb.method == NULL)
        return check_word(ret, err);
    return params_finish(&params, &ret->params, err);
}

void args_deinit(struct args *args)
{
    json_free(args->params);
    *args = (struct args){0};
}
