/**
 * One method called and shown, with what the command line adds to it: asking before what can't be
 * undone, following pages, cutting long imports, `rotate` that proves by itself.
 */
#ifndef CTL_METHOD_H
#define CTL_METHOD_H

#include "ctl/session.h"

/** The session is connected. What happens has been told when it returns. */
enum ctl_exit method_run(struct session *session);

#endif
