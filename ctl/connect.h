/**
 * connect, reconnect and switch: from the terminal to a browser and back (docs/man/refreshctl.1).
 * The daemon makes the URL and exchanges the code; here the browser is sent off and awaited.
 *
 *     return connect_run(&session);
 */
#ifndef CTL_CONNECT_H
#define CTL_CONNECT_H

#include "ctl/session.h"

enum { CONNECT_WAIT_S_DEFAULT = 300 };

MUST_CHECK enum ctl_exit connect_run(struct session *session);

#endif
