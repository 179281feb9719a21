/**
 * The lines of one file, over libinih: "[section]", "key = value", comments. The library stops at
 * nothing and tells only the first bad line; this tells each, and the number of every line.
 *
 *     config_ini_parse(&file, text, sink, &faults);   → sink.pair(ctx, &pair), …
 */
#ifndef CONFIG_CONFIG_INI_H
#define CONFIG_CONFIG_INI_H

#include "config/config_fault.h"

struct config_pair {
    struct str section, name, value; /* borrowed for the call */
    struct config_place place;
};

struct config_ini_sink {
    void *ctx;
    /** False: there is no such section; it has been told. */
    bool (*section)(void *ctx, struct str name, const struct config_place *place);
    /** Only in sections that there are. */
    void (*pair)(void *ctx, const struct config_pair *pair);
};

/**
 * Lines that are none are added to faults as "file:line: …".
 * @file  its name and number
 */
void config_ini_parse(const struct config_place *file, struct str text, struct config_ini_sink sink,
                      struct config_faults *faults);

#endif
