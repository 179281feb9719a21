#include "config/config_fault.h"

#include <stdarg.h>
#include <stdio.h>

void config_faults_deinit(struct config_faults *faults)
{
    arena_deinit(&faults->arena);
    *faults = (struct config_faults){0};
}

/** "FILE:LINE: ", "FILE: " or nothing; how long it is. */
static size_t write_place(const struct config_place *place, char *to, size_t size)
{
    int len = 0;
    to[0] = '\0';
    if (!str_is_empty(place->file) && place->line > 0)
        len = snprintf(to, size, STR_FMT ":%u: ", STR_ARG(place->file), place->line);
    else if (!str_is_empty(place->file))
        len = snprintf(to, size, STR_FMT ": ", STR_ARG(place->file));
    return len > 0 ? MIN_OF((size_t)len, size - 1) : 0;
}

static PRINTF_LIKE(3, 0) void add(struct config_faults *faults, const struct config_place *place,
                                  const char *format, va_list args)
{
    if (faults->count == CONFIG_FAULTS_MAX) {
        faults->left_out++;
        return;
    }
    struct error line; /* makes one line of it, whatever bytes the file had */
    char text[sizeof(line.text)];
    size_t used = write_place(place, text, sizeof(text));
    (void)vsnprintf(text + used, sizeof(text) - used, format, args);
    (void)error_set(&line, STATUS_INVALID, "%s", text);
    faults->ranks[faults->count] = (uint64_t)place->file_number << 32 | place->line;
    faults->lines[faults->count++] = arena_copy(&faults->arena, str_c(line.text));
}

void config_fault_add(struct config_faults *faults, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(faults, &(struct config_place){0}, format, args);
    va_end(args);
}

void config_fault_add_at(struct config_faults *faults, const struct config_place *place,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(faults, place, format, args);
    va_end(args);
}

/* By insertion: a hundred at most, and equals have to stay as they are. */
void config_faults_sort(struct config_faults *faults)
{
    for (size_t i = 1; i < faults->count; i++) {
        struct str line = faults->lines[i];
        uint64_t rank = faults->ranks[i];
        size_t at = i;
        for (; at > 0 && faults->ranks[at - 1] > rank; at--) {
            faults->lines[at] = faults->lines[at - 1];
            faults->ranks[at] = faults->ranks[at - 1];
        }
        faults->lines[at] = line;
        faults->ranks[at] = rank;
    }
}
