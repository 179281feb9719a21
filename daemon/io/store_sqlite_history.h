/**
 * The refresh history as one small blob: 16 bytes an entry, oldest first, little-endian:
 * started_ms (8), took_ms (4), status (2), outcome (1), transport (1).
 */
#ifndef IO_STORE_SQLITE_HISTORY_H
#define IO_STORE_SQLITE_HISTORY_H

#include "core/connection.h"

enum { HISTORY_ENTRY_BYTES = 16, HISTORY_BYTES_MAX = HISTORY_ENTRY_BYTES * REFRESH_HISTORY_MAX };

/** Bytes written. */
size_t history_pack(const struct history_entry *entries, size_t count,
                    uint8_t ret_bytes[HISTORY_BYTES_MAX]);
/** false where the bytes are no history. */
bool history_unpack(struct str bytes, struct history_entry ret_entries[REFRESH_HISTORY_MAX],
                    size_t *ret_count);

#endif
