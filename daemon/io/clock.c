#include "io/clock.h"

#include "common/assert.h"
#include "common/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
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

enum status clock_boot_id(char ret_id[CLOCK_BOOT_ID_SIZE], struct error *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
    char text[CLOCK_BOOT_ID_SIZE];
    ssize_t len = read(fd, text, sizeof(text));
    close(fd);
    struct str id = str_trim((struct str){.data = text, .len = len > 0 ? (size_t)len : 0});
    if (id.len == 0 || id.len >= CLOCK_BOOT_ID_SIZE)
        return error_set(err, STATUS_UNAVAILABLE, "%s: expected a boot id, got %zd bytes", path,
                         len);
    str_copy_cut(id, ret_id, CLOCK_BOOT_ID_SIZE);
    return STATUS_OK;
}
