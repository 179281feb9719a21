/** What the fake provider's files share: the server (fake_provider_server.c) and the network to it.
 */
#ifndef SUPPORT_FAKE_PROVIDER_STATE_H
#define SUPPORT_FAKE_PROVIDER_STATE_H

#include "support/fake_provider.h"

enum { FAKE_SECRETS_MAX = 16 };

struct client_secret {
    char client_id[64], secret[64];
};

struct fake_provider {
    struct fake_clock *clock;
    struct inbox *inbox;
    int64_t latency_ms, jitter_ms;
    struct fake_random latency_random;
    struct fake_provider_odds odds;
    struct fake_provider_hooks hooks;
    struct client_secret secrets[FAKE_SECRETS_MAX];
    size_t secret_count;
    struct fake_grant **grants;
    size_t grant_count;
    struct fake_answer script;
    struct fake_endpoint *endpoints;
    bool is_cut;
    struct fake_exchange *exchanges;
    size_t requests, under_way, peak, rejections;
};

struct fake_exchange {
    struct fake_exchange *next;
    struct fake_provider *provider;
    struct http_request *request;   /* NULL: nobody hears */
    struct fake_endpoint *endpoint; /* NULL: the token endpoint */
    struct fake_grant *grant;       /* NULL: no such token was ever given */
    int64_t serial;                 /* of the token presented; the number of a code */
    bool is_code;                   /* a code is exchanged, not a token presented */
    bool is_client;                 /* it proved to be the grant's client */
    struct fake_answer answer;
    int64_t sent_ms;
    /* What the server says. */
    int status;
    char *body;
    int64_t told_serial;
};

/** A parameter of a form or a query, decoded into `out`; STR_NONE where there is none. */
struct str fake_form_value(struct str body, const char *name, struct buf *out);
/** Is it one of the clients, with its secret? @client_id gets the name that it gives */
bool fake_provider_authenticate(const struct fake_provider *provider,
                                const struct oauth_message *message, struct buf *client_id);
/** Whose token, or code, and its number; NULL: never given. */
struct fake_grant *fake_provider_find_grant(const struct fake_provider *provider, struct str token,
                                            int64_t *ret_serial);
struct fake_grant *fake_provider_find_code(const struct fake_provider *provider, struct str code,
                                           int64_t *ret_number);
/** The request takes effect; status and body are what the server says to it. */
void fake_exchange_judge(struct fake_exchange *exchange);
/** Says so, without effect. */
void fake_exchange_refuse(struct fake_exchange *exchange, int status, const char *body);

#endif
