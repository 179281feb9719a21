/** Lines in, lines out: each row is fed whole, byte by byte and in sevens. */
#include "unit/common/rows.h"
#include "unit/control/fake_client.h"

#define REQUEST "{\"jsonrpc\":\"2.0\","
#define STATUS(id) REQUEST "\"id\":" id ",\"method\":\"status\"}"
#define STATUS_NOTE REQUEST "\"method\":\"status\"}"
#define ANSWER(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":"
#define STATUS_ANSWER(id) ANSWER(id) "{\"called\":\"status\",\"connection\":null}}"
#define ERROR(id, code) \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":"
#define REFRESH(id, connection) \
    REQUEST "\"id\":" id ",\"method\":\"refresh\",\"params\":{\"connection\":\"" connection "\"}}"
#define REFRESH_ANSWER(id, connection) \
    ANSWER(id) "{\"called\":\"refresh\",\"connection\":\"" connection "\"}}"

struct line_row {
    const char *name;
    const char *said;
    const char *heard; /* '*' for any bytes */
    size_t called;     /* what reached the engine */
};

static const struct line_row framing_rows[] = {
    {"one request", STATUS("1") "\n", STATUS_ANSWER("1") "\n", 1},
    {"without a newline: not yet", STATUS("1"), "", 0},
    {"carriage return and newline", STATUS("1") "\r\n", STATUS_ANSWER("1") "\n", 1},
    {"empty lines are skipped", "\n\r\n" STATUS("1") "\n\n", STATUS_ANSWER("1") "\n", 1},
    {"blanks around a request", "  " STATUS("1") " \t\n", STATUS_ANSWER("1") "\n", 1},
    {"two requests in a row", STATUS("1") "\n" STATUS("2") "\n",
     STATUS_ANSWER("1") "\n" STATUS_ANSWER("2") "\n", 2},
    {"the line after a broken one", "{\n" STATUS("2") "\n",
     ERROR("null", "-32700") "*}}\n" STATUS_ANSWER("2") "\n", 1},
};

static const struct line_row json_rows[] = {
    {"no JSON", "hello\n", ERROR("null", "-32700") "*}}\n", 0},
    {"a cut object", "{\"jsonrpc\":\"2.0\",\"method\n", ERROR("null", "-32700") "*}}\n", 0},
    {"blanks alone", "   \n", ERROR("null", "-32700") "*}}\n", 0},
    {"two values on a line", STATUS("1") STATUS("2") "\n", ERROR("null", "-32700") "*}}\n", 0},
    {"a doubled member", REQUEST "\"id\":1,\"id\":2,\"method\":\"status\"}\n",
     ERROR("null", "-32700") "*}}\n", 0},
    {"single quotes", "{'jsonrpc':'2.0','id':1,'method':'status'}\n",
     ERROR("null", "-32700") "*}}\n", 0},
    {"NUL in a name", REQUEST "\"id\":1,\"method\":\"status\",\"a\\u0000b\":1}\n",
     ERROR("null", "-32700") "*}}\n", 0},
    {"a number out of range", REQUEST "\"id\":9223372036854775808,\"method\":\"status\"}\n",
     ERROR("null", "-32700") "*}}\n", 0},
    {"bad UTF-8", REQUEST "\"id\":\"\xff\",\"method\":\"status\"}\n",
     ERROR("null", "-32700") "*}}\n", 0},
    {"a comment", REQUEST "\"id\":1,/* x */\"method\":\"status\"}\n",
     ERROR("null", "-32700") "*}}\n", 0},
    {"a broken batch", "[" STATUS("1") ",{\"jsonrpc\":\"2.0\",\"method\"]\n",
     ERROR("null", "-32700") "*}}\n", 0},
};

