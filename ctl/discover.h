/**
 * `refreshctl discover ISSUER`: ask an authorization server for its metadata and write the profile
 * that it makes, to standard output or into a new file. Needs no daemon.
 *
 *     refreshctl discover https://idp.example.com --output /etc/refreshd/providers/idp.json
 */
#ifndef CTL_DISCOVER_H
#define CTL_DISCOVER_H

#include "ctl/exit.h"
#include "ctl/session.h"

/** The verb's parameters, as a method that refreshctl has for itself. */
extern const struct rpc_method discover_method;

/** Blocks for the exchange, 10 s a document unless --timeout says otherwise. */
MUST_CHECK enum ctl_exit discover_run(const struct session *session);

#endif
