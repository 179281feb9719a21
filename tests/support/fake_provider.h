/**
 * An authorization server's token endpoint behind port/http.h: clients with their secrets, grants
 * with their refresh tokens, and a network that loses things. It knows the truth that the daemon
 * has to find out, and counts every presentation.
 *
 *     struct fake_grant *ana = fake_provider_grant(provider, "client-1");
 *     … import ana's tokens …
 *     const struct fake_answer twice = {.kind = FAKE_LOST_ANSWER, .count = 2};
 *     fake_provider_play(provider, ana, twice);
 */
#ifndef SUPPORT_FAKE_PROVIDER_H
#define SUPPORT_FAKE_PROVIDER_H

#include "common/buf.h"
#include "port/http.h"
#include "support/fake_clock.h"

struct fake_provider;

enum fake_answer_kind {
    FAKE_HONEST,       /* what the grant's state says */
    FAKE_NOT_SENT,     /* no connection: nobody saw the token */
    FAKE_LOST_REQUEST, /* times out; it never arrived */
    FAKE_LOST_ANSWER,  /* times out; it arrived and took effect */
    FAKE_STATUS,       /* status and body as given, without effect */
    FAKE_STATUS_AFTER, /* the same, and it took effect all the same */
    FAKE_TRUNCATED,    /* half of the honest answer */
};

struct fake_answer {
    enum fake_answer_kind kind;
    int count;                /* of the next requests; -1: until cleared */
    int status;               /* of FAKE_STATUS… */
    const char *body;         /* static */
    const char *content_type; /* static; NULL: JSON */
    const char *retry_after;  /* static; NULL: none */
};

enum fake_rotation {
    FAKE_ROTATES_NEVER,
    FAKE_ROTATES_ALWAYS,
};

/** What a code was given for; it is good for that alone. */
struct fake_code {
    char redirect_uri[256], challenge[64], nonce[64], scope[256];
    int64_t number; /* 0: none was given yet */
    bool used;
    size_t exchanged, refused;
};

struct fake_grant {
    struct fake_provider *provider;
    size_t number;
    char client_id[64];
    enum fake_rotation rotation;
    int64_t grace_ms;   /* so long the token before is good as well, for the same successor */
    bool reuse_revokes; /* and afterwards its use kills the family */
    int64_t lifetime_s; /* 0: not said */
    const char *scope;  /* static; NULL: not said */
    const char *death;  /* static: a body for 400 once dead; NULL: a bare invalid_grant */
    bool is_dead;
    int64_t serial; /* of the token that is good */
    int64_t rotated_ms;
    int64_t access_serial;
    /* What was seen. */
    size_t presented, refreshed, refused, stale;
    int64_t last_presented_ms;
    int64_t minute; /* of the last one, and how many there were in it */
    size_t in_minute;
    int64_t known_serial; /* the highest that an answer which arrived has told */
    size_t unanswered;    /* presentations under way now */
    struct fake_answer script;
    /* The authorization that it came from. */
    struct fake_code code;
    const char *subject; /* static: an ID token names it; NULL: no ID token */
    const char *issuer;  /* static: of that ID token */
    const char *more;    /* static: further members of the token response; NULL: none */
};

/** What another endpoint of the server says: introspection, userinfo, revocation … */
struct fake_reply {
    int status;
    char *body;               /* malloc'd, taken; NULL: empty */
    const char *content_type; /* static; NULL: JSON */
};
/** Called when the request arrives, which is when it takes effect. */
typedef struct fake_reply fake_answerer(void *ctx, const struct oauth_message *message);

struct fake_endpoint {
    struct fake_endpoint *next;
    const char *url; /* static: the request's URL without its query */
    fake_answerer *answer;
    void *ctx;
    struct fake_answer script; /* how the next requests go: count, FAKE_NOT_SENT … */
    size_t requests;
    int64_t last_request_ms;
    bool refuse_private; /* of the last request */
};

struct fake_provider_odds {
    struct fake_random *random; /* NULL: all goes well */
    int64_t not_sent, lost_request, lost_answer, status_before, status_after, throttled, truncated,
        html;
};

struct fake_provider_hooks {
    void *ctx;
    /** A request leaves; the token may be seen from here on. */
    void (*presented)(void *ctx, struct fake_grant *grant, struct str refresh_token,
                      int64_t deadline_ms);
};

enum { FAKE_TOKEN_SIZE = 64 };

struct fake_provider *fake_provider_new(struct fake_clock *clock, struct inbox *inbox);
void fake_provider_free(struct fake_provider *provider);
struct http_port fake_provider_port(struct fake_provider *provider);
void fake_provider_set_latency(struct fake_provider *provider, int64_t latency_ms,
                               int64_t jitter_ms);
void fake_provider_set_odds(struct fake_provider *provider, struct fake_provider_odds odds);
void fake_provider_set_hooks(struct fake_provider *provider, struct fake_provider_hooks hooks);

/** This secret is good for this client from now on, beside others; or no longer. */
void fake_provider_accept(struct fake_provider *provider, const char *client_id,
                          const char *secret);
void fake_provider_refuse(struct fake_provider *provider, const char *client_id,
                          const char *secret);
struct fake_grant *fake_provider_grant(struct fake_provider *provider, const char *client_id);
size_t fake_provider_grant_count(const struct fake_provider *provider);
struct fake_grant *fake_provider_grant_at(const struct fake_provider *provider, size_t index);
/** Whatever goes to that URL is answered by `answer`, and is no token request: it counts apart. The
 * endpoint lives as long as the provider. Without one, any URL is the token endpoint. */
struct fake_endpoint *fake_provider_serve(struct fake_provider *provider, const char *url,
                                          fake_answerer *answer, void *ctx);
/** A parameter of a form; STR_NONE where there is none. Decoded into `out`. */
struct str fake_message_param(const struct oauth_message *message, const char *name,
                              struct buf *out);
/** A header in any case; STR_NONE where there is none. */
struct str fake_message_header(const struct oauth_message *message, const char *name);
/** The request names one of the clients and its secret (Basic or form)? */
bool fake_message_is_client(const struct fake_provider *provider,
                            const struct oauth_message *message);

/** How the next requests go, of one grant or, with NULL, of all. */
void fake_provider_play(struct fake_provider *provider, struct fake_grant *grant,
                        struct fake_answer answer);

/** The refresh token that is good now; the access token handed out last. */
const char *fake_grant_refresh_token(const struct fake_grant *grant, char text[FAKE_TOKEN_SIZE]);
const char *fake_grant_access_token(const struct fake_grant *grant, char text[FAKE_TOKEN_SIZE]);

/**
 * The person approves at the URL that `authorize` gave: what `code` goes back. It is good once, for
 * the redirect URI and PKCE challenge of that URL; a second use of it ends the grant (RFC 6749
 * §4.1.2).
 */
const char *fake_grant_approve(struct fake_grant *grant, struct str url,
                               char code[FAKE_TOKEN_SIZE]);
/** A parameter of a URL's query, decoded into `out`; STR_NONE where there is none. */
struct str fake_url_param(struct str url, const char *name, struct buf *out);

size_t fake_provider_requests(const struct fake_provider *provider);
/** Most requests under way at one time. */
size_t fake_provider_peak(const struct fake_provider *provider);
/** Client authentications that were refused. */
size_t fake_provider_rejections(const struct fake_provider *provider);

/** The process is gone: what is under way goes on over there, and nobody hears the answer. */
void fake_provider_cut(struct fake_provider *provider);
void fake_provider_reopen(struct fake_provider *provider);

#endif
