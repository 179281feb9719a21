/* Whom we talk to, and that nobody else hears a byte: certificates made on the spot by openssl(1),
 * served by its s_server. Skipped where there is none. */
#include "http_fixture.h"
#include "tls_server.h"

#include <errno.h>
#include <sys/stat.h>

static char directory[64];

static char *path_of(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", directory, name);
    return path;
}

/* A CA, and below it: a server of 127.0.0.1, one of another name, an expired one, a client. And a
 * server below nobody we know. */
static const char make_certificates[] =
    "new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key "
    "-out $1.csr -subj /CN=$1; } && sign() { echo \"subjectAltName=$3\" > $1.ext && openssl x509 "
    "-req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $2 -extfile $1.ext -out "
    "$1.pem; } && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
    "ca.key -out ca.pem -subj /CN=ca -days 2 && openssl req -x509 -newkey ec -pkeyopt "
    "ec_paramgen_curve:P-256 -nodes -keyout own.key -out own.pem -subj /CN=own -days 2 -addext "
    "subjectAltName=IP:127.0.0.1 && new good && sign good 2 IP:127.0.0.1 && new other && sign "
    "other "
    "2 DNS:other.test && new old && sign old -1 IP:127.0.0.1 && new client && sign client 2 "
    "DNS:client.test";

static bool have_certificates;

static int make(void **state UNUSED)
{
    char command[2048], line[2200];
    snprintf(directory, sizeof(directory), "/tmp/refreshd-tls-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(command, sizeof(command), "cd %s && %s", directory, make_certificates);
    snprintf(line, sizeof(line), "( %s ) > %s/log 2>&1", command, directory);
    have_certificates = system(line) == 0;
    return 0;
}

static int clean(void **state UNUSED)
{
    char line[100];
    snprintf(line, sizeof(line), "rm -rf %s", directory);
    return system(line);
}

static struct http_request *get(struct fixture *fixture, int port, const char *client)
{
    char url[80], path[128], name[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
    struct http_request *request = fixture_request(url, 5000);
    struct oauth_message *message = &request->message;
    secret_free(message->body);
    message->body = NULL;
    message->method = STR("GET");
    struct str *const parts[] = {&message->tls_certificate, &message->tls_key};
    static const char *const endings[] = {"pem", "key"};
    for (size_t i = 0; client != NULL && i < ARRAY_LEN(parts); i++) {
        char text[8192];
        snprintf(name, sizeof(name), "%s.%s", client, endings[i]);
        FILE *file = fopen(path_of(path, name), "r");
        assert_non_null(file);
        size_t len = fread(text, 1, sizeof(text), file);
        fclose(file);
        *parts[i] = arena_copy(&message->arena, (struct str){.data = text, .len = len});
    }
    fixture_send(fixture, request);
    fixture_wait(fixture, fixture->ended + 1);
    return request;
}

struct tls_row {
    const char *name;
    const char *server; /* its certificate */
    const char *options[8];
    bool trusted; /* is the CA given? */
    const char *client;
    bool answered;
};

static const struct tls_row tls_rows[] = {
    {"a server below a CA that was added", "good", {NULL}, true, NULL, true},
    {"TLS 1.2", "good", {"-tls1_2", NULL}, true, NULL, true},
    {"a CA that nobody added", "good", {NULL}, false, NULL, false},
    {"a certificate below itself", "own", {NULL}, true, NULL, false},
    {"another name", "other", {NULL}, true, NULL, false},
    {"expired", "old", {NULL}, true, NULL, false},
    {"TLS 1.1", "good", {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0", NULL}, true, NULL, false},
    {"a client certificate is asked for and given",
     "good",
     {"-Verify", "1", "-verify_return_error", NULL},
     true,
     "client",
     true},
    {"a client certificate is asked for and not given",
     "good",
     {"-Verify", "1", "-verify_return_error", "-tls1_2", NULL},
     true,
     NULL,
     false},
    {"a client certificate below itself",
     "good",
     {"-Verify", "1", "-verify_return_error", "-tls1_2", NULL},
     true,
     "own",
     false},
};

static void whom_we_trust(void **state UNUSED)
{
    char ca[128];
    if (!have_certificates)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(tls_rows); i++) {
        const struct tls_row *row = &tls_rows[i];
        struct tls_server server = tls_server_new(directory, row->server, "-www", row->options);
        const struct http_curl_config config = {.ca_file =
                                                    row->trusted ? path_of(ca, "ca.pem") : NULL};
        struct fixture fixture;
        fixture_init(&fixture, &config);
        struct http_request *request = get(&fixture, server.port, row->client);
        enum transport_end end = row->answered ? TRANSPORT_ANSWERED : TRANSPORT_NOT_SENT;
        if (request->end != end || (row->answered && request->status != 200))
            fail_msg("%s: ended %d, status %d: %s", row->name, request->end, request->status,
                     request->error.text);
        http_request_free(request);
        fixture_deinit(&fixture);
        tls_server_stop(server);
    }
}

static void trust_follows_the_configuration(void **state UNUSED)
{
    static const char *const none[] = {NULL};
    char ca[128];
    struct error err;
    if (!have_certificates)
        skip();
    struct tls_server server = tls_server_new(directory, "good", "-www", none);
    struct http_curl_config config = {.ca_file = NULL};
    struct fixture fixture;
    fixture_init(&fixture, &config);
    static const bool trusted[] = {false, true, true, false, true};
    for (size_t i = 0; i < ARRAY_LEN(trusted); i++) {
        config.ca_file = trusted[i] ? path_of(ca, "ca.pem") : NULL;
        assert_int_equal(http_curl_configure(fixture.http, &config, &err), STATUS_OK);
        struct http_request *request = get(&fixture, server.port, NULL);
        assert_int_equal(request->end, trusted[i] ? TRANSPORT_ANSWERED : TRANSPORT_NOT_SENT);
        http_request_free(request);
    }
    config.ca_file = "/nonexistent.pem";
    assert_int_equal(http_curl_configure(fixture.http, &config, &err), STATUS_INVALID);
    config.ca_file = "/etc/passwd";
    assert_int_equal(http_curl_configure(fixture.http, &config, &err), STATUS_INVALID);
    struct http_request *request = get(&fixture, server.port, NULL);
    assert_int_equal(request->end, TRANSPORT_ANSWERED); /* all stayed as it was */
    http_request_free(request);
    fixture_deinit(&fixture);
    tls_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whom_we_trust),
        cmocka_unit_test(trust_follows_the_configuration),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
