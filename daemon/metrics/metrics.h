/**
 * Counters that are passed around, and their Prometheus text. Gauges are set by whoever writes the
 * text; nothing here is measured.
 *
 *     metrics->refreshes[OUTCOME_REFRESHED]++;
 *     histogram_add(&metrics->token_request_ms, request->took_ms);
 *     metrics_write(metrics, &gauges, &text);
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include "common/buf.h"
#include "core/types.h"

enum { HISTOGRAM_BUCKETS = 14 };

/** Upper bounds 1, 2, 5, 10, 20 … 10000 ms and +Inf; summed up when written. */
struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count;
    int64_t sum_ms;
};
void histogram_add(struct histogram *histogram, int64_t value_ms);

struct metrics {
    uint64_t refreshes[OUTCOME_COUNT]; /* answered token requests by outcome */
    uint64_t requests_not_sent, requests_lost;
    uint64_t answers_dropped; /* of an older generation */
    uint64_t answers_rescued;
    uint64_t save_failures; /* an answer could not be saved at first */
    uint64_t token_calls, token_calls_joined;
    uint64_t rpc_calls;
    uint64_t revocations_done, revocations_given_up; /* at providers */
    uint64_t reports, probes; /* of access tokens; of grants, between refreshes */
    uint64_t security_events, security_events_refused; /* acted on; not believed */
    uint64_t suspicions; /* early refreshes that either, or a security event, led to */
    uint64_t guard_trips, verdicts_held, verdicts_cleared; /* cleared: they were mistakes */
    uint64_t events_published, publish_failures;
    uint64_t turns;
    struct histogram token_request_ms; /* from sending to the last byte */
    struct histogram late_ms;          /* from due to sent */
    struct histogram durable_ms;       /* from the answer to its commit */
};

/** How one token endpoint is paced. Texts are borrowed. */
struct metrics_provider {
    const char *provider, *endpoint;
    int64_t in_flight, limit;
    int64_t rate; /* thousandths of a request a second; 0: no limit is known */
    bool breaker_open;
};
enum { METRICS_PROVIDERS_MAX = 500 };

/** What is read off other parts at the moment of writing. */
struct metrics_gauges {
    uint64_t connectors, connections[STATE_COUNT];
    uint64_t in_flight, tasks, waiters;
    uint64_t outbox_lag_events;
    int64_t outbox_lag_ms;
    bool redis_connected, store_writable;
    uint64_t store_commits, store_writes, store_reads, redis_reconnects;
    uint64_t redis_master_changes;
    int64_t started_wall_ms;
    const char *version;
    uint64_t guard_holds;
    const struct metrics_provider *providers;
    size_t provider_count;
};

/** Prometheus text exposition format 0.0.4. */
void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges,
                   struct buf *out);

enum { METRICS_CONTENT_TYPE_SIZE = 64 };
const char *metrics_content_type(void);

#endif
