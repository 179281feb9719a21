/**
 * How fast one provider's token endpoint is asked: a limit of requests in flight that adapts, a
 * token bucket, and a circuit breaker. Pure; the engine asks before it starts a request and reports
 * how each ended.
 *
 *     if (pacing_may_begin(&pacer, max_in_flight, now.ms))
 *         is_probe = pacing_begin(&pacer, now.ms);
 *     … its intent is durable: if (pacing_may_send(&pacer, max_in_flight))
 *         pacing_send(&pacer);
 *     …
 *     pacing_end(&pacer, max_in_flight, &(struct pacing_end){.kind = PACING_ANSWERED, …}, now.ms);
 *
 * Nothing is limited before a provider shows a limit: a request starts at once while fewer than
 * max_in_flight are out. A 429 teaches the bucket a rate, half of what was just sent; it grows by a
 * tenth each second without another, and is gone past PACING_RATE_MAX.
 */
#ifndef CORE_PACING_H
#define CORE_PACING_H

#include "core/types.h"

enum {
    PACING_BREAKER_AFTER = 5, /* transport failures in a row */
    PACING_PAUSE_MIN_MS = 1000,
    PACING_PAUSE_MAX_MS = 60 * 1000,
    PACING_RECENT = 50,                    /* requests whose answers are looked back at */
    PACING_RECENT_MIN = 20,                /* fewer say nothing about the endpoint */
    PACING_RECENT_AGE_MS = 10 * 60 * 1000, /* a longer pause than this begins anew */
    PACING_RATE_MIN = 200,                 /* thousandths of a request a second */
    PACING_RATE_MAX = 1000 * 1000,
};

enum breaker { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };
const char *breaker_text(enum breaker breaker);

struct pacer {
    int64_t begun;     /* not sent yet: their intents are being written */
    int64_t in_flight; /* on the wire */
    int64_t below;     /* thousandths by which the limit stands below the largest; 0: not at all */
    int64_t cut_ms; /* when the limit was halved last: answers to older requests halve it no more */
    /* The bucket. */
    int64_t rate;       /* thousandths of a request a second; 0: no limit */
    int64_t millionths; /* of a request, that may be sent at once */
    int64_t filled_ms, rate_cut_ms, rate_grown_ms;
    int64_t second_ms, sent_in_second, sent_before; /* what is sent, by the second */
    /* The breaker. */
    enum breaker breaker;
    int64_t failures; /* of transport, in a row */
    int64_t pause_ms, open_until_ms, opened_ms;
    /* Which of the recent requests are uncertain, the newest in bit 0. */
    uint64_t recent;
    int64_t recent_count, recent_ms;
};

enum pacing_end_kind {
    PACING_UNSENT,     /* the request was not made after all */
    PACING_ANSWERED,   /* something was answered, be it an error */
    PACING_LIMITED,    /* 429 */
    PACING_OVERLOADED, /* 503 */
    PACING_UNREACHED,  /* no connection */
    PACING_LOST,       /* sent, and nothing came back */
};

struct pacing_end {
    enum pacing_end_kind kind;
    bool is_probe; /* what pacing_begin() said */
    bool is_good;  /* a refresh succeeded */
    bool is_uncertain;
    int64_t started_ms;
};

/** Requests that may be in flight now. */
int64_t pacing_limit(const struct pacer *pacer, int64_t max_in_flight);
bool pacing_may_begin(struct pacer *pacer, int64_t max_in_flight, int64_t now_ms);
/** When pacing_may_begin() changes its mind by time alone; INT64_MAX: it does not. */
int64_t pacing_next_ms(const struct pacer *pacer, int64_t max_in_flight);
/** Also for a request that must go whatever the limits say. True: it is the breaker's probe. */
bool pacing_begin(struct pacer *pacer, int64_t now_ms);
/** Is there a place on the wire? PACING_BEGUN_OF_A_PLACE times as many requests may have begun, so
 * that it does not stand empty while intents are written: to commit some takes longer than to have
 * an answer. */
enum { PACING_BEGUN_OF_A_PLACE = 3 };
bool pacing_may_send(const struct pacer *pacer, int64_t max_in_flight);
/** One that has begun is sent now. */
void pacing_send(struct pacer *pacer);
void pacing_end(struct pacer *pacer, int64_t max_in_flight, const struct pacing_end *end,
                int64_t now_ms);
/** Is the breaker open, or are more than a tenth of the recent requests uncertain? Then no lost
 * answer is asked for again quickly. */
bool pacing_is_unsure(const struct pacer *pacer, int64_t now_ms);
/** Is nothing sent, other than one request now and then? */
bool pacing_is_shut(const struct pacer *pacer);

#endif
