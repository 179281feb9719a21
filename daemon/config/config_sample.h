/**
 * The table of keys as people read it: the sample file (every key, commented out, with its default)
 * and the entries of refreshd.conf(5). config/refreshd.conf and docs/man/refreshd.conf.5 hold
 * exactly this, by test; `REFRESHD_UPDATE=1 build/…/tests/config_sample` writes them anew.
 */
#ifndef CONFIG_CONFIG_SAMPLE_H
#define CONFIG_CONFIG_SAMPLE_H

#include "common/buf.h"

/** The whole of refreshd.conf. */
void config_write_sample(struct buf *out);
/** The sections and keys of the manual page, in man(7). */
void config_write_manual(struct buf *out);

#endif
