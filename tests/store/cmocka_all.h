/** cmocka.h with what it wants before it. */
#ifndef STORE_CMOCKA_ALL_H
#define STORE_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_str(actual, expected) assert_true(str_eq((actual), (expected)))

#endif
