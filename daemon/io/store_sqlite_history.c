#include "io/store_sqlite_history.h"

#include "common/assert.h"

static void put(uint8_t *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *from, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

size_t history_pack(const struct history_entry *entries, size_t count,
                    uint8_t ret_bytes[HISTORY_BYTES_MAX])
{
    ASSERT(count <= REFRESH_HISTORY_MAX);
    for (size_t i = 0; i < count; i++) {
        uint8_t *to = ret_bytes + i * HISTORY_ENTRY_BYTES;
        put(to, (uint64_t)entries[i].started_ms, 8);
        put(to + 8, (uint32_t)entries[i].took_ms, 4);
        put(to + 12, (uint16_t)entries[i].status, 2);
        to[14] = entries[i].outcome;
        to[15] = entries[i].transport;
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
        const uint8_t *from = (const uint8_t *)bytes.data + i * HISTORY_ENTRY_BYTES;
        ret_entries[i] = (struct history_entry){
            .started_ms = (int64_t)get(from, 8),
            .took_ms = (int32_t)(uint32_t)get(from + 8, 4),
            .status = (int16_t)(uint16_t)get(from + 12, 2),
            .outcome = from[14],
            .transport = from[15],
        };
        if (from[14] >= OUTCOME_COUNT || from[15] > TRANSPORT_LOST)
            return false;
    }
    *ret_count = count;
    return true;
}
