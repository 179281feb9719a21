/** The completion script for bash, made from the one table of methods. Pure. */
#ifndef CTL_COMPLETION_H
#define CTL_COMPLETION_H

#include "common/buf.h"

void completion_write_bash(struct buf *out);

#endif
