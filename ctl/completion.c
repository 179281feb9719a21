#include "ctl/completion.h"

#include "ctl/flag.h"
#include "ctl/verb.h"

#include <string.h>

static const char head[] =
    "# bash completion for refreshctl; made by: refreshctl completion bash\n"
    "_refreshctl_ids()\n"
    "{\n"
    "    timeout 2 refreshctl \"$1\" --quiet --all 2>/dev/null |\n"
    "        tr -cd 'A-Za-z0-9._:@\\n-'\n"
    "}\n"
    "_refreshctl()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= words= i\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        -s|--socket|--color|--timeout|--params) ((i++)) ;;\n"
    "        -*) ;;\n"
    "        *) verb=${COMP_WORDS[i]}; break ;;\n"
    "        esac\n"
    "    done\n"
    "    case $prev in\n"
    "    -s|--socket|--params|*-file) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
    "    --color) COMPREPLY=($(compgen -W 'auto always never' -- \"$cur\")); return ;;\n"
    "    --connector) COMPREPLY=($(compgen -W \"$(_refreshctl_ids list-connectors)\" -- "
    "\"$cur\")); return ;;\n"
    "    --connection) COMPREPLY=($(compgen -W \"$(_refreshctl_ids list-connections)\" -- "
    "\"$cur\")); return ;;\n"
    "    esac\n"
    "    case $verb:$prev in\n";

static const char tail[] =
    "    esac\n"
    "    [[ $cur == -* ]] && words+=' --help --json --jsonl --quiet --all --yes --socket "
    "--params --color --timeout'\n"
    "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
    "}\n"
    "complete -F _refreshctl refreshctl\n";

static void write_blanked(const char *choices, struct buf *out)
{
    for (; *choices != '\0'; choices++)
        buf_append_byte(out, *choices == '|' ? ' ' : *choices);
}

/* "register:--type) …": values that are a closed set. */
static void write_choices(const struct rpc_method *method, struct buf *out)
{
    const struct rpc_param *param = method->params;
    for (; param != NULL && param->name != NULL; param++) {
        if (param->type != RPC_TYPE_ENUM)
            continue;
        buf_printf(out, "    %s:", method->name);
        flag_write_name(param, out);
        buf_append(out, STR(") COMPREPLY=($(compgen -W '"));
        write_blanked(param->choices, out);
        buf_append(out, STR("' -- \"$cur\")); return ;;\n"));
    }
}

static void write_flags(const struct rpc_method *method, struct buf *out)
{
    const struct rpc_param *param = method->params;
    for (; param != NULL && param->name != NULL; param++) {
        if (flag_is_positional(method, param))
            continue;
        CLEANUP(buf_deinit) struct buf name = {0};
        flag_write_name(param, &name);
        bool only_file = flag_is_secret(param) && param->type != RPC_TYPE_SECRET;
        if (!only_file)
            buf_printf(out, " %s", buf_c(&name));
        if (param->type == RPC_TYPE_BOOLEAN)
            buf_printf(out, " --no-%s", buf_c(&name) + 2);
        if (flag_has_file(param) && (param->type != RPC_TYPE_TEXT || flag_is_document(param)))
            buf_printf(out, " %s-file", buf_c(&name));
        if (param->type == RPC_TYPE_SECRET)
            buf_printf(out, " %s-stdin", buf_c(&name));
    }
}

/* Ids that the daemon knows, for a verb that begins with one. */
static void write_ids(const struct rpc_method *method, struct buf *out)
{
    const struct rpc_param *first = flag_positional(method, 0);
    if (first == NULL || method->id == RPC_REGISTER)
        return;
    if (strcmp(first->name, "connector") == 0)
        buf_append(out, STR(" [[ $cur == -* ]] || words=$(_refreshctl_ids list-connectors);"));
    if (strcmp(first->name, "connection") == 0)
        buf_append(out, STR(" [[ $cur == -* ]] || words=$(_refreshctl_ids list-connections);"));
}

static void write_verb(const struct verb *verb, struct buf *out)
{
    buf_printf(out, "    %s)", verb->name);
    if (verb->kind == VERB_KEYGEN)
        buf_append(out, STR(" COMPREPLY=($(compgen -f -- \"$cur\")); return"));
    if (verb->kind == VERB_COMPLETION)
        buf_append(out, STR(" words=bash"));
    if (verb->kind == VERB_HELP)
        buf_append(out, STR(" words=$verbs"));
    if (verb->method != NULL) {
        buf_append(out, STR(" words='"));
        write_flags(verb->method, out);
        buf_append(out, STR("';"));
        write_ids(verb->method, out);
    }
    buf_append(out, STR(" ;;\n"));
}

void completion_write_bash(struct buf *out)
{
    buf_append(out, str_c(head));
    for (size_t i = 0; i < verb_count(); i++) {
        if (verb_at(i).method != NULL)
            write_choices(verb_at(i).method, out);
    }
    buf_append(out, STR("    esac\n    local verbs='"));
    for (size_t i = 0; i < verb_count(); i++)
        buf_printf(out, "%s%s", i > 0 ? " " : "", verb_at(i).name);
    buf_append(out, STR("'\n    case $verb in\n    '') words=$verbs ;;\n"));
    for (size_t i = 0; i < verb_count(); i++) {
        struct verb verb = verb_at(i);
        write_verb(&verb, out);
    }
    buf_append(out, str_c(tail));
}
