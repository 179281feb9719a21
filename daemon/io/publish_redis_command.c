#include "io/publish_redis_command.h"

#include "common/assert.h"
#include "common/memory.h"

#include <inttypes.h>
#include <stdlib.h>

void publish_redis_command_deinit(struct publish_redis_command *command)
{
    free(command->words);
    free(command->lengths);
    arena_deinit(&command->arena);
    *command = (struct publish_redis_command){0};
}

void publish_redis_command_add(struct publish_redis_command *command, struct str word)
{
    if (command->count == command->capacity) {
        size_t capacity = MAX_OF(command->capacity * 2, (size_t)16);
        command->words = memory_grow(command->words, capacity * sizeof(*command->words));
        command->lengths = memory_grow(command->lengths, capacity * sizeof(*command->lengths));
        command->capacity = capacity;
    }
    command->words[command->count] = word.data != NULL ? word.data : "";
    command->lengths[command->count++] = word.len;
}

void publish_redis_command_add_i64(struct publish_redis_command *command, int64_t number)
{
    publish_redis_command_add(command, arena_printf(&command->arena, "%" PRId64, number));
}
