/**
 * The strict reader against any bytes. What it takes, json-c's strict tokener takes too, comes back
 * the same when written and read again, and copies alike; what it refuses, it explains in one line.
 */
#include "common/assert.h"
#include "common/json.h"

#include <stdint.h>
#include <string.h>

#define json_type jsonc_type
#define json_bool jsonc_bool
#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#undef json_type
#undef json_bool

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 16 };

static const struct json_limits limits = {
    .bytes_max = 65536, .depth_max = DEPTH_MAX, .values_max = 1000};

/** json-c must be at least as lenient. */
static void ask_json_c(struct str text)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX + 2);
    ASSERT(tokener != NULL);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, text.data, (int)text.len);
    enum json_tokener_error result = json_tokener_get_error(tokener);
    /* A bare number may go on: the tokener wants to see what comes behind it. */
    ASSERT(result == json_tokener_success || result == json_tokener_continue);
    json_object_put(object);
    json_tokener_free(tokener);
}

static void write_and_read_again(const struct json *json)
{
    CLEANUP(buf_deinit) struct buf first = {0};
    CLEANUP(buf_deinit) struct buf second = {0};
    CLEANUP(buf_deinit) struct buf pretty = {0};
    json_write(json, &first);
    json_write_pretty(json, &pretty);
    const struct json_limits roomy = {
        .bytes_max = 1024 * 1024, .depth_max = DEPTH_MAX, .values_max = 1000};

    CLEANUP(json_freep) struct json *again = NULL;
    ASSERT(json_parse(buf_str(&first), roomy, &again, NULL) == STATUS_OK);
    CLEANUP(json_freep) struct json *copy = json_copy(again);
    json_write(copy, &second);
    ASSERT(str_eq(buf_str(&first), buf_str(&second)));

    CLEANUP(json_freep) struct json *from_pretty = NULL;
    ASSERT(json_parse(buf_str(&pretty), roomy, &from_pretty, NULL) == STATUS_OK);
    buf_clear(&second);
    json_write(from_pretty, &second);
    ASSERT(str_eq(buf_str(&first), buf_str(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {.data = (const char *)data, .len = size};
    CLEANUP(json_freep) struct json *json = NULL;
    struct error err = {0};
    enum json_fault fault = JSON_FAULT_NONE;
    if (json_parse_fault(text, limits, &json, &fault, &err) == STATUS_OK) {
        ASSERT(fault == JSON_FAULT_NONE);
        ask_json_c(text);
        write_and_read_again(json);
    } else {
        ASSERT(json == NULL && fault != JSON_FAULT_NONE);
        ASSERT(strlen(err.text) > 0 && strchr(err.text, '\n') == NULL);
    }
    return 0;
}
