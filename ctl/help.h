/** Help texts, made from the one table of methods. Pure. */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "ctl/verb.h"
#include "ctl/view.h"

/** `refreshctl --help`: what it is, all verbs by topic, the options of all. */
void help_overview(struct style style, struct buf *out);
/** `refreshctl VERB --help`: synopsis, parameters, who may, what comes back. */
void help_verb(struct style style, const struct verb *verb, struct buf *out);

#endif