static const struct line_row request_rows[] = {
    {"a text as id", STATUS("\"a-1\"") "\n", STATUS_ANSWER("\"a-1\"") "\n", 1},
    {"the empty text as id", STATUS("\"\"") "\n", STATUS_ANSWER("\"\"") "\n", 1},
    {"zero as id", STATUS("0") "\n", STATUS_ANSWER("0") "\n", 1},
    {"a negative id", STATUS("-9223372036854775808") "\n",
     STATUS_ANSWER("-9223372036854775808") "\n", 1},
    {"a fraction as id", STATUS("1.5") "\n", STATUS_ANSWER("1.5") "\n", 1},
    {"null as id is answered", STATUS("null") "\n", STATUS_ANSWER("null") "\n", 1},
    {"an id with escapes", STATUS("\"\\u00e4\\\"\\n\"") "\n",
     STATUS_ANSWER("\"\xc3\xa4\\\"\\n\"") "\n", 1},
    {"an object as id", STATUS("{}") "\n", ERROR("null", "-32600") "*\\\"id\\\"*}}\n", 0},
    {"an array as id", STATUS("[1]") "\n", ERROR("null", "-32600") "*}}\n", 0},
    {"true as id", STATUS("true") "\n", ERROR("null", "-32600") "*}}\n", 0},
    {"no jsonrpc", "{\"id\":7,\"method\":\"status\"}\n", ERROR("7", "-32600") "*jsonrpc*}}\n", 0},
    {"jsonrpc 1.0", "{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"status\"}\n",
     ERROR("7", "-32600") "*jsonrpc*}}\n", 0},
    {"jsonrpc as a number", "{\"jsonrpc\":2.0,\"id\":7,\"method\":\"status\"}\n",
     ERROR("7", "-32600") "*jsonrpc*}}\n", 0},
    {"no method", REQUEST "\"id\":7}\n", ERROR("7", "-32600") "*method*}}\n", 0},
    {"a number as method", REQUEST "\"id\":7,\"method\":1}\n", ERROR("7", "-32600") "*method*}}\n",
     0},
    {"a text as params", REQUEST "\"id\":7,\"method\":\"status\",\"params\":\"bar\"}\n",
     ERROR("7", "-32600") "*params*}}\n", 0},
    {"null as params", REQUEST "\"id\":7,\"method\":\"status\",\"params\":null}\n",
     ERROR("7", "-32600") "*params*}}\n", 0},
    {"an invalid request without id is answered", "{\"foo\":\"boo\"}\n",
     ERROR("null", "-32600") "*}}\n", 0},
    {"a response is no request", ANSWER("1") "{}}\n", ERROR("1", "-32600") "*}}\n", 0},
    {"a number", "1\n", ERROR("null", "-32600") "*}}\n", 0},
    {"null", "null\n", ERROR("null", "-32600") "*}}\n", 0},
    {"a text", "\"status\"\n", ERROR("null", "-32600") "*}}\n", 0},
    {"members beyond the standard's are ignored",
     REQUEST "\"id\":1,\"method\":\"status\",\"trace\":{}}\n", STATUS_ANSWER("1") "\n", 1},
    {"an unknown method", REQUEST "\"id\":7,\"method\":\"explode\"}\n",
     ERROR("7", "-32601") "\"no method \\\"explode\\\"*\"}}\n", 0},
    {"the empty method", REQUEST "\"id\":7,\"method\":\"\"}\n", ERROR("7", "-32601") "*}}\n", 0},
    {"methods in upper case are others", REQUEST "\"id\":7,\"method\":\"STATUS\"}\n",
     ERROR("7", "-32601") "*}}\n", 0},
};

static const struct line_row params_rows[] = {
    {"an empty object", REQUEST "\"id\":1,\"method\":\"status\",\"params\":{}}\n",
     STATUS_ANSWER("1") "\n", 1},
    {"an empty array is no parameters", REQUEST "\"id\":1,\"method\":\"status\",\"params\":[]}\n",
     STATUS_ANSWER("1") "\n", 1},
    {"by position", REQUEST "\"id\":1,\"method\":\"refresh\",\"params\":[\"c-1\"]}\n",
     ERROR("1", "-32602") "*,\"data\":{\"path\":\"\",\"expected\":\"an object*\"}}}\n", 0},
    {"one is missing", REQUEST "\"id\":1,\"method\":\"refresh\"}\n",
     ERROR("1", "-32602") "\"params.connection: expected *\",\"data\":{\"path\":\"connection\","
                          "\"expected\":\"an id*\"}}}\n",
     0},
    {"of another type",
     REQUEST "\"id\":1,\"method\":\"refresh\",\"params\":{\"connection\":\"c\",\"force\":1}}\n",
     ERROR("1", "-32602") "*\"path\":\"force\",\"expected\":\"true or false\"}}}\n", 0},
    {"unknown", REQUEST "\"id\":1,\"method\":\"status\",\"params\":{\"verbose\":true}}\n",
     ERROR("1", "-32602") "*\"path\":\"verbose\",*}}}\n", 0},
    {"nested",
     REQUEST "\"id\":1,\"method\":\"import\",\"params\":{\"connector\":\"g\",\"owner\":{},"
             "\"tokens\":{\"access_token\":\"a\",\"expires_in\":\"3600\"}}}\n",
     ERROR("1", "-32602") "*\"path\":\"tokens.expires_in\",*}}}\n", 0},
    {"what fits is called", REFRESH("1", "c-1") "\n", REFRESH_ANSWER("1", "c-1") "\n", 1},
};

