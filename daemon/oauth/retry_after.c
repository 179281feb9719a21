#include "oauth/retry_after.h"

#include "common/time_text.h"

int64_t retry_after_parse(struct str value, int64_t now_wall_ms)
{
    int64_t date_wall_ms;
    value = str_trim(value);
    size_t digits = 0;
    int64_t seconds = 0;
    while (digits < value.len && value.data[digits] >= '0' && value.data[digits] <= '9') {
        if (seconds <= RETRY_AFTER_MAX_S)
            seconds = seconds * 10 + (value.data[digits] - '0');
        digits++;
    }
    if (digits == 0 || digits < value.len) {
        if (time_text_parse_http_date(value, &date_wall_ms) != STATUS_OK)
            return -1;
        seconds = date_wall_ms <= now_wall_ms ? 0 : (date_wall_ms - now_wall_ms + 999) / 1000;
    }
    return MIN_OF(seconds, (int64_t)RETRY_AFTER_MAX_S);
}
