#include "port/http.h"

#include "common/spares.h"

#include <stdalign.h>

struct request_block {
    struct http_request request;
    alignas(max_align_t) char room[1024]; /* for the headers of a usual answer */
};

static _Thread_local struct spares spare_requests = {.size = sizeof(struct request_block)};

struct http_request *http_request_new(void)
{
    struct request_block *block = spares_take(&spare_requests);
    block->request = (struct http_request){0};
    arena_lend(&block->request.arena, block->room, sizeof(block->room));
    return &block->request;
}

void http_request_free(struct http_request *request)
{
    if (request == NULL)
        return;
    oauth_message_deinit(&request->message);
    secret_free(request->body);
    arena_deinit(&request->arena);
    spares_give(&spare_requests, CONTAINER_OF(request, struct request_block, request));
}
