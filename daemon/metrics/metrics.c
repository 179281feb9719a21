#include "metrics/metrics.h"

static const int64_t bounds_ms[HISTOGRAM_BUCKETS - 1] = {1,   2,   5,    10,   20,   50,   100,
                                                         200, 500, 1000, 2000, 5000, 10000};

void histogram_add(struct histogram *histogram, int64_t value_ms)
{
    size_t bucket = 0;
    value_ms = MAX_OF(value_ms, 0); /* nothing lasts less; a sum must never fall */
    while (bucket < ARRAY_LEN(bounds_ms) && value_ms > bounds_ms[bucket])
        bucket++;
    histogram->buckets[bucket]++;
    histogram->count++;
    histogram->sum_ms += value_ms;
}

const char *metrics_content_type(void)
{
    return "text/plain; version=0.0.4; charset=utf-8";
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP refreshd_%s %s\n# TYPE refreshd_%s %s\n", name, help, name, type);
}

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "counter", help);
    buf_printf(out, "refreshd_%s %llu\n", name, (unsigned long long)value);
}

static void gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "gauge", help);
    buf_printf(out, "refreshd_%s %llu\n", name, (unsigned long long)value);
}

static void seconds(struct buf *out, const char *name, const char *help, int64_t value_ms)
{
    head(out, name, "gauge", help);
    value_ms = MAX_OF(value_ms, 0);
    buf_printf(out, "refreshd_%s %lld.%03lld\n", name, (long long)(value_ms / 1000),
               (long long)(value_ms % 1000));
}

static void histogram_write(struct buf *out, const char *name, const char *help,
                            const struct histogram *histogram)
{
    uint64_t below = 0;
    head(out, name, "histogram", help);
    for (size_t i = 0; i < ARRAY_LEN(bounds_ms); i++) {
        below += histogram->buckets[i];
        buf_printf(out, "refreshd_%s_bucket{le=\"%lld.%03lld\"} %llu\n", name,
                   (long long)(bounds_ms[i] / 1000), (long long)(bounds_ms[i] % 1000),
                   (unsigned long long)below);
    }
    buf_printf(out, "refreshd_%s_bucket{le=\"+Inf\"} %llu\n", name,
               (unsigned long long)histogram->count);
    buf_printf(out, "refreshd_%s_sum %lld.%03lld\n", name, (long long)(histogram->sum_ms / 1000),
               (long long)(histogram->sum_ms % 1000));
    buf_printf(out, "refreshd_%s_count %llu\n", name, (unsigned long long)histogram->count);
}

static void write_refreshes(const struct metrics *metrics, struct buf *out)
{
    head(out, "refreshes_total", "counter", "Answered token requests by outcome.");
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        buf_printf(out, "refreshd_refreshes_total{outcome=\"%s\"} %llu\n",
                   outcome_text((enum outcome)i), (unsigned long long)metrics->refreshes[i]);
    counter(out, "requests_not_sent_total", "Token requests that surely never left.",
            metrics->requests_not_sent);
    counter(out, "requests_uncertain_total", "Token requests whose answer was lost.",
            metrics->requests_lost);
    counter(out, "answers_dropped_total", "Answers that belonged to an older grant.",
            metrics->answers_dropped);
    counter(out, "answers_rescued_total", "Answers kept sealed for an operator.",
            metrics->answers_rescued);
    counter(out, "save_retries_total", "Saves of an answer that had to be repeated.",
            metrics->save_failures);
    histogram_write(out, "token_request_seconds", "From sending a token request to its answer.",
                    &metrics->token_request_ms);
    histogram_write(out, "refresh_lateness_seconds", "From due to sent.", &metrics->late_ms);
    histogram_write(out, "answer_durable_seconds", "From an answer to its commit.",
                    &metrics->durable_ms);
}

/* An endpoint is a URL of a profile with a connector's variables: Prometheus escapes three bytes.
 */
static void write_label(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, *text == '\n' ? ' ' : *text);
    }
}

static void write_provider_line(struct buf *out, const char *name,
                                const struct metrics_provider *provider, int64_t thousandths)
{
    buf_printf(out, "refreshd_%s{provider=\"", name);
    write_label(out, provider->provider);
    buf_append(out, STR("\",endpoint=\""));
    write_label(out, provider->endpoint);
    buf_printf(out, "\"} %lld.%03lld\n", (long long)(thousandths / 1000),
               (long long)(thousandths % 1000));
}

static int64_t provider_in_flight(const struct metrics_provider *provider)
{
    return provider->in_flight * 1000;
}

static int64_t provider_limit(const struct metrics_provider *provider)
{
    return provider->limit * 1000;
}

static int64_t provider_rate(const struct metrics_provider *provider)
{
    return provider->rate > 0 ? provider->rate : -1;
}

static int64_t provider_breaker(const struct metrics_provider *provider)
{
    return provider->breaker_open ? 1000 : 0;
}

