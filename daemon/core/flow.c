#include "core/flow.h"

#include "common/assert.h"

static const char *const intents[INTENT_COUNT] = {
    [INTENT_CONNECT] = "connect",
    [INTENT_RECONNECT] = "reconnect",
    [INTENT_SWITCH] = "switch",
};

const char *intent_text(enum intent intent)
{
    ASSERT((unsigned)intent < INTENT_COUNT);
    return intents[intent];
}

enum status intent_parse(struct str text, enum intent *ret)
{
    for (unsigned i = 0; i < INTENT_COUNT; i++) {
        if (!str_eq(text, str_c(intents[i])))
            continue;
        *ret = (enum intent)i;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}
