/**
 * Whose turn it is: requests to one host wait for a connection that stands, or is about to, rather
 * than all make one at once. A handshake costs forty times a request on a standing connection, and
 * each look-up of a name a thread.
 *
 *     host = hosts_get(&hosts, url.authority);
 *     if (host->queue.first == NULL && host_take_turn(host)) start(); else hosts_queue(…);
 *
 * At most HTTP_CURL_HOST_CONNECTING_MAX requests of a host are on their way to a connection; each
 * that has got one, or has left a connection free behind it, lets another go.
 */
#ifndef IO_HTTP_CURL_HOSTS_H
#define IO_HTTP_CURL_HOSTS_H

#include "io/http_curl_exchange.h"

enum {
    HTTP_CURL_HOST_CONNECTING_MAX = 8,
    HTTP_CURL_HOST_BUCKETS = 256, /* a power of two */
};

struct exchange_list {
    struct exchange *first, *last;
};

void exchange_list_append(struct exchange_list *list, struct exchange *exchange);
void exchange_list_remove(struct exchange_list *list, struct exchange *exchange);

/** Requests to one authority, as long as there are any. */
struct host {
    struct host *next_in_bucket;
    struct host *next_queued, *previous_queued; /* of the hosts whose queue is not empty */
    char *authority;                            /* "host:port" */
    size_t in_flight;                           /* queued ones included */
    size_t connecting;                          /* of these, not yet on a connection */
    size_t idle_hint; /* connections that came free while requests waited */
    struct exchange_list queue;
};

struct hosts {
    struct host *buckets[HTTP_CURL_HOST_BUCKETS];
    struct host *first_queued;
    size_t queued; /* requests, over all hosts */
};

/** The host, made where it is new; lives until hosts_release(). */
struct host *hosts_get(struct hosts *hosts, struct str authority);
/** Frees the host where nothing is in flight to it. */
void hosts_release(struct hosts *hosts, struct host *host);

void hosts_queue(struct hosts *hosts, struct host *host, struct exchange *exchange);
void hosts_unqueue(struct hosts *hosts, struct host *host, struct exchange *exchange);

/** May one more request of this host start? */
bool host_take_turn(struct host *host);

#endif