static const struct line_row note_rows[] = {
    {"carried out and not answered", STATUS_NOTE "\n", "", 1},
    {"of an unknown method", REQUEST "\"method\":\"explode\"}\n", "", 0},
    {"with wrong parameters", REQUEST "\"method\":\"refresh\",\"params\":{}}\n", "", 0},
    {"that fails", REQUEST "\"method\":\"refresh\",\"params\":{\"connection\":\"dead\"}}\n", "", 1},
    {"then a request", STATUS_NOTE "\n" STATUS("1") "\n", STATUS_ANSWER("1") "\n", 2},
};

static const struct line_row batch_rows[] = {
    {"empty", "[]\n", ERROR("null", "-32600") "*}}\n", 0},
    {"of one", "[" STATUS("1") "]\n", "[" STATUS_ANSWER("1") "]\n", 1},
    {"of three", "[" STATUS("1") "," REFRESH("2", "c-1") "," STATUS("3") "]\n",
     "[" STATUS_ANSWER("1") "," REFRESH_ANSWER("2", "c-1") "," STATUS_ANSWER("3") "]\n", 3},
    {"with a notification", "[" STATUS_NOTE "," STATUS("1") "]\n", "[" STATUS_ANSWER("1") "]\n", 2},
    {"of notifications alone: nothing", "[" STATUS_NOTE "," STATUS_NOTE "]\n", "", 2},
    {"of one that is none", "[1]\n", "[" ERROR("null", "-32600") "*}}]\n", 0},
    {"of three that are none", "[1,2,3]\n",
     "[" ERROR("null", "-32600") "*}}," ERROR("null", "-32600") "*}}," ERROR("null",
                                                                             "-32600") "*}}]\n",
     0},
    {"in a batch", "[[" STATUS("1") "]]\n", "[" ERROR("null", "-32600") "*}}]\n", 0},
    {"mixed",
     "[" STATUS("\"1\"") "," STATUS_NOTE ",{\"foo\":\"boo\"}," REQUEST
                         "\"id\":\"5\",\"method\":\"foo.get\",\"params\":{\"name\":\"myself\"}}]\n",
     "[" STATUS_ANSWER("\"1\"") "," ERROR("null", "-32600") "*}}," ERROR("\"5\"",
                                                                         "-32601") "*}}]\n",
     2},
    {"one fails", "[" REFRESH("1", "dead") "," STATUS("2") "]\n",
     "[" ERROR("1", "-32000") "*}}}," STATUS_ANSWER("2") "]\n", 2},
    {"watch stands alone", "[" REQUEST "\"id\":1,\"method\":\"watch\"}]\n",
     "[" ERROR("1", "-32600") "*}}]\n", 0},
};

static const struct line_row failure_rows[] = {
    {"the word and the rest of data", REFRESH("1", "dead") "\n",
     ERROR("1", "-32000") "\"the grant is dead\",\"data\":{\"code\":\"needs_reconnect\","
                          "\"reason\":\"grant_rejected\"}}}\n",
     1},
    {"an answer too large for one line's reader", REFRESH("1", "huge") "\n",
     ERROR("1", "-32000") "*limit*,\"data\":{\"code\":\"too_large\"}}}\n", 1},
};

static void check_fed_by(const struct line_row *row, size_t piece)
{
    struct client client;
    client_connect(&client, 0);
    struct str rest = str_c(row->said);
    while (rest.len > 0) {
        session_feed(client.session, str_slice(rest, 0, piece), client_now(&client));
        rest = str_slice(rest, MIN_OF(piece, rest.len), rest.len);
    }
    assert_int_equal(fake_engine_called(client.engine), row->called);
    assert_answers(&client, row->heard);
    assert_int_equal(client.finished, 0);
    client_leave(&client);
}

static void check_line(void **state)
{
    check_fed_by(*state, SIZE_MAX);
    check_fed_by(*state, 1);
    check_fed_by(*state, 7);
}

int main(void)
{
    int failed = 0;
    failed += RUN_ROWS(framing_rows, check_line);
    failed += RUN_ROWS(json_rows, check_line);
    failed += RUN_ROWS(request_rows, check_line);
    failed += RUN_ROWS(params_rows, check_line);
    failed += RUN_ROWS(note_rows, check_line);
    failed += RUN_ROWS(batch_rows, check_line);
    failed += RUN_ROWS(failure_rows, check_line);
    return failed;
}
