#include "store_opening.h"

#include "io/clock.h"
#include "timekeeping.h"

#include <stdio.h>

static void on_answered(struct completion *completion, struct now now)
{
    (void)now;
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    *(bool *)read->user = true;
}

struct store_read *store_opening_read_meta(struct daemon *daemon, struct str name)
{
    bool answered = false;
    struct store_read *read = store_read_new(STORE_READ_META);
    read->name = arena_copy(&read->arena, name);
    read->user = &answered;
    read->completion.resume = on_answered;
    daemon->store_port.read(daemon->store_port.ctx, read);
    while (!answered)
        loop_run_once(daemon->loop);
    return read;
}

static void make_key_check(void *ctx, struct str log_id, struct buf *ret_check)
{
    const struct daemon *daemon = ctx;
    vault_key_check_make(daemon->startup.vault, log_id, ret_check);
}

static enum status check_key(void *ctx, struct str log_id, struct str check)
{
    const struct daemon *daemon = ctx;
    return vault_key_check(daemon->startup.vault, log_id, check);
}

enum exit_status store_opening_open(struct daemon *daemon, bool must_exist)
{
    struct error err = {0};
    int exit_status = EXIT_STATUS_OK;
    const struct store_sqlite_key key = {.ctx = daemon, .make = make_key_check, .check = check_key};
    const struct store_sqlite_options options = {
        .path = daemon->startup.store_path.data,
        .inbox = daemon->inbox,
        .source = daemon->startup.source,
        .key = &key,
        .ballast_bytes = STORE_SQLITE_BALLAST_BYTES,
        .monotonic_us = clock_monotonic_us,
        .must_exist = must_exist,
        .check_all = must_exist,
    };
    enum status status =
        store_sqlite_open(&options, &daemon->store_port, &daemon->store, &err, &exit_status);
    if (status == STATUS_NOT_FOUND) { /* a check, and nothing to look at */
        printf("%s: there is no store yet; a start makes it\n", options.path);
        return EXIT_STATUS_OK;
    }
    if (status == STATUS_OK && timekeeping_start(daemon, &err) == STATUS_OK)
        return EXIT_STATUS_OK;
    fprintf(stderr, "refreshd: %s\n", err.text);
    return exit_status != EXIT_STATUS_OK ? (enum exit_status)exit_status : EXIT_STATUS_IO;
}
