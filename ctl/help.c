#include "ctl/help.h"

#include "ctl/args.h"
#include "ctl/fault.h"
#include "ctl/flag.h"
#include "ctl/text.h"

#include <inttypes.h>
#include <string.h>

enum { HELP_WIDTH = 80, HELP_INDENT = 26, PLACEHOLDER_MAX = 40, SYNOPSIS_INDENT = 11 };

/* A term at the left, its explanation at HELP_INDENT, wrapped. */
static void write_entry(struct style style, struct str term, struct str text, struct buf *out)
{
    size_t width = text_width(term);
    buf_append(out, STR("  "));
    style_append(style, STYLE_CYAN, term, out);
    if (2 + width + 2 > HELP_INDENT) {
        buf_append_byte(out, '\n');
        text_pad(HELP_INDENT, out);
    } else {
        text_pad(HELP_INDENT - 2 - width, out);
    }
    text_wrap(text, HELP_INDENT, HELP_INDENT, HELP_WIDTH, out);
    buf_append_byte(out, '\n');
}

static void write_heading(struct style style, const char *heading, struct buf *out)
{
    buf_append_byte(out, '\n');
    style_append(style, STYLE_BOLD, str_c(heading), out);
    buf_append(out, STR(":\n"));
}

static void write_options(struct style style, struct buf *out)
{
    static const struct {
        const char *option, *text;
    } options[] = {
        {"-s, --socket PATH",
         "the daemon's socket (REFRESHD_SOCKET, else " ARGS_SOCKET_DEFAULT ")"},
        {"-j, --json", "the result as JSON, errors too; for programs"},
        {"--jsonl", "lists as one JSON object a line"},
        {"-q, --quiet", "only the token, only the ids"},
        {"-a, --all", "lists: every page, not the first alone"},
        {"-y, --yes", "do not ask before disconnect and unregister"},
        {"--params FILE", "parameters from a JSON object; options on the line win. - is standard "
                          "input"},
        {"--color WHEN", "auto, always or never; NO_COLOR is heeded"},
        {"--timeout SPAN", "how long to wait for an answer (150s)"},
        {"-h, --help", "this text, or a verb's"},
        {"-V, --version", "the version"},
    };
    write_heading(style, "Options", out);
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        write_entry(style, str_c(options[i].option), str_c(options[i].text), out);
}

void help_overview(struct style style, struct buf *out)
{
    buf_append(out, STR("refreshctl [OPTION]... VERB [ARGUMENT]...\n\n"
                        "Talk to refreshd, which keeps OAuth 2.0 connections alive.\n"));
    for (int topic = 0; topic < VERB_TOPIC_COUNT; topic++) {
        write_heading(style, verb_topic_text((enum verb_topic)topic), out);
        for (size_t i = 0; i < verb_count(); i++) {
            struct verb verb = verb_at(i);
            struct str summary = str_c(verb.summary);
            if (str_ends_with(summary, STR(".")))
                summary.len--;
            if (verb.topic == (enum verb_topic)topic)
                write_entry(style, str_c(verb.name), summary, out);
        }
    }
    write_options(style, out);
    write_heading(style, "Exit status", out);
    buf_append(out,
               STR("  0 done, 1 the daemon answered with an error or output can't be written,\n"
                   "  2 usage, 3 no daemon, 4 forbidden, 5 a person has to reconnect first\n\n"
                   "Options of one verb: refreshctl VERB --help\n"));
}

static void write_upper(const char *name, struct buf *out)
{
    for (; *name != '\0'; name++)
        buf_append_byte(out, *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name);
}

/* "--overlap-s SPAN", "--[no-]check", "--client-secret, -file FILE, -stdin". */
static void write_term(const struct rpc_param *param, struct buf *out)
{
    if (param->type == RPC_TYPE_BOOLEAN) {
        buf_append(out, STR("--[no-]"));
        CLEANUP(buf_deinit) struct buf name = {0};
        flag_write_name(param, &name);
        buf_append(out, str_slice(buf_str(&name), 2, name.len));
        return;
    }
    flag_write_name(param, out);
    if (flag_is_multiline(param) || (flag_is_secret(param) && param->type != RPC_TYPE_SECRET)) {
        buf_append(out, STR("-file FILE"));
        return;
    }
    const char *placeholder = flag_placeholder(param);
    if (placeholder != NULL)
        buf_printf(out, " %s", strlen(placeholder) > PLACEHOLDER_MAX ? "WORD" : placeholder);
}

