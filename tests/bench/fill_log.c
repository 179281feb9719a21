/* A backlog for scripts/bench-events: appends COUNT events to the log of a store that no daemon has
 * open, each a copy of the newest connection.refreshed that stands there, so that they look as the
 * daemon made them.
 *
 *     fill_log DATABASE COUNT
 *     → {"from":…,"to":…,"bytes":…}      sequence numbers; bytes of data in each
 */
#include "io/clock.h"
#include "io/store_sqlite_group.h"

#include "common/assert.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_A_WRITE = 1000, PAGE = 1000 };

static void must(enum status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "fill_log: %s: %s\n", status_text(status), err->text);
    exit(1);
}

static void run(struct sqlite_engine *engine, struct sqlite_request request)
{
    sqlite_group_run(engine, &request, 1);
    sqlite_engine_checkpoint(engine, true);
    if (request.write != NULL)
        must(request.write->status, &request.write->error);
    else
        must(request.read->status, &request.read->error);
}

/** The last page that has such events; the caller frees. */
static struct store_read *read_newest(struct sqlite_engine *engine)
{
    struct store_read *found = NULL;
    for (int64_t after = 0;;) {
        struct store_read *page = store_read_new(STORE_READ_EVENTS);
        page->after = after;
        page->types = arena_copy(&page->arena, STR("connection.refreshed"));
        page->limit = PAGE;
        run(engine, (struct sqlite_request){.read = page});
        if (page->event_count == 0) {
            store_read_free(page);
            return found;
        }
        after = page->events[page->event_count - 1].seq;
        store_read_free(found);
        found = page;
    }
}

static int64_t append(struct sqlite_engine *engine, const struct event_draft *event, size_t count)
{
    int64_t first = 0;
    while (count > 0) {
        struct store_write *write = store_write_new(event->wall_ms);
        for (size_t i = 0; i < EVENTS_A_WRITE && count > 0; i++, count--)
            store_write_append_event(write, event, STAMP_NONE);
        run(engine, (struct sqlite_request){.write = write});
        if (first == 0)
            first = write->first_event_seq;
        store_write_free(write);
    }
    return first;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: fill_log DATABASE COUNT\n");
        return 64;
    }
    size_t count = strtoul(argv[2], NULL, 10);
    struct sqlite_engine engine;
    const struct store_sqlite_options options = {
        .path = argv[1], .source = STR("refreshd/bench"), .monotonic_us = clock_monotonic_us};
    struct error err = {0};
    int exit_status;
    must(sqlite_engine_open(&engine, &options, &err, &exit_status), &err);
    struct store_read *model = read_newest(&engine);
    if (model == NULL) {
        fprintf(stderr, "fill_log: there is no connection.refreshed to copy\n");
        return 1;
    }
    const struct event_draft *event = &model->events[model->event_count - 1].draft;
    int64_t first = append(&engine, event, count);
    printf("{\"from\":%lld,\"to\":%lld,\"bytes\":%zu}\n", (long long)first,
           (long long)(first + (int64_t)count - 1), event->data.len);
    store_read_free(model);
    sqlite_engine_close(&engine);
    return 0;
}
