#include "ctl/verb.h"

#include "common/assert.h"
#include "ctl/discover.h"
#include "ctl/suggest.h"

static const struct verb local_verbs[] = {
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
