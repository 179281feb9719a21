#include "common/host.h"

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == ':' || c == '%';
}

bool host_is_valid(struct str host)
{
    if (str_starts_with(host, STR(".")) || str_starts_with(host, STR("%")))
        return false;
    for (size_t i = 0; i < host.len; i++) {
        if (!is_host_byte(host.data[i]))
            return false;
    }
    return host.len > 0 && host.len <= HOST_BYTES_MAX;
}
