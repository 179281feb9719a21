/** A list of lines for people: what is wrong with a configuration, and where. */
#ifndef CONFIG_CONFIG_FAULT_H
#define CONFIG_CONFIG_FAULT_H

#include "common/arena.h"

/** More than so many are counted, not kept. */
enum { CONFIG_FAULTS_MAX = 100 };

struct config_faults {
    struct arena arena;
    struct str lines[CONFIG_FAULTS_MAX]; /* each with a NUL behind */
    size_t count;
    size_t left_out;
};

void config_faults_deinit(struct config_faults *faults);
void config_fault_add(struct config_faults *faults, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