static void write_members(const struct rpc_param *param, struct buf *out)
{
    const struct rpc_param *member = param->members;
    for (size_t i = 0; member != NULL && member[i].name != NULL; i++)
        buf_printf(out, "%s%s%s", i == 0 ? " Members: " : ", ", member[i].name,
                   member[i].required ? " (required)" : "");
    if (member != NULL)
        buf_append_byte(out, '.');
}

/* How the value may be given, beyond what the term shows. */
static void write_ways(const struct rpc_param *param, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf name = {0};
    flag_write_name(param, &name);
    switch (param->type) {
    case RPC_TYPE_SECRET:
        if (flag_is_multiline(param)) {
            buf_append(out, STR(" - is standard input."));
            return;
        }
        buf_printf(out, " Takes no value: asks on the terminal. Or %s-file FILE, or %s-stdin.",
                   buf_c(&name), buf_c(&name));
        return;
    case RPC_TYPE_OBJECT:
        buf_append(out, flag_is_secret(param) ? STR(" A JSON object; - is standard input.")
                                              : STR(" Or a JSON object, or @FILE."));
        return;
    case RPC_TYPE_OBJECT_ARRAY:
        buf_append(out, STR(" A JSON array; - is standard input."));
        return;
    case RPC_TYPE_ENUM:
    case RPC_TYPE_TEXT_ARRAY:
        if (param->choices != NULL && strlen(param->choices) > PLACEHOLDER_MAX) {
            struct str rest = str_c(param->choices);
            struct str choice;
            buf_append(out, STR(" One of:"));
            while (str_next_word(&rest, STR("|"), &choice))
                buf_printf(out, " " STR_FMT, STR_ARG(choice));
        }
        return;
    case RPC_TYPE_INTEGER:
        if (str_ends_with(str_c(param->name), STR("_s")))
            buf_append(out, STR(" Also as 5min, 2h, 1d."));
        return;
    case RPC_TYPE_TIME:
        buf_append(out, STR(" Also as +2h or -1d."));
        return;
    case RPC_TYPE_TEXT:
        if (flag_is_document(param))
            buf_printf(out, " Or %s-file FILE.", buf_c(&name));
        return;
    case RPC_TYPE_ID:
    case RPC_TYPE_BOOLEAN:
        return;
    }
}

static void write_param(struct style style, const struct rpc_method *method,
                        const struct rpc_param *param, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf term = {0};
    CLEANUP(buf_deinit) struct buf text = {0};
    if (flag_is_positional(method, param))
        write_upper(param->name, &term);
    else
        write_term(param, &term);
    if (param->required)
        buf_append(&text, STR("(required) "));
    buf_append(&text, str_c(param->help));
    bool ended = text.len > 0 && text.data[text.len - 1] == '.';
    buf_append(&text, ended ? STR("") : STR("."));
    write_ways(param, &text);
    write_members(param, &text);
    write_entry(style, buf_str(&term), buf_str(&text), out);
}

static void write_method_synopsis(const struct rpc_method *method, struct buf *out)
{
    const struct rpc_param *param;
    for (size_t i = 0; (param = flag_positional(method, i)) != NULL; i++) {
        buf_append(out, param->required ? STR(" ") : STR(" ["));
        write_upper(param->name, out);
        buf_append(out, param->type == RPC_TYPE_TEXT_ARRAY ? STR("...") : STR(""));
        buf_append(out, param->required ? STR("") : STR("]"));
    }
    bool optional = false;
    for (param = method->params; param != NULL && param->name != NULL; param++) {
        if (flag_is_positional(method, param))
            continue;
        optional = optional || !param->required;
        if (!param->required)
            continue;
        buf_append_byte(out, ' ');
        write_term(param, out);
    }
    buf_append(out, optional ? STR(" [OPTION]...") : STR(""));
}

