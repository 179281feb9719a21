#include "port/publisher.h"

#include "common/memory.h"

#include <stdlib.h>

struct publish_request *publish_request_new(enum publish_kind kind)
{
    struct publish_request *request = memory_new(sizeof(*request));
    request->kind = kind;
    request->arena.is_plain = true; /* what is published is for everybody who reads there */
    return request;
}

void publish_request_free(struct publish_request *request)
{
    if (request == NULL)
        return;
    arena_deinit(&request->arena);
    free(request);
}
