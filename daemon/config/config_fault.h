/**
 * A list of lines for people: what is wrong with a configuration, and where. Mistakes are found in
 * passes (lines, then values, then what lies between values) and told in the order of the files.
 *
 *     config_fault_add_at(&faults, &place, "unknown section [%s]", name);   // "FILE:7: unknown …"
 *     config_faults_sort(&faults);
 */
#ifndef CONFIG_CONFIG_FAULT_H
#define CONFIG_CONFIG_FAULT_H

#include "common/arena.h"

/** More than so many are counted, not kept. */
enum { CONFIG_FAULTS_MAX = 100 };

/** Where something stands; zeroed: nowhere in particular. */
struct config_place {
    struct str file;
    unsigned file_number; /* in the order of reading, from 1 */
    unsigned line;        /* from 1; 0: the file as a whole */
};

struct config_faults {
    struct arena arena;
    struct str lines[CONFIG_FAULTS_MAX]; /* each with a NUL behind */
    uint64_t ranks[CONFIG_FAULTS_MAX];   /* file, then line */
    size_t count;
    size_t left_out;
};

void config_faults_deinit(struct config_faults *faults);
void config_fault_add(struct config_faults *faults, const char *format, ...) PRINTF_LIKE(2, 3);
/** With "FILE:LINE: " or "FILE: " in front, as far as the place is known. */
void config_fault_add_at(struct config_faults *faults, const struct config_place *place,
                         const char *format, ...) PRINTF_LIKE(3, 4);
/** By file, then line; those of one line in the order they were found. Of no place: first. */
void config_faults_sort(struct config_faults *faults);

#endif
