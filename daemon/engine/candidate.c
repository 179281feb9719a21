#include "engine/candidate.h"

enum candidate_rating candidate_rate(const struct catalog_entry *entry,
                                     const struct connection *connection, struct now now)
{
    bool has_ended =
        connection->refresh_expires_ms != TIME_NONE && now.ms >= connection->refresh_expires_ms;
    if (!connection_grant_alive(connection) || str_is_empty(connection->sealed_refresh) ||
        has_ended)
        return CANDIDATE_NONE;
    if (catalog_is_of_old_client(entry, connection_client_version(connection)))
        return CANDIDATE_FOREIGN;
    /* What was lost is sent again when the provider's habits allow, and not for our curiosity. */
    bool waits = connection->refresh_due_ms == TIME_NONE || connection->refresh_due_ms > now.ms;
    if (connection->attempt_id != 0 || (connection->uncertain_tries > 0 && waits))
        return CANDIDATE_BUSY;
    bool in_doubt = connection->doubts > 0 || connection->uncertain_tries > 0;
    return in_doubt ? CANDIDATE_DOUBTED : CANDIDATE_GOOD;
}

struct store_read *candidate_read_page(const struct catalog_entry *entry,
                                       const struct store_read *last)
{
    struct store_read *page = store_read_new(STORE_READ_DUE);
    page->connector = arena_copy(&page->arena, entry->connector.id);
    page->until_ms = INT64_MAX;
    page->limit = CANDIDATE_PAGE;
    if (last != NULL) {
        page->after_due_ms = last->after_due_ms;
        page->cursor = arena_copy(&page->arena, last->cursor);
    }
    return page;
}

struct store_read *candidate_read_records(const struct store_read *page)
{
    if (page->due_count == 0)
        return NULL;
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->connector = arena_copy(&read->arena, page->connector);
    read->ids = arena_alloc(&read->arena, page->due_count * sizeof(*read->ids));
    read->id_count = page->due_count;
    for (size_t i = 0; i < page->due_count; i++)
        read->ids[i] = arena_copy(&read->arena, page->due[i].id);
    read->after_due_ms = page->due[page->due_count - 1].due_ms;
    read->cursor = read->ids[page->due_count - 1];
    return read;
}
