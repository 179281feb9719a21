#include "ctl/verb.h"

#include "common/assert.h"
#include "common/suggest.h"
#include "ctl/discover.h"
#include "ctl/events.h"

/* What stands on the command line of the verbs that send a browser off. */
#define ROW(name_, need, type_, help_, ...)                                                \
    {                                                                                      \
        .name = (name_), .required = (need), .type = (type_), .help = (help_), __VA_ARGS__ \
    }
#define HINT \
    ROW("login_hint", false, RPC_TYPE_TEXT, "whom the provider should ask to sign in", .max = 1024)
#define CONFIG \
    ROW("config", false, RPC_TYPE_OBJECT, "variables of this grant, over the connector's", .min = 0)
#define BROWSER                                                                                  \
    ROW("browser", false, RPC_TYPE_BOOLEAN, "--no-browser only prints the address", .min = 0),   \
        ROW("port", false, RPC_TYPE_INTEGER,                                                     \
            "port on 127.0.0.1 that the provider sends the browser back to (any free one)",      \
            .min = 1, .max = 65535),                                                             \
        ROW("wait_s", false, RPC_TYPE_INTEGER, "seconds to wait for the person (300)", .min = 1, \
            .max = 590),                                                                         \
        ROW(NULL, false, RPC_TYPE_TEXT, NULL, .min = 0)

static const struct rpc_param connect_params[] = {
    ROW("connector", true, RPC_TYPE_ID, "id of the connector", .min = 0),
    ROW("owner", true, RPC_TYPE_OBJECT, "whose connection it is", .members = rpc_owner_members),
    ROW("connection", false, RPC_TYPE_ID, "id for the new connection", .min = 0),
    HINT,
    CONFIG,
    BROWSER,
};
static const struct rpc_param reconnect_params[] = {
    ROW("connection", true, RPC_TYPE_ID, "id of the connection", .min = 0),
    HINT,
    CONFIG,
    BROWSER,
};
static const struct rpc_param switch_params[] = {
    ROW("connection", true, RPC_TYPE_ID, "id of the connection", .min = 0),
    HINT,
    CONFIG,
    ROW("revoke", false, RPC_TYPE_BOOLEAN, "end the old grant at its provider", .min = 0),
    BROWSER,
};

#define CONNECT(name_, params_, positional_)                                               \
    {                                                                                      \
        .id = RPC_AUTHORIZE, .name = (name_), .roles = RPC_ROLE_ADMIN | RPC_ROLE_PLATFORM, \
        .changes = true, .params = (params_), .positional = (positional_),                 \
        .result = "who was connected, and with which permissions"                          \
    }
static const struct rpc_method connect_methods[] = {
    CONNECT("connect", connect_params, "connector"),
    CONNECT("reconnect", reconnect_params, "connection"),
    CONNECT("switch", switch_params, "connection"),
};

static const struct verb local_verbs[] = {
    {.kind = VERB_CONNECT,
     .topic = VERB_TOPIC_CONNECTIONS,
     .name = "connect",
     .summary = "Connect an account: opens a browser, where a person approves.",
     .method = &connect_methods[0]},
    {.kind = VERB_CONNECT,
     .topic = VERB_TOPIC_CONNECTIONS,
     .name = "reconnect",
     .summary = "Let the same account grant again, in a browser.",
     .method = &connect_methods[1]},
    {.kind = VERB_CONNECT,
     .topic = VERB_TOPIC_CONNECTIONS,
     .name = "switch",
     .summary = "Let another account take a connection's place, in a browser.",
     .method = &connect_methods[2]},
    {.kind = VERB_EVENTS,
     .topic = VERB_TOPIC_EVENTS,
     .name = "events",
     .summary = "Show what happened, and with --follow what happens.",
     .method = &events_method},
    {.kind = VERB_KEYGEN,
     .topic = VERB_TOPIC_LOCAL,
     .name = "keygen",
     .summary = "Make a new master key in a new file.",
     .word = "FILE"},
    {.kind = VERB_DISCOVER,
     .topic = VERB_TOPIC_LOCAL,
     .name = "discover",
     .summary = "Make a provider profile from a server's metadata.",
     .method = &discover_method},
    {.kind = VERB_COMPLETION,
     .topic = VERB_TOPIC_LOCAL,
     .name = "completion",
     .summary = "Print the completion script for a shell.",
     .word = "bash"},
    {.kind = VERB_HELP,
     .topic = VERB_TOPIC_LOCAL,
     .name = "help",
     .summary = "Explain refreshctl, or one verb.",
     .word = "[VERB]"},
};

static enum verb_topic method_topic(enum rpc_method_id id)
{
    switch (id) {
    case RPC_REGISTER:
    case RPC_UNREGISTER:
    case RPC_DISABLE:
    case RPC_ENABLE:
    case RPC_ROTATE:
    case RPC_RESCOPE:
    case RPC_CONFIRM:
    case RPC_CLEAR:
    case RPC_LIST_CONNECTORS:
    case RPC_SHOW_CONNECTOR:
        return VERB_TOPIC_CONNECTORS;
    case RPC_IMPORT:
    case RPC_AUTHORIZE:
    case RPC_COMPLETE:
    case RPC_TOKEN:
    case RPC_REFRESH:
    case RPC_REPORT:
    case RPC_DISCONNECT:
    case RPC_ATTACH:
    case RPC_LIST_CONNECTIONS:
    case RPC_SHOW_CONNECTION:
        return VERB_TOPIC_CONNECTIONS;
    case RPC_LIST_EVENTS:
    case RPC_WATCH:
        return VERB_TOPIC_EVENTS;
    case RPC_STATUS:
    case RPC_METRICS:
    case RPC_RELOAD:
    case RPC_LIST_AUDIT:
    case RPC_DISCOVER:
    case RPC_METHOD_COUNT:
        break;
    }
    return VERB_TOPIC_DAEMON;
}

size_t verb_count(void)
{
    return RPC_METHOD_COUNT + ARRAY_LEN(local_verbs);
}

struct verb verb_at(size_t index)
{
    ASSERT(index < verb_count());
    if (index >= RPC_METHOD_COUNT)
        return local_verbs[index - RPC_METHOD_COUNT];
    const struct rpc_method *method = rpc_method_at((enum rpc_method_id)index);
    return (struct verb){
        .kind = VERB_METHOD,
        .topic = method_topic(method->id),
        .name = method->name,
        .summary = method->summary,
        .method = method,
    };
}

bool verb_find(struct str name, struct verb *ret)
{
    for (size_t i = 0; i < verb_count(); i++) {
        struct verb verb = verb_at(i);
        if (str_eq(name, str_c(verb.name))) {
            *ret = verb;
            return true;
        }
    }
    return false;
}

const char *verb_suggest(struct str name)
{
    struct suggest suggest = {.word = name};
    for (size_t i = 0; i < verb_count(); i++)
        suggest_offer(&suggest, verb_at(i).name);
    return suggest_best(&suggest);
}

const char *verb_topic_text(enum verb_topic topic)
{
    switch (topic) {
    case VERB_TOPIC_CONNECTORS:
        return "Connectors";
    case VERB_TOPIC_CONNECTIONS:
        return "Connections";
    case VERB_TOPIC_EVENTS:
        return "Events";
    case VERB_TOPIC_DAEMON:
        return "The daemon";
    case VERB_TOPIC_LOCAL:
        return "Without a daemon";
    case VERB_TOPIC_COUNT:
        break;
    }
    return "";
}
