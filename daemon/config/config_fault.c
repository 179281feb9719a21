#include "config/config_fault.h"

#include <stdarg.h>
#include <stdio.h>

void config_faults_deinit(struct config_faults *faults)
{
    arena_deinit(&faults->arena);
    *faults = (struct config_faults){0};
}

void config_fault_add(struct config_faults *faults, const char *format, ...)
{
    if (faults->count == CONFIG_FAULTS_MAX) {
        faults->left_out++;
        return;
    }
    struct error line; /* makes one line of it, whatever bytes the file had */
    char text[sizeof(line.text)];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)error_set(&line, STATUS_INVALID, "%s", text);
    faults->lines[faults->count++] = arena_copy(&faults->arena, str_c(line.text));
}
