/**
 * An engine for control's tests: answers by what it is asked, at once or when the test says so.
 *
 *     struct engine *engine = fake_engine_new();
 *     …                                   // {"method":"refresh","params":{"connection":"later"}}
 *     fake_engine_resume(engine, 0);      // the oldest call not answered yet gets its answer
 *     fake_engine_free(engine);
 *
 * The parameter `connection` decides: "later…" is answered by fake_engine_resume(), "dead" fails
 * with needs_reconnect, "large" gives 3 MiB and "huge" 5 MiB of text; all else is told back:
 * {"called":"refresh","connection":"c-1"}. A watch of "gone" fails at once, one of "later" starts
 * by fake_engine_start_watch(), all others start at once behind event 17.
 */
#ifndef UNIT_CONTROL_FAKE_ENGINE_H
#define UNIT_CONTROL_FAKE_ENGINE_H

#include "engine/api.h"

enum {
    FAKE_ENGINE_HELD_MAX = 256,
    FAKE_ENGINE_WATCHERS_MAX = 8,
    FAKE_ENGINE_LAST = 17, /* the event before the first that a watch gives */
    FAKE_ENGINE_LARGE = 3 * 1024 * 1024,
    FAKE_ENGINE_HUGE = 5 * 1024 * 1024,
};

struct engine *fake_engine_new(void);
/** Answers what is held, as the real one does when it is drained. */
void fake_engine_free(struct engine *engine);

/** "rotate gcal forbidden": the last record for the audit, and how many there were. */
const char *fake_engine_audited(const struct engine *engine);
size_t fake_engine_audits(const struct engine *engine);
size_t fake_engine_called(const struct engine *engine);
size_t fake_engine_held(const struct engine *engine);
/** Answer the n-th of the held calls, the oldest being 0. */
void fake_engine_resume(struct engine *engine, size_t nth);

size_t fake_engine_watchers(const struct engine *engine);
void fake_engine_start_watch(struct engine *engine);
/** End all watches that have started. */
void fake_engine_fail_watch(struct engine *engine);
/** So many further events exist. Each is {"id":"18"} or, with pad, so many bytes longer. */
void fake_engine_publish(struct engine *engine, size_t count, size_t pad);

#endif
