/** What was probably meant where a name is not in the table of keys. */
#ifndef CONFIG_CONFIG_HINT_H
#define CONFIG_CONFIG_HINT_H

#include "common/buf.h"

/** Appends "; did you mean [refresh]?", or nothing. */
void config_hint_section(struct str name, struct buf *out);
/** Appends "; did you mean "key_file"?", "; it belongs into [redis]", or nothing. */
void config_hint_key(struct str section, struct str name, struct buf *out);

#endif
