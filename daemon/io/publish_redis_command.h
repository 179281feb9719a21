/**
 * One command for Redis as words. The words are borrowed and must live until it is handed to
 * publish_redis_link_send(), which copies; numbers are kept in the command's own arena.
 *
 *     CLEANUP(publish_redis_command_deinit) struct publish_redis_command command = {0};
 *     publish_redis_command_add(&command, STR("SELECT"));
 *     publish_redis_command_add_i64(&command, 3);
 */
#ifndef IO_PUBLISH_REDIS_COMMAND_H
#define IO_PUBLISH_REDIS_COMMAND_H

#include "common/arena.h"

struct publish_redis_command {
    const char **words;
    size_t *lengths;
    size_t count, capacity;
    struct arena arena;
};

void publish_redis_command_deinit(struct publish_redis_command *command);
void publish_redis_command_add(struct publish_redis_command *command, struct str word);
void publish_redis_command_add_i64(struct publish_redis_command *command, int64_t number);

#endif
