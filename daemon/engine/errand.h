/**
 * An HTTP exchange of the engine's own that presents no refresh token as a grant: the exchange of a
 * code, userinfo, introspection, revocation, SET polling, JWKS. Refreshing has a path of its own
 * (engine/job.h), with an intent before it and a save behind it; nothing here is durable, and
 * nothing is repeated: what is to survive a crash stands in the store before errand_send().
 *
 *     struct errand_order order = {
 *         .message = &message,             // built by oauth/, taken
 *         .deadline_ms = ERRAND_DEADLINE_MS,
 *         .entry = entry,                  // whose connector this is for; or NULL
 *         .done = on_userinfo,
 *         .user = flow,
 *     };
 *     if (errand_send(engine, &order, now, &err) != STATUS_OK)
 *         …                                // nothing was sent, done() will not be called
 *     // on a later turn: on_userinfo(flow, &answer, now), exactly once
 *
 * The process counts as drained only when every errand has ended.
 */
#ifndef ENGINE_ERRAND_H
#define ENGINE_ERRAND_H

#include "engine/catalog.h"
#include "oauth/classify.h"

enum {
    ERRANDS_MAX = 256,                         /* under way at a time */
    ERRANDS_BACKGROUND_MAX = ERRANDS_MAX - 64, /* the rest is kept for those somebody waits for */
    ERRANDS_OF_CONNECTOR_MAX = 32, /* background: a provider that hangs leaves others their place */
    ERRAND_DEADLINE_MS = 15 * 1000,
};

/** How it ended. All borrowed, and gone when done() returns. */
struct errand_answer {
    enum transport_end end;      /* TRANSPORT_NOT_SENT: it surely never left. TRANSPORT_LOST: it may
                                    have arrived */
    struct oauth_answer http;    /* with TRANSPORT_ANSWERED: ready for oauth_classify(); its body is
                                    wiped afterwards */
    const char *why;             /* else: why not, without a secret and without the URL's query */
    struct catalog_entry *entry; /* as ordered; look at entry->gone: it may have been unregistered
                                    meanwhile */
    int64_t took_ms;
};

typedef void errand_done(void *user, const struct errand_answer *answer, struct now now);

struct errand_order {
    struct oauth_message *message; /* taken, whatever errand_send() returns: left empty */
    int64_t deadline_ms;           /* from sending to the last byte; > 0 */
    bool refuse_private;           /* the address was learned from an answer or a document: no
                                      loopback, no private one. Holds without it where the message's
                                      host_is_made says so */
    bool for_caller;             /* part of a call that somebody waits for: has a part of the places
                                    to itself, and is sent also while refreshd is stopping, since such
                                    a call is finished */
    struct catalog_entry *entry; /* kept alive until done() has returned; NULL: none */
    errand_done *done;
    void *user;
};

/**
 * STATUS_UNAVAILABLE: too many are under way, or refreshd is stopping; the text says which. Nothing
 * was sent then, and done() is not called: try later, or tell the caller.
 */
MUST_CHECK enum status errand_send(struct engine *engine, const struct errand_order *order,
                                   struct now now, struct error *err);

#endif
