#include "port/http.h"

#include "common/memory.h"

#include <stdlib.h>

struct http_request *http_request_new(void)
{
    return memory_new(sizeof(struct http_request));
}

void http_request_free(struct http_request *request)
{
    if (request == NULL)
        return;
    oauth_message_deinit(&request->message);
    secret_free(request->body);
    arena_deinit(&request->arena);
    free(request);
}
