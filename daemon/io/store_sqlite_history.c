#include "io/store_sqlite_history.h"

#include "common/assert.h"

#include <endian.h>
#include <string.h>

/* An entry as it stands in the blob: no padding, each number little-endian. */
struct packed_entry {
    uint64_t started_ms;
    uint32_t took_ms;
    uint16_t status;
    uint8_t outcome, transport;
};

_Static_assert(sizeof(struct packed_entry) == HISTORY_ENTRY_BYTES, "an entry has no padding");

size_t history_pack(const struct history_entry *entries, size_t count,
                    uint8_t ret_bytes[HISTORY_BYTES_MAX])
{
    ASSERT(count <= REFRESH_HISTORY_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct packed_entry packed = {
            .started_ms = htole64((uint64_t)entries[i].started_ms),
            .took_ms = htole32((uint32_t)entries[i].took_ms),
            .status = htole16((uint16_t)entries[i].status),
            .outcome = entries[i].outcome,
            .transport = entries[i].transport,
        };
        memcpy(ret_bytes + i * HISTORY_ENTRY_BYTES, &packed, sizeof(packed));
    }
    return count * HISTORY_ENTRY_BYTES;
}

bool history_unpack(struct str bytes, struct history_entry ret_entries[REFRESH_HISTORY_MAX],
                    size_t *ret_count)
{
    if (bytes.len % HISTORY_ENTRY_BYTES != 0 || bytes.len > HISTORY_BYTES_MAX)
        return false;
    size_t count = bytes.len / HISTORY_ENTRY_BYTES;
    for (size_t i = 0; i < count; i++) {
        struct packed_entry packed;
        memcpy(&packed, bytes.data + i * HISTORY_ENTRY_BYTES, sizeof(packed));
        ret_entries[i] = (struct history_entry){
            .started_ms = (int64_t)le64toh(packed.started_ms),
            .took_ms = (int32_t)le32toh(packed.took_ms),
            .status = (int16_t)le16toh(packed.status),
            .outcome = packed.outcome,
            .transport = packed.transport,
        };
        if (packed.outcome >= OUTCOME_COUNT || packed.transport > TRANSPORT_LOST)
            return false;
    }
    *ret_count = count;
    return true;
}