/* @value in thousandths; negative: there is none of this provider */
static void write_family(struct buf *out, const char *name, const char *help,
                         const struct metrics_gauges *gauges,
                         int64_t (*value)(const struct metrics_provider *provider))
{
    bool has_head = false;
    for (size_t i = 0; i < gauges->provider_count; i++) {
        int64_t thousandths = value(&gauges->providers[i]);
        if (thousandths < 0)
            continue;
        if (!has_head)
            head(out, name, "gauge", help);
        has_head = true;
        write_provider_line(out, name, &gauges->providers[i], thousandths);
    }
}

static void write_pacing(const struct metrics_gauges *gauges, struct buf *out)
{
    write_family(out, "provider_in_flight", "Token requests on the wire to one endpoint.", gauges,
                 provider_in_flight);
    write_family(out, "provider_in_flight_limit", "How many may be at a time, just now.", gauges,
                 provider_limit);
    write_family(out, "provider_requests_per_second_limit",
                 "What a 429 has taught; absent where nothing has.", gauges, provider_rate);
    write_family(out, "provider_breaker_open", "1 while it does not answer and is only probed.",
                 gauges, provider_breaker);
}

static void write_guard(const struct metrics *metrics, const struct metrics_gauges *gauges,
                        struct buf *out)
{
    gauge(out, "guard_holds", "Holds of the mass-failure guard that are open.",
          gauges->guard_holds);
    counter(out, "guard_trips_total", "Times that many grants seemed to die at once.",
            metrics->guard_trips);
    counter(out, "guard_verdicts_held_total", "Verdicts held.", metrics->verdicts_held);
    counter(out, "guard_verdicts_cleared_total", "Of them, those that were mistakes.",
            metrics->verdicts_cleared);
}

static void write_store_and_redis(const struct metrics *metrics,
                                  const struct metrics_gauges *gauges, struct buf *out)
{
    gauge(out, "store_writable", "1 where the last commit worked.", gauges->store_writable);
    counter(out, "store_commits_total", "Commits (one fsync each).", gauges->store_commits);
    counter(out, "store_writes_total", "Writes; several share a commit.", gauges->store_writes);
    counter(out, "store_reads_total", "Reads.", gauges->store_reads);
    gauge(out, "redis_connected", "1 while Redis is connected.", gauges->redis_connected);
    counter(out, "redis_reconnects_total", "Connections to Redis after the first.",
            gauges->redis_reconnects);
    counter(out, "redis_master_changes_total",
            "Connections to another Redis than the one before, as its sentinels said.",
            gauges->redis_master_changes);
    counter(out, "events_published_total", "Events that Redis has taken.",
            metrics->events_published);
    counter(out, "publish_failures_total", "Attempts to reach Redis that failed.",
            metrics->publish_failures);
    gauge(out, "outbox_events", "Events written and not yet in Redis.", gauges->outbox_lag_events);
    seconds(out, "outbox_age_seconds", "Age of the oldest of them.", gauges->outbox_lag_ms);
}

void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges,
                   struct buf *out)
{
    head(out, "build_info", "gauge", "1; the version is in the label.");
    buf_printf(out, "refreshd_build_info{version=\"%s\"} 1\n", gauges->version);
    seconds(out, "start_time_seconds", "When the daemon started, since 1970.",
            gauges->started_wall_ms);
    gauge(out, "connectors", "Connectors registered.", gauges->connectors);
    head(out, "connections", "gauge", "Connections by state.");
    for (unsigned i = 0; i < STATE_COUNT; i++)
        buf_printf(out, "refreshd_connections{state=\"%s\"} %llu\n",
                   connection_state_text((enum connection_state)i),
                   (unsigned long long)gauges->connections[i]);
    gauge(out, "requests_in_flight", "Token requests on the wire.", gauges->in_flight);
    gauge(out, "tasks", "Connections in memory: due soon or under way.", gauges->tasks);
    gauge(out, "calls_in_flight", "Calls of the control socket not yet answered.", gauges->waiters);
    write_refreshes(metrics, out);
    counter(out, "token_calls_total", "Calls of token.", metrics->token_calls);
    counter(out, "token_calls_joined_total", "Of them, joined a refresh that was under way.",
            metrics->token_calls_joined);
    counter(out, "revocations_total", "Grants revoked at their provider.",
            metrics->revocations_done);
    counter(out, "revocations_given_up_total", "Grants that a provider would not revoke.",
            metrics->revocations_given_up);
    counter(out, "reports_total", "Reports that an API refused an access token.", metrics->reports);
    counter(out, "probes_total", "Grants checked between refreshes.", metrics->probes);
    counter(out, "security_events_total", "Security events acted on.", metrics->security_events);
    counter(out, "security_events_refused_total", "Security events that were not believed.",
            metrics->security_events_refused);
    counter(out, "suspicions_total",
            "Early refreshes that a report, a check or a security event led to.",
            metrics->suspicions);
    counter(out, "calls_total", "Calls of the control socket.", metrics->rpc_calls);
    counter(out, "turns_total", "Turns of the event loop.", metrics->turns);
    write_pacing(gauges, out);
    write_guard(metrics, gauges, out);
    write_store_and_redis(metrics, gauges, out);
}
