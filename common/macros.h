/**
 * The compiler's extensions, given names. Nothing outside this file spells an attribute.
 *
 *     CLEANUP(buf_deinit) struct buf line = {0};   // deinit runs on every way out
 *     *out = TAKE_PTR(plain);                      // hand over, so that the clean-up finds NULL
 */
#ifndef COMMON_MACROS_H
#define COMMON_MACROS_H

#include <stddef.h>

/** Run fn(&variable) when the variable leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/** The caller has to look at the result. */
#define MUST_CHECK __attribute__((warn_unused_result))

/** Arguments are checked like printf's; both numbers count from 1. */
#define PRINTF_LIKE(format_at, first_at) \
    __attribute__((__format__(__printf__, format_at, first_at)))

/** A parameter that an interface demands and this implementation does not need. */
#define UNUSED __attribute__((unused))

#define NORETURN __attribute__((noreturn))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/** Hand over what a CLEANUP variable owns: evaluates to its value, leaves NULL behind. */
#define TAKE_PTR(pointer)                       \
    (__extension__({                            \
        __typeof__(pointer) taken_ = (pointer); \
        (pointer) = NULL;                       \
        taken_;                                 \
    }))

/** The struct that holds this member. */
#define CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#endif
