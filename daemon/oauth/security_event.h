/**
 * A Security Event Token (RFC 8417): is it the transmitter's, meant for us, and about whom? Nothing
 * of it is believed before its signature holds. What it says is a suspicion: at most a refresh that
 * comes early.
 *
 *     enum security_event_verdict verdict = security_event_read(&rules, jti, jwt, &arena, &event);
 */
#ifndef OAUTH_SECURITY_EVENT_H
#define OAUTH_SECURITY_EVENT_H

#include "common/arena.h"
#include "common/json.h"

enum {
    SECURITY_EVENT_MAX = 64 * 1024,       /* bytes of one */
    SECURITY_EVENT_ID_MAX = 256,          /* of a jti */
    SECURITY_EVENT_AGE_MAX_S = 7 * 86400, /* older ones are refused; so long their ids are kept */
    SECURITY_EVENT_SKEW_S = 300,          /* clocks differ */
    SECURITY_EVENT_KEYS_MAX = 64,         /* of a JWKS that are looked at */
};

/** All borrowed. */
struct security_event_rules {
    struct str issuer, audience;
    const struct json *keys; /* the transmitter's JWKS (RFC 7517 §5) */
    int64_t now_wall_ms;
};

enum security_event_verdict {
    SECURITY_EVENT_GOOD,
    SECURITY_EVENT_UNKNOWN_KEY, /* the keys may have changed: fetch them once more */
    SECURITY_EVENT_BAD,
};

/** Texts in the arena; STR_NONE: not said. */
struct security_event {
    bool concerns;               /* a kind that says that a grant may be over */
    struct str type;             /* the event's URI */
    struct str issuer, subject;  /* iss and sub of whom it is about */
    struct str email;            /* or this */
    const char *error, *because; /* of a bad one: RFC 8935 §2.4's word, and a sentence */
};

/** @id  under which it was delivered, which is to be its jti (RFC 8936 §2.3) */
enum security_event_verdict security_event_read(const struct security_event_rules *rules,
                                                struct str id, struct str jwt, struct arena *arena,
                                                struct security_event *ret);

#endif
