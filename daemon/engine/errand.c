#include "engine/errand.h"

#include "common/assert.h"
#include "common/memory.h"

#include <stdlib.h>

struct errand {
    struct engine *engine;
    struct catalog_entry *entry;
    bool for_caller;
    errand_done *done;
    void *user;
};

static void count_one(size_t *count, bool begins)
{
    if (begins)
        ++*count;
    else
        --*count;
}

static void count(struct errand *errand, bool begins)
{
    count_one(&errand->engine->errands, begins);
    if (errand->for_caller)
        return;
    count_one(&errand->engine->background_errands, begins);
    if (errand->entry != NULL)
        count_one(&errand->entry->background_errands, begins);
}

static void on_end(struct completion *completion, struct now now)
{
    struct http_request *request = CONTAINER_OF(completion, struct http_request, completion);
    struct errand *errand = request->user;
    const struct errand_answer answer = {
        .end = request->end,
        .http =
            {
                .status = request->status,
                .headers = request->headers,
                .header_count = request->header_count,
                .body = request->body != NULL ? secret_str(request->body) : STR(""),
                .body_too_large = request->body_too_large,
                .now_wall_ms = now.wall_ms,
            },
        .why = request->error.text,
        .entry = errand->entry,
        .took_ms = request->took_ms,
    };
    count(errand, false);
    errand->done(errand->user, &answer, now);
    if (errand->entry != NULL)
        catalog_unref(errand->entry);
    http_request_free(request);
    free(errand);
}

static enum status check_room(const struct engine *engine, const struct errand_order *order,
                              struct error *err)
{
    if (engine->draining && !order->for_caller)
        return error_set(err, STATUS_UNAVAILABLE, "refreshd is stopping");
    bool is_full = engine->errands >= ERRANDS_MAX;
    if (!order->for_caller) {
        is_full =
            is_full || engine->background_errands >= ERRANDS_BACKGROUND_MAX ||
            (order->entry != NULL && order->entry->background_errands >= ERRANDS_OF_CONNECTOR_MAX);
    }
    if (is_full)
        return error_set(err, STATUS_UNAVAILABLE,
                         "too many requests to providers are under way: try again shortly");
    return STATUS_OK;
}

enum status errand_send(struct engine *engine, const struct errand_order *order, struct now now,
                        struct error *err)
{
    (void)now;
    ASSERT(order->done != NULL && order->deadline_ms > 0);
    enum status status = check_room(engine, order, err);
    if (status != STATUS_OK) {
        oauth_message_deinit(order->message);
        *order->message = (struct oauth_message){0};
        return status;
    }
    struct errand *errand = memory_new(sizeof(*errand));
    *errand = (struct errand){.engine = engine,
                              .entry = order->entry,
                              .for_caller = order->for_caller,
                              .done = order->done,
                              .user = order->user};
    if (errand->entry != NULL)
        catalog_ref(errand->entry);
    count(errand, true);
    struct http_request *request = http_request_new();
    request->message = *order->message;
    *order->message = (struct oauth_message){0};
    request->deadline_ms = order->deadline_ms;
    request->refuse_private = order->refuse_private || request->message.host_is_made;
    request->user = errand;
    request->completion.resume = on_end;
    engine->http.send(engine->http.ctx, request);
    return STATUS_OK;
}