static void write_synopsis(const struct verb *verb, struct buf *out)
{
    CLEANUP(buf_deinit) struct buf line = {0};
    buf_printf(&line, "refreshctl %s", verb->name);
    if (verb->method != NULL)
        write_method_synopsis(verb->method, &line);
    else
        buf_printf(&line, " %s", verb->word);
    text_wrap(buf_str(&line), 0, SYNOPSIS_INDENT, HELP_WIDTH, out);
    buf_append_byte(out, '\n');
}

/* What the table does not tell, because only the command line does it. */
static const char *note_of(const struct verb *verb)
{
    switch (verb->kind) {
    case VERB_KEYGEN:
        return "32 random bytes, as base64, in a new file of mode 0600. A file that exists is "
               "left alone. Keep a copy of the key apart from the store: without it nothing in "
               "the store can be read again.";
    case VERB_COMPLETION:
        return "For one shell: source <(refreshctl completion bash). For all: put it into "
               "/etc/bash_completion.d/refreshctl.";
    case VERB_DISCOVER:
        return "Asks for RFC 8414's document, else for OpenID Connect's. The issuer in it must be "
               "the one asked for. What the server does beside the RFCs is in no metadata: add it "
               "under habits.";
    case VERB_HELP:
        return NULL;
    case VERB_CONNECT:
        return "For shared and Superagent connections; a personal account connects in its app. The "
               "address is printed and, where there is a display, opened: by $BROWSER, else by "
               "xdg-open. The browser must run on this machine, since the provider sends it back "
               "to 127.0.0.1.";
    case VERB_EVENTS:
        return "From the oldest event that is kept, unless --after or --since says otherwise. "
               "--follow goes on behind the last one without a gap, over restarts of the daemon "
               "too, until interrupted; watch does the same from now on. With --json one event a "
               "line.";
    case VERB_METHOD:
        break;
    }
    if (verb->method->id == RPC_ROTATE)
        return "Without any credential it asks for the client secret. Without --check or "
               "--no-check the new credential is proved where the connector has connections.";
    if (verb->method->id == RPC_IMPORT)
        return "Tokens never stand on the command line. A list may be of any length: it is sent "
               "in parts.";
    if (verb->method->id == RPC_LIST_EVENTS)
        return "The method as it is: one page as a table, or with --json {items, next_cursor}. "
               "Without --after it begins with the oldest event kept. To read the log: events.";
    if (verb->method->id == RPC_WATCH)
        return "From now on or from --after, until interrupted; when the daemon restarts it goes "
               "on behind the last event, without a gap. With --json one event a line. What "
               "happened before: events --follow.";
    if (verb->method->id == RPC_DISCONNECT || verb->method->id == RPC_UNREGISTER)
        return "Asks before it does so where standard input is a terminal; -y does not.";
    if (verb->method->id == RPC_TOKEN)
        return "-q prints the access token alone.";
    return NULL;
}

void help_verb(struct style style, const struct verb *verb, struct buf *out)
{
    write_synopsis(verb, out);
    buf_append_byte(out, '\n');
    text_wrap(str_c(verb->summary), 0, 0, HELP_WIDTH, out);
    buf_append_byte(out, '\n');
    const char *note = note_of(verb);
    if (note != NULL) {
        text_wrap(str_c(note), 0, 0, HELP_WIDTH, out);
        buf_append_byte(out, '\n');
    }
    if (verb->method == NULL)
        return;
    const struct rpc_param *param = verb->method->params;
    if (param != NULL && param->name != NULL)
        write_heading(style, "Parameters", out);
    for (; param != NULL && param->name != NULL; param++)
        write_param(style, verb->method, param, out);
    if (verb->method->roles != 0) {
        write_heading(style, "Who may", out);
        buf_append(out, STR("  "));
        fault_write_roles(verb->method, out);
        buf_append_byte(out, '\n');
    }
    write_heading(style, "Result", out);
    buf_append(out, STR("  "));
    text_wrap(str_c(verb->method->result), 2, 2, HELP_WIDTH, out);
    buf_append(out, STR("\n\nOptions of all verbs (--json, --socket, ...): refreshctl --help\n"));
}
