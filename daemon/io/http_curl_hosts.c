#include "io/http_curl_hosts.h"

#include "common/memory.h"

#include <stdlib.h>

void exchange_list_append(struct exchange_list *list, struct exchange *exchange)
{
    exchange->next = NULL;
    exchange->previous = list->last;
    if (list->last != NULL)
        list->last->next = exchange;
    else
        list->first = exchange;
    list->last = exchange;
}

void exchange_list_remove(struct exchange_list *list, struct exchange *exchange)
{
    if (exchange->previous != NULL)
        exchange->previous->next = exchange->next;
    else
        list->first = exchange->next;
    if (exchange->next != NULL)
        exchange->next->previous = exchange->previous;
    else
        list->last = exchange->previous;
    exchange->next = exchange->previous = NULL;
}

static size_t bucket_of(struct str authority)
{
    uint64_t hash = str_hash(authority);
    return (size_t)(hash ^ (hash >> 32)) & (HTTP_CURL_HOST_BUCKETS - 1);
}

struct host *hosts_get(struct hosts *hosts, struct str authority)
{
    size_t bucket = bucket_of(authority);
    for (struct host *host = hosts->buckets[bucket]; host != NULL; host = host->next_in_bucket) {
        if (str_eq(str_c(host->authority), authority))
            return host;
    }
    struct host *host = memory_new(sizeof(*host));
    host->authority = memory_copy_str(authority);
    host->next_in_bucket = hosts->buckets[bucket];
    hosts->buckets[bucket] = host;
    return host;
}

void hosts_release(struct hosts *hosts, struct host *host)
{
    if (host->in_flight > 0)
        return;
    struct host **at = &hosts->buckets[bucket_of(str_c(host->authority))];
    while (*at != host)
        at = &(*at)->next_in_bucket;
    *at = host->next_in_bucket;
    free(host->authority);
    free(host);
}

void hosts_queue(struct hosts *hosts, struct host *host, struct exchange *exchange)
{
    if (host->queue.first == NULL) {
        host->idle_hint = 0;
        host->previous_queued = NULL;
        host->next_queued = hosts->first_queued;
        if (hosts->first_queued != NULL)
            hosts->first_queued->previous_queued = host;
        hosts->first_queued = host;
    }
    hosts->queued++;
    exchange_list_append(&host->queue, exchange);
}

void hosts_unqueue(struct hosts *hosts, struct host *host, struct exchange *exchange)
{
    exchange_list_remove(&host->queue, exchange);
    hosts->queued--;
    if (host->queue.first != NULL)
        return;
    if (host->previous_queued != NULL)
        host->previous_queued->next_queued = host->next_queued;
    else
        hosts->first_queued = host->next_queued;
    if (host->next_queued != NULL)
        host->next_queued->previous_queued = host->previous_queued;
}

bool host_take_turn(struct host *host)
{
    if (host->connecting < HTTP_CURL_HOST_CONNECTING_MAX)
        return true;
    if (host->idle_hint == 0)
        return false;
    host->idle_hint--;
    return true;
}
