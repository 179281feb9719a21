/**
 * What can stand first on refreshctl's command line: every method of the one table
 * (common/rpc_methods.h) and the few verbs that need no daemon.
 *
 *     struct verb verb;
 *     if (!verb_find(STR("rotate"), &verb)) … verb_suggest(word)
 */
#ifndef CTL_VERB_H
#define CTL_VERB_H

#include "common/rpc_methods.h"

enum verb_kind {
    VERB_METHOD,
    VERB_CONNECT, /* connect, reconnect, switch: several calls, and a browser between them */
    VERB_EVENTS,
    VERB_KEYGEN,
    VERB_DISCOVER,
    VERB_COMPLETION,
    VERB_HELP,
};

/** Where the verb stands in the overview. */
enum verb_topic {
    VERB_TOPIC_CONNECTORS,
    VERB_TOPIC_CONNECTIONS,
    VERB_TOPIC_EVENTS,
    VERB_TOPIC_DAEMON,
    VERB_TOPIC_LOCAL,
    VERB_TOPIC_COUNT,
};

struct verb {
    enum verb_kind kind;
    enum verb_topic topic;
    const char *name;
    const char *summary;
    const char *word;                /* VERB_KEYGEN …: what its one argument is called, or NULL */
    const struct rpc_method *method; /* VERB_METHOD, or a row of its own for a verb of refreshctl's
                                        that has options; else NULL */
};

bool verb_find(struct str name, struct verb *ret);
/** All verbs: methods first, in the order of the table. */
size_t verb_count(void);
struct verb verb_at(size_t index);
/** The verb that was probably meant, or NULL. */
const char *verb_suggest(struct str name);
const char *verb_topic_text(enum verb_topic topic);

#endif
