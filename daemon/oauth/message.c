#include "oauth/message.h"

#include "common/assert.h"

void oauth_message_deinit(struct oauth_message *message)
{
    ASSERT(message != NULL);
    secret_free(message->body);
    arena_deinit(&message->arena);
    *message = (struct oauth_message){0};
}
