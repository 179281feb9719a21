#include "control/control.h"

#include "common/assert.h"
#include "common/memory.h"
#include "control/access.h"

#include <stdlib.h>

struct control *control_new(struct engine *engine, const struct access_rules *rules,
                            struct control_hooks hooks)
{
    ASSERT(rules != NULL);
    struct control *control = memory_new(sizeof(*control));
    control->engine = engine;
    control->rules = access_rules_copy(rules);
    control->hooks = hooks;
    return control;
}

void control_release(struct control *control)
{
    if (control->released && control->calls == 0)
        free(control);
}

void control_free(struct control *control)
{
    if (control == NULL)
        return;
    ASSERT(control->sessions == NULL && !control->released);
    access_rules_deinit(&control->rules);
    control->released = true;
    control_release(control);
}

void control_set_access(struct control *control, const struct access_rules *rules)
{
    ASSERT(control != NULL && rules != NULL);
    struct access_rules copy = access_rules_copy(rules);
    access_rules_deinit(&control->rules);
    control->rules = copy;
}

void control_drain(struct control *control, struct now now UNUSED)
{
    ASSERT(control != NULL);
    control->draining = true;
    struct session *next;
    for (struct session *session = control->sessions; session != NULL; session = next) {
        next = session->next;
        session_enter(session);
        session_end(session);
        session_leave(session);
    }
}

size_t control_calls_in_flight(const struct control *control)
{
    ASSERT(control != NULL);
    return control->calls + control->watchers;
}
