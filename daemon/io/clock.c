#include "io/clock.h"

#include "common/assert.h"
#include "common/str.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct timespec reading_of(clockid_t clock)
{
    struct timespec reading;
    int result = clock_gettime(clock, &reading);
    ASSERT(result == 0);
    return reading;
}

static int64_t milliseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

struct clock_reading clock_read(void)
{
    return (struct clock_reading){
        .boot_ms = milliseconds(reading_of(CLOCK_BOOTTIME)),
        .wall_ms = milliseconds(reading_of(CLOCK_REALTIME)),
    };
}

int64_t clock_monotonic_us(void)
{
    struct timespec time = reading_of(CLOCK_MONOTONIC);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/** What /proc says, or nothing. */
static struct str read_boot_id(char *text, size_t size)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return STR_NONE;
    ssize_t len = read(fd, text, size);
    close(fd);
    return str_trim((struct str){.data = text, .len = len > 0 ? (size_t)len : 0});
}

enum status clock_boot_id(char ret_id[CLOCK_BOOT_ID_SIZE], struct error *err)
{
    char text[CLOCK_BOOT_ID_SIZE];
    struct str id = read_boot_id(text, sizeof(text));
    if (id.len == 0)
        id = str_c(getenv("REFRESHD_BOOT_ID"));
    if (id.len == 0 || id.len >= CLOCK_BOOT_ID_SIZE)
        return error_set(err, STATUS_UNAVAILABLE,
                         "expected the boot id in /proc/sys/kernel/random/boot_id or in "
                         "REFRESHD_BOOT_ID");
    str_copy_cut(id, ret_id, CLOCK_BOOT_ID_SIZE);
    return STATUS_OK;
}
