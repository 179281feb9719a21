#include "io/process.h"

#include <errno.h>
#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bytes. What a busy daemon uses, its store's pages included, fits into HEAP_ROOM; so much and what
 * stands before it at its end may be free without being given back. */
enum {
    HEAP_ROOM = 64 * 1024 * 1024,
    HEAP_GROWTH = 1024 * 1024,
    HEAP_KEPT = HEAP_ROOM + 8 * HEAP_GROWTH,
    MMAPS_MAX = 65536,
};

/** As many as the hard limit lets us. Returns the limit there is then. */
static rlim_t raise_limit(int resource)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return 0;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0 ? limit.rlim_max : before;
}

static bool may_lock_beyond_limits(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capget, &header, data) != 0)
        return false;
    return (data[CAP_IPC_LOCK / 32].effective & (1U << (CAP_IPC_LOCK % 32))) != 0;
}

/** With a limit on locked memory, MCL_FUTURE would turn the first allocation beyond it into a
 * failure; rather not locked than killed by that. */
static void lock_memory(struct process_state *state)
{
    if (raise_limit(RLIMIT_MEMLOCK) != RLIM_INFINITY && !may_lock_beyond_limits()) {
        state->lock_refused_because = "locked memory is limited (LimitMEMLOCK=infinity lifts it)";
        return;
    }
    state->memory_locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
    if (!state->memory_locked)
        state->lock_refused_because = "the kernel refuses mlockall()";
}

/** Address space for a heap that begins here, taken at once and touched as it is used. */
static void make_heap_room(void)
{
    mallopt(M_MMAP_MAX, 0); /* of the heap itself, that is */
    void *volatile room = malloc(HEAP_ROOM);
    free(room);
    mallopt(M_MMAP_MAX, MMAPS_MAX);
}

/** One heap for all threads, in huge pages where the kernel has them: a refresh looks at tens of
 * places all over it, and with small pages each look is a walk through page tables too. What was
 * freed stays ours for the next burst: given back at once, each round of answers would fault the
 * same pages in, and lock them, anew. */
static void lay_out_heap(void)
{
    bool is_glibc = mallopt(M_ARENA_MAX, 1) != 0 && mallopt(M_TOP_PAD, HEAP_GROWTH) != 0 &&
                    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT) != 0;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)sbrk(0) & ~(page - 1);
    if (!is_glibc)
        return; /* a sanitizer's, say */
    make_heap_room();
    uintptr_t end = (uintptr_t)sbrk(0);
    if (end > start)
        (void)madvise((void *)start, end - start, MADV_HUGEPAGE); /* or else it stays as it is */
}

void process_harden(struct process_state *ret)
{
    lay_out_heap();
    *ret = (struct process_state){0};
    const struct rlimit none = {0, 0};
    bool no_cores = setrlimit(RLIMIT_CORE, &none) == 0;
    ret->undumpable = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && no_cores;
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    unsetenv("SSLKEYLOGFILE");
    rlim_t files = raise_limit(RLIMIT_NOFILE);
    ret->files_max = files > INT64_MAX ? INT64_MAX : (int64_t)files;
    lock_memory(ret);
}
