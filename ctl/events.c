#include "ctl/events.h"

#include "ctl/fault.h"
#include "ctl/follow.h"
#include "ctl/phrase.h"

/* A page: far below what one answer may have (docs/protocol.md "Limits"). */
enum { EVENTS_PAGE = 200, EVENTS_TYPES_MAX = 64 };

static const struct rpc_param events_params[] = {
    {.name = "after",
     .type = RPC_TYPE_INTEGER,
     .max = INT64_MAX,
     .help = "those behind this number (from the oldest that is kept)"},
    {.name = "since", .type = RPC_TYPE_TIME, .help = "only those of this time and later"},
    {.name = "type",
     .type = RPC_TYPE_TEXT_ARRAY,
     .min = 1,
     .max = EVENTS_TYPES_MAX,
     .choices = RPC_EVENT_TYPES,
     .help = "only of these types"},
    {.name = "connection", .type = RPC_TYPE_ID, .help = "only of this connection"},
    {.name = "limit",
     .type = RPC_TYPE_INTEGER,
     .min = 1,
     .max = INT64_MAX,
     .help = "end after so many"},
    {.name = "follow", .type = RPC_TYPE_BOOLEAN, .help = "go on with what happens from now on"},
    {.name = NULL},
};

const struct rpc_method events_method = {
    .id = RPC_LIST_EVENTS,
    .name = "events",
    .roles = RPC_ROLE_ADMIN | RPC_ROLE_OPERATOR,
    .params = events_params,
    .positional = "",
    .result = "the events in their order; with --json one CloudEvents object a line",
    .summary = "Show what happened, and with --follow what happens.",
};

struct listing {
    struct session *session;
    const struct event_filter *filter;
    int64_t after;
    int64_t left;     /* 0: all */
    bool from_oldest; /* nobody named a number */
    bool is_over;
    size_t shown;
};

/* The daemon filters what it can; `since` is ours. */
static enum ctl_exit ask(const struct listing *listing, struct json **ret_answer)
{
    CLEANUP(json_freep) struct json *params = json_new_object();
    json_set_i64(params, "after", listing->after);
    json_set_i64(params, "limit", EVENTS_PAGE);
    if (listing->filter->types != NULL)
        json_set(params, "types", json_copy(listing->filter->types));
    if (listing->filter->connection.len > 0)
        json_set_text(params, "connection", listing->filter->connection);
    return session_ask(listing->session, "list-events", params, ret_answer);
}

static enum ctl_exit take_error(struct listing *listing, const struct json *error)
{
    int64_t oldest = json_i64(json_get_path(error, STR("data.oldest")), 0);
    if (listing->from_oldest && listing->shown == 0 && oldest > listing->after + 1) {
        listing->after = oldest - 1;
        return CTL_EXIT_OK;
    }
    session_tell_error(listing->session, error);
    return fault_exit(error);
}

static enum ctl_exit take_events(struct listing *listing, const struct json *items)
{
    for (size_t i = 0; i < json_count(items) && !listing->is_over; i++) {
        const struct json *event = json_at(items, i);
        listing->after = MAX_OF(listing->after, follow_sequence(event));
        if (!event_filter_passes(listing->filter, event))
            continue;
        enum ctl_exit exit = follow_print(listing->session, event, true);
        if (exit != CTL_EXIT_OK)
            return exit;
        listing->shown++;
        listing->is_over = listing->left > 0 && --listing->left == 0;
    }
    return CTL_EXIT_OK;
}

static enum ctl_exit list_page(struct listing *listing)
{
    CLEANUP(json_freep) struct json *answer = NULL;
    enum ctl_exit exit = ask(listing, &answer);
    if (exit != CTL_EXIT_OK)
        return exit;
    const struct json *error = json_get(answer, "error");
    if (error != NULL)
        return take_error(listing, error);
    const struct json *result = json_get(answer, "result");
    exit = take_events(listing, json_get(result, "items"));
    listing->is_over = listing->is_over || phrase_text(result, "next_cursor").len == 0;
    return exit;
}

static enum ctl_exit list_all(struct listing *listing)
{
    enum ctl_exit exit = CTL_EXIT_OK;
    while (exit == CTL_EXIT_OK && !listing->is_over)
        exit = list_page(listing);
    if (exit == CTL_EXIT_OK && listing->shown == 0)
        session_remark(listing->session, "none");
    return exit;
}

enum ctl_exit events_run(struct session *session)
{
    const struct json *params = session->args->params;
    struct event_filter filter;
    event_filter_init(&filter, params, "type");
    int64_t after = json_i64(json_get(params, "after"), FOLLOW_FROM_OLDEST);
    int64_t limit = json_i64(json_get(params, "limit"), 0);
    if (json_bool(json_get(params, "follow"), false)) {
        struct follow follow = {
            .session = session, .filter = &filter, .after = after, .left = limit};
        return follow_run(&follow);
    }
    struct listing listing = {
        .session = session,
        .filter = &filter,
        .after = MAX_OF(after, 0),
        .left = limit,
        .from_oldest = after < 0,
    };
    return list_all(&listing);
}
