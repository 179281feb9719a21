/**
 * One value: from its text to its field, by the key's type and range.
 *
 *     "5 min" with CONFIG_SPAN → 300000;  "5 mim" → STATUS_INVALID, "a span from 100ms to 1h"
 */
#ifndef CONFIG_CONFIG_VALUE_H
#define CONFIG_CONFIG_VALUE_H

#include "common/buf.h"
#include "config/config_key.h"

/** An empty text leaves a key without default unset.
 * STATUS_INVALID: err's text is what was expected, without the value. */
MUST_CHECK enum status config_value_parse(const struct config_key *key, struct str text,
                                          struct config *config, struct error *err);

/** The type and range in words: "a span from 100ms to 1h"; "" where doc says it all. */
void config_value_range(const struct config_key *key, struct buf *out);

#endif
