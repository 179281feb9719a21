/** What every writer of people's output needs to know. */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

#include "ctl/style.h"

struct view {
    int64_t now_ms; /* what relative times count from */
    struct style style;
    bool quiet; /* only the token, only the ids */
};

#endif
