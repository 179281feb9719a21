/** What the engine's scenario tests share: cmocka, a world made anew for each row, and
 * connectors with people. */
#ifndef UNIT_ENGINE_TEST_H
#define UNIT_ENGINE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/record.h"
#include "support/world.h"

static inline int world_setup(void **state)
{
    *state = world_new(1);
    return 0;
}

static inline int world_teardown(void **state)
{
    world_free(*state);
    return 0;
}

/** Connector gcal of profile "rotating", and so many people: connections c-0, c-1 … */
static inline void given_gcal(struct world *world, int people)
{
    world_register(world, "gcal", "app_user", "rotating", "client-gcal", "s1");
    for (int i = 0; i < people; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c-%d", i);
        world_import(world, "gcal", id);
    }
}

/** A connector, its client client-CONNECTOR, and so many people: CONNECTOR-0, CONNECTOR-1 … */
static inline void given_people(struct world *world, const char *connector, const char *profile,
                                int count)
{
    char client[64];
    snprintf(client, sizeof(client), "client-%s", connector);
    world_register(world, connector, "app_user", profile, client, "s1");
    for (int i = 0; i < count; i++) {
        char id[32];
        snprintf(id, sizeof(id), "%s-%d", connector, i);
        world_import(world, connector, id);
    }
}

/** The store has no due time of this connection: nothing comes between a test and its end. */
static inline void without_plan(struct world *world, const char *id)
{
    struct arena arena = {0};
    struct connection unplanned;
    record_copy_connection(&arena, world_connection(world, id), &unplanned);
    unplanned.due_ms = unplanned.refresh_due_ms = TIME_NONE;
    fake_store_seed(world->store, &unplanned);
    arena_deinit(&arena);
}

/** A row: its function's name is the sentence. */
#define ROW(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

#define assert_state(world, id, state) assert_string_equal(world_state((world), (id)), (state))
#define assert_reason(world, id, reason) assert_string_equal(world_reason((world), (id)), (reason))
#define assert_events(world, type, subject, count) \
    assert_int_equal(world_events((world), (type), (subject)), (count))
#define assert_event_text(world, type, subject, path, expected)             \
    do {                                                                    \
        char *text_ = world_event_text((world), (type), (subject), (path)); \
        assert_non_null(text_);                                             \
        assert_string_equal(text_, (expected));                             \
        free(text_);                                                        \
    } while (0)
#define assert_done(call)                        \
    do {                                         \
        const struct world_call *call_ = (call); \
        assert_true(call_->is_done);             \
        assert_string_equal(call_->word, "");    \
    } while (0)
#define assert_failed_with(call, expected)            \
    do {                                              \
        const struct world_call *call_ = (call);      \
        assert_true(call_->is_done);                  \
        assert_string_equal(call_->word, (expected)); \
    } while (0)

#endif
