#include "ctl/run.h"

#include "ctl/completion.h"
#include "ctl/connect.h"
#include "ctl/discover.h"
#include "ctl/events.h"
#include "ctl/follow.h"
#include "ctl/help.h"
#include "ctl/keygen.h"
#include "ctl/method.h"
#include "ctl/session.h"

static enum ctl_exit usage(const struct session *session, const struct error *err)
{
    const struct args *args = session->args;
    session_tell_failure(session, CTL_EXIT_USAGE, err);
    if (args->has_verb)
        session_remark(session, "  try: refreshctl %s --help", args->verb.name);
    else
        session_remark(session, "  try: refreshctl --help");
    return CTL_EXIT_USAGE;
}

static enum ctl_exit show_help(const struct session *session, const struct verb *verb)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    if (verb != NULL)
        help_verb(session->view.style, verb, &text);
    else
        help_overview(session->view.style, &text);
    return session_print(session, buf_str(&text));
}

static enum ctl_exit run_help(const struct session *session)
{
    struct verb verb;
    struct error err = {0};
    const char *word = session->args->word;
    if (word == NULL)
        return show_help(session, NULL);
    if (verb_find(str_c(word), &verb))
        return show_help(session, &verb);
    error_set(&err, STATUS_INVALID, "there is no verb \"%.40s\"", word);
    return usage(session, &err);
}

static enum ctl_exit run_keygen(const struct session *session)
{
    struct error err = {0};
    const char *path = session->args->word;
    if (keygen_write(path, &err) != STATUS_OK) {
        session_tell_failure(session, CTL_EXIT_ERROR, &err);
        return CTL_EXIT_ERROR;
    }
    session_remark(session,
                   "%.200s: a new master key, mode 0600. Keep a copy apart from the store: "
                   "without the key nothing in it can be read again.",
                   path);
    return CTL_EXIT_OK;
}

static enum ctl_exit run_completion(const struct session *session)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    completion_write_bash(&text);
    return session_print(session, buf_str(&text));
}

static enum ctl_exit run_watch(struct session *session)
{
    const struct json *params = session->args->params;
    struct event_filter filter;
    event_filter_init(&filter, params, "types");
    struct follow follow = {
        .session = session,
        .filter = &filter,
        .after = json_i64(json_get(params, "after"), FOLLOW_FROM_NOW),
    };
    return follow_run(&follow);
}

static enum ctl_exit run_verb(struct session *session)
{
    switch (session->args->verb.kind) {
    case VERB_HELP:
        return run_help(session);
    case VERB_KEYGEN:
        return run_keygen(session);
    case VERB_DISCOVER:
        return discover_run(session);
    case VERB_COMPLETION:
        return run_completion(session);
    case VERB_CONNECT:
    case VERB_EVENTS:
    case VERB_METHOD:
        break;
    }
    enum ctl_exit result = session_open(session);
    if (result != CTL_EXIT_OK)
        return result;
    if (session->args->verb.kind == VERB_CONNECT)
        return connect_run(session);
    if (session->args->verb.kind == VERB_EVENTS)
        return events_run(session);
    if (session->args->verb.method->id == RPC_WATCH)
        return run_watch(session);
    return method_run(session);
}

enum ctl_exit run(int argc, char *const *argv, const struct world *world)
{
    struct error err = {0};
    CLEANUP(args_deinit) struct args args;
    enum status parsed = args_parse(argc, argv, world, &args, &err);
    CLEANUP(session_deinit) struct session session;
    session_init(&session, world, &args);
    if (args.help)
        return show_help(&session, args.has_verb ? &args.verb : NULL);
    if (args.version)
        return session_print(&session, STR("refreshctl " REFRESHD_VERSION "\n"));
    if (parsed != STATUS_OK)
        return usage(&session, &err);
    return run_verb(&session);
}
