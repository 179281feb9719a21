/** The configuration's files: the one that is named, and its drop-ins in the order of their names.
 */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include "config/config_fault.h"

/** @text borrowed for the call */
typedef void config_file_fn(void *ctx, struct str name, struct str text);

/**
 * Read path, then path + ".d" + "/" + "*.conf" (none is no mistake). Blocks on small local files.
 * What can't be read, or is larger than CONFIG_FILE_BYTES_MAX, is added to faults; false then: keys
 * may be missing that stand there.
 */
bool config_file_read_all(struct str path, config_file_fn *fn, void *ctx,
                          struct config_faults *faults);

#endif
