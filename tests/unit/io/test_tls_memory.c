/* Tokens that came and went by TLS stand nowhere in this process's memory, libcurl's and OpenSSL's
 * freed blocks included. */
#include "http_fixture.h"
#include "io/tls_memory.h"
#include "tls_files.h"
#include "tls_server.h"

#include <inttypes.h>

/* A sanitizer keeps what is freed, and its maps are terabytes. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

enum {
    TOKEN_LEN = 48,
    BEFORE_LEN = 2500, /* of the answer, in front of its token */
};

/* A token that is nowhere in this program: made and compared byte by byte. */
struct token {
    unsigned seed;
};

static const struct token sent = {.seed = 5}, answered = {.seed = 11};

static char token_byte(struct token token, size_t at)
{
    return (char)('A' + (at * at + token.seed * (at + 1)) % 26);
}

static bool stands_at(struct token token, const char *at)
{
    size_t same = 0;
    while (same < TOKEN_LEN && at[same] == token_byte(token, same))
        same++;
    return same == TOKEN_LEN;
}

static size_t count_in(struct token token, const char *from, const char *to)
{
    size_t count = 0;
    for (const char *at = from; at + TOKEN_LEN <= to; at++)
        count += stands_at(token, at);
    return count;
}

/** In all that this process may write to but the programs' own data. */
static size_t count_in_memory(struct token token)
{
    size_t count = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t from, to;
        char rights[8], name[256] = "";
        int fields = sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*s %*s %*s %255s", &from, &to,
                            rights, name);
        if (fields >= 3 && strncmp(rights, "rw", 2) == 0 &&
            (name[0] == '\0' || strcmp(name, "[heap]") == 0))
            count += count_in(token, (const char *)from, (const char *)to);
    }
    fclose(maps);
    return count;
}

static void write_answer(void)
{
    char path[TLS_FILES_PATH_SIZE];
    int fd = open(tls_files_path(path, "answer"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    for (size_t i = 0; i < BEFORE_LEN + TOKEN_LEN; i++) {
        char byte = i < BEFORE_LEN ? ' ' : token_byte(answered, i - BEFORE_LEN);
        assert_int_equal(write(fd, &byte, 1), 1);
    }
    close(fd);
}

static struct http_request *new_request(int port)
{
    char url[80], nothing[TOKEN_LEN] = {0};
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/answer", port);
    struct http_request *request = fixture_request(url, 5000);
    struct oauth_message *message = &request->message;
    secret_free(message->body);
    message->body = NULL;
    message->method = STR("GET");
    char *token = arena_alloc(&message->arena, TOKEN_LEN);
    for (size_t i = 0; i < TOKEN_LEN; i++)
        token[i] = token_byte(sent, i);
    message->headers[1].value = (struct str){.data = token, .len = TOKEN_LEN};
    assert_memory_not_equal(token, nothing, TOKEN_LEN);
    return request;
}

static const struct {
    const char *name;
    const char *options[2];
} rows[] = {{"TLS 1.3", {"-tls1_3", NULL}}, {"TLS 1.2", {"-tls1_2", NULL}}};

static void tokens_stay_nowhere(void **state UNUSED)
{
    if (IS_SANITIZED || !tls_files_are_there())
        skip();
    write_answer();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tls_server server =
            tls_server_new(tls_files_directory, "good", "-WWW", rows[i].options);
        char ca[TLS_FILES_PATH_SIZE];
        const struct http_curl_config config = {.ca_file = tls_files_path(ca, "ca.pem")};
        struct fixture fixture;
        fixture_init(&fixture, &config);
        struct http_request *request = new_request(server.port);
        fixture_send(&fixture, request);
        fixture_wait(&fixture, 1);
        if (request->end != TRANSPORT_ANSWERED)
            fail_msg("%s: %s", rows[i].name, request->error.text);
        assert_int_equal(secret_str(request->body).len, BEFORE_LEN + TOKEN_LEN);
        /* One of each is in the request; this shows that we would find it. */
        assert_int_equal(count_in_memory(sent), 1);
        assert_int_equal(count_in_memory(answered), 1);
        http_request_free(request);
        if (count_in_memory(sent) != 0 || count_in_memory(answered) != 0)
            fail_msg("%s: sent %zu, answered %zu times", rows[i].name, count_in_memory(sent),
                     count_in_memory(answered));
        fixture_deinit(&fixture);
        tls_server_stop(server);
    }
}

static int make(void **state UNUSED)
{
    return tls_memory_init() ? tls_files_make() : -1;
}

static int clean(void **state UNUSED)
{
    return tls_files_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_stay_nowhere),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
