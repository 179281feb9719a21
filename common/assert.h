/**
 * Assertions: for our own mistakes, in every build, never on bytes from outside.
 *
 *     ASSERT(vault != NULL);
 */
#ifndef COMMON_ASSERT_H
#define COMMON_ASSERT_H

#include "common/macros.h"

#define ASSERT(condition) \
    ((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__, __func__))

/** A place that no value of an enum leads to. */
#define UNREACHABLE(what) assert_failed("unreachable: " what, __FILE__, __LINE__, __func__)

/** Write one line to standard error and abort. Async-signal-safe; holds no secret. */
NORETURN void assert_failed(const char *condition, const char *file, int line, const char *func);

#endif
