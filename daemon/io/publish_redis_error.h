/**
 * What Redis refuses, in words for `status`: what is wrong and what to do about it. The peer's own
 * words follow where they are harmless; never those of an AUTH, which may repeat the password, and
 * never the arguments that some errors quote.
 *
 *     "OOM command not allowed when used memory > 'maxmemory'." →
 *     "Redis is out of memory (OOM): raise maxmemory or let it evict other keys; …"
 */
#ifndef IO_PUBLISH_REDIS_ERROR_H
#define IO_PUBLISH_REDIS_ERROR_H

#include "common/str.h"

enum publish_redis_fault {
    PUBLISH_REDIS_FAULT_OTHER,
    PUBLISH_REDIS_FAULT_OOM,
    PUBLISH_REDIS_FAULT_READONLY,
    PUBLISH_REDIS_FAULT_NOPERM,
    PUBLISH_REDIS_FAULT_NOAUTH,
    PUBLISH_REDIS_FAULT_WRONGPASS,
    PUBLISH_REDIS_FAULT_LOADING,
    PUBLISH_REDIS_FAULT_MISCONF,
    PUBLISH_REDIS_FAULT_NOREPLICAS,
    PUBLISH_REDIS_FAULT_WRONGTYPE,
    PUBLISH_REDIS_FAULT_BUSY,
    PUBLISH_REDIS_FAULT_MASTERDOWN,
    PUBLISH_REDIS_FAULT_CLUSTER, /* MOVED, ASK, CROSSSLOT, CLUSTERDOWN: never followed */
    PUBLISH_REDIS_FAULT_CLIENTS, /* max number of clients reached */
    PUBLISH_REDIS_FAULT_UNKNOWN_COMMAND,
    PUBLISH_REDIS_FAULT_NOSCRIPT,
};

/** By the error's first word, or that of the error that a script of Redis 5 or 6 wrapped. */
enum publish_redis_fault publish_redis_fault_of(struct str message);

/** Fill err; gives STATUS_UNAVAILABLE. @doing what was tried: "XADD"; @message the peer's, borrowed
 */
enum status publish_redis_fault_set(struct error *err, const char *doing, struct str message);

#endif
