#include "common/json_writer.h"

#include "common/json.h"

#include <string.h>

static void begin(struct json_writer *json, const char *name)
{
    if (json->comma)
        buf_append_byte(json->out, ',');
    json->comma = true;
    if (name == NULL)
        return;
    size_t len = strlen(name);
    char *room = buf_extend(json->out, len + 3);
    if (room == NULL)
        return;
    room[0] = '"';
    memcpy(room + 1, name, len);
    memcpy(room + 1 + len, "\":", 2);
}

static void open(struct json_writer *json, const char *name, char bracket)
{
    begin(json, name);
    buf_append_byte(json->out, bracket);
    json->comma = false;
}

static void close(struct json_writer *json, char bracket)
{
    buf_append_byte(json->out, bracket);
    json->comma = true;
}

void json_writer_open_object(struct json_writer *json, const char *name)
{
    open(json, name, '{');
}

void json_writer_close_object(struct json_writer *json)
{
    close(json, '}');
}

void json_writer_open_array(struct json_writer *json, const char *name)
{
    open(json, name, '[');
}

void json_writer_close_array(struct json_writer *json)
{
    close(json, ']');
}

void json_writer_text(struct json_writer *json, const char *name, struct str text)
{
    begin(json, name);
    if (str_is_set(text))
        json_write_text(text, json->out);
    else
        buf_append(json->out, STR("null"));
}

void json_writer_i64(struct json_writer *json, const char *name, int64_t number)
{
    begin(json, name);
    buf_append_i64(json->out, number);
}

void json_writer_bool(struct json_writer *json, const char *name, bool value)
{
    begin(json, name);
    buf_append(json->out, value ? STR("true") : STR("false"));
}

void json_writer_null(struct json_writer *json, const char *name)
{
    begin(json, name);
    buf_append(json->out, STR("null"));
}
