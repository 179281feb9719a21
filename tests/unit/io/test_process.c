/* What the process does to itself at start. In a child each, since it can't be undone. */
#include "io/process.h"

#include "common/macros.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE_LIKE = 8 * 1024, PAGES_LIKE = 5000 }; /* 40 MB, as a store's pages */

/** Runs it in a child that is hardened. Its result is the child's: 0 where all is as it should be.
 */
static int in_hardened(int (*check)(const struct process_state *state))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct process_state state;
        process_harden(&state);
        _exit(check(&state));
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int nothing_leaks(const struct process_state *state)
{
    struct rlimit core;
    if (!state->undumpable || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 1;
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0)
        return 2;
    if (getenv("SSLKEYLOGFILE") != NULL)
        return 3;
    return umask(0) == 077 ? 0 : 4;
}

static void a_hardened_process_leaves_nothing_behind(void **state UNUSED)
{
    setenv("SSLKEYLOGFILE", "/nowhere", 1);
    assert_int_equal(in_hardened(nothing_leaks), 0);
    unsetenv("SSLKEYLOGFILE");
}

static int heap_stays_where_it_is(const struct process_state *state UNUSED)
{
    static char *pages[PAGES_LIKE];
    const void *end = sbrk(0);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < PAGES_LIKE; i++) {
            pages[i] = malloc(PAGE_LIKE);
            if (pages[i] == NULL)
                return 1;
        }
        if (sbrk(0) != end)
            return 2; /* it grew, out of its huge pages */
        for (size_t i = PAGES_LIKE; i > 0; i--)
            free(pages[i - 1]);
        if (sbrk(0) != end)
            return 3; /* it was given back */
    }
    return 0;
}

static int heap_is_huge(const struct process_state *state UNUSED)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    bool is_heap = false, is_huge = false;
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        bool is_last = strncmp(line, "VmFlags:", 8) == 0; /* of a mapping's lines */
        is_huge = is_huge || (is_heap && is_last && strstr(line, " hg") != NULL);
        is_heap = !is_last && (is_heap || strstr(line, "[heap]") != NULL);
    }
    if (maps != NULL)
        fclose(maps);
    return is_huge ? 0 : 1;
}

static bool has_own_heap(void)
{
    return mallopt(M_MMAP_MAX, 65536) == 0; /* a sanitizer's */
}

static void a_busy_heap_neither_grows_nor_shrinks(void **state UNUSED)
{
    if (has_own_heap())
        skip();
    assert_int_equal(in_hardened(heap_stays_where_it_is), 0);
}

static void the_heap_is_in_huge_pages_where_there_are_any(void **state UNUSED)
{
    if (has_own_heap() || access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) != 0)
        skip();
    assert_int_equal(in_hardened(heap_is_huge), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hardened_process_leaves_nothing_behind),
        cmocka_unit_test(a_busy_heap_neither_grows_nor_shrinks),
        cmocka_unit_test(the_heap_is_in_huge_pages_where_there_are_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
