#include "ctl/event_filter.h"

#include "common/time_text.h"
#include "ctl/phrase.h"

void event_filter_init(struct event_filter *filter, const struct json *params, const char *types)
{
    *filter = (struct event_filter){
        .types = json_get(params, types),
        .connection = phrase_text(params, "connection"),
        .since_ms = INT64_MIN,
    };
    int64_t since_ms;
    if (time_text_parse_rfc3339(phrase_text(params, "since"), &since_ms) == STATUS_OK)
        filter->since_ms = since_ms;
}

static bool is_wanted(const struct json *types, struct str type)
{
    if (json_count(types) == 0)
        return true;
    for (size_t i = 0; i < json_count(types); i++) {
        if (str_eq(json_text(json_at(types, i)), type))
            return true;
    }
    return false;
}

bool event_filter_passes(const struct event_filter *filter, const struct json *event)
{
    int64_t wall_ms;
    if (time_text_parse_rfc3339(phrase_text(event, "time"), &wall_ms) == STATUS_OK &&
        wall_ms < filter->since_ms)
        return false;
    if (filter->connection.len > 0 && !str_eq(filter->connection, phrase_text(event, "subject")))
        return false;
    return is_wanted(filter->types, phrase_text(event, "type"));
}
