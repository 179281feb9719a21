#include "timekeeping.h"

#include "io/clock.h"
#include "store_opening.h"

#include <stdlib.h>

#define META_TIMELINE "timeline" /* "BOOT_ID OFFSET_MS" */

enum { CLOCK_WOBBLE_MS = 2 }; /* two clocks read one after the other differ by so much */

struct now timekeeping_now(void *ctx)
{
    struct daemon *daemon = ctx;
    struct clock_reading reading = clock_read();
    int64_t ahead_ms = reading.wall_ms - reading.boot_ms;
    /* Kept steady but for real steps: one stored time is always shown as the same text. */
    if (llabs(ahead_ms - daemon->wall_ahead_ms) > CLOCK_WOBBLE_MS)
        daemon->wall_ahead_ms = ahead_ms;
    return (struct now){.ms = timeline_ms(&daemon->timeline, reading.boot_ms),
                        .wall_ms = reading.boot_ms + daemon->wall_ahead_ms};
}

static void on_timeline_kept(struct completion *completion, struct now now)
{
    (void)now;
    store_write_free(CONTAINER_OF(completion, struct store_write, completion));
}

static void keep_timeline(struct daemon *daemon)
{
    struct now now = timekeeping_now(daemon);
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_printf(&text, "%s %lld", daemon->timeline.boot_id, (long long)daemon->timeline.offset_ms);
    struct store_write *write = store_write_new(now.ms);
    store_write_put_meta(write, STR(META_TIMELINE), buf_str(&text));
    write->completion.resume = on_timeline_kept;
    daemon->store_port.write(daemon->store_port.ctx, write);
}

static bool parse_timeline(struct str text, struct timeline *ret_saved)
{
    struct str boot_id, offset;
    if (!str_next_word(&text, STR(" "), &boot_id) || !str_next_word(&text, STR(" "), &offset))
        return false;
    str_copy_cut(boot_id, ret_saved->boot_id, sizeof(ret_saved->boot_id));
    return str_to_i64(offset, &ret_saved->offset_ms) == STATUS_OK;
}

enum status timekeeping_start(struct daemon *daemon, struct error *err)
{
    char boot_id[CLOCK_BOOT_ID_SIZE];
    enum status status = clock_boot_id(boot_id, err);
    if (status != STATUS_OK)
        return status;
    struct store_read *saved = store_opening_read_meta(daemon, STR(META_TIMELINE));
    struct store_read *commit = store_opening_read_meta(daemon, STR(STORE_META_LAST_COMMIT));
    struct timeline timeline = {0};
    int64_t last_commit_ms = 0;
    if (str_to_i64(commit->value, &last_commit_ms) != STATUS_OK)
        last_commit_ms = 0;
    bool has_saved = parse_timeline(saved->value, &timeline);
    struct clock_reading reading = clock_read();
    timeline_start(&daemon->timeline, has_saved ? &timeline : NULL, str_c(boot_id), reading.boot_ms,
                   reading.wall_ms, last_commit_ms);
    store_read_free(saved);
    store_read_free(commit);
    if (daemon->timeline.clock_was_unset)
        log_plain(&daemon->log, LOG_LEVEL_WARNING, "clock.unset",
                  "the wall clock stands before the last commit: time goes on from there");
    keep_timeline(daemon);
    return STATUS_OK;
}
