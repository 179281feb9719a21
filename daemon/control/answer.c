#include "control/answer.h"

#include "common/assert.h"

static void write_head(struct buf *out, const struct json *id)
{
    buf_append(out, STR("{\"jsonrpc\":\"2.0\",\"id\":"));
    json_write(id, out);
}

void answer_result(struct buf *out, const struct json *id, const struct json *result)
{
    ASSERT(out != NULL);
    write_head(out, id);
    buf_append(out, STR(",\"result\":"));
    json_write(result, out);
    buf_append_byte(out, '}');
}

static void write_text(struct buf *out, const char *text)
{
    CLEANUP(json_freep) struct json *value = json_new_text(str_c(text));
    json_write(value, out);
}

/** {"code":"needs_reconnect","reason":…} */
static void write_word_and_data(struct buf *out, enum rpc_code word, const struct json *data)
{
    buf_append(out, STR("{\"code\":"));
    write_text(out, rpc_code_text(word));
    size_t index = 0;
    struct str name;
    const struct json *value;
    while (json_next_member(data, &index, &name, &value)) {
        if (str_eq(name, STR("code")))
            continue;
        CLEANUP(json_freep) struct json *name_value = json_new_text(name);
        buf_append_byte(out, ',');
        json_write(name_value, out);
        buf_append_byte(out, ':');
        json_write(value, out);
    }
    buf_append_byte(out, '}');
}

void answer_failure(struct buf *out, const struct json *id, const struct rpc_failure *failure)
{
    ASSERT(out != NULL && failure != NULL);
    write_head(out, id);
    buf_printf(out, ",\"error\":{\"code\":%d,\"message\":", failure->code);
    write_text(out, failure->message != NULL ? failure->message : "");
    if (failure->code == RPC_ERROR_REFRESHD || failure->data != NULL)
        buf_append(out, STR(",\"data\":"));
    if (failure->code == RPC_ERROR_REFRESHD)
        write_word_and_data(out, failure->word, failure->data);
    else if (failure->data != NULL)
        json_write(failure->data, out);
    buf_append(out, STR("}}"));
}
