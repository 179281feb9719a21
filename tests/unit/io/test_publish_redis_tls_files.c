/* The files of TLS: what they must be, and that changed ones are read again. */
#include "tls_bout.h"

/* The files. */

struct file_row {
    const char *name, *ca, *certificate, *key;
    const char *expected;
};

static const struct file_row file_rows[] = {
    {"no such authority", "none.pem", NULL, NULL, "[redis] ca_file /tmp/"},
    {"no such certificate", "ca.pem", "none.pem", "client.key", "[redis] client_certificate_file"},
    {"no such key", "ca.pem", "client.pem", "none.key", "No such file"},
    {"a directory", ".", NULL, NULL, "expected a regular file"},
    {"a pipe", "pipe", NULL, NULL, "expected a regular file"},
    {"empty", "empty", NULL, NULL, "expected PEM, found no certificate"},
    {"a key as authority", "client.key", NULL, NULL, "expected PEM, found no certificate"},
    {"half a certificate", "half.pem", NULL, NULL, "damaged"},
    {"a good authority and half of one", "good-half.pem", NULL, NULL, "damaged"},
    {"too much", "big.pem", NULL, NULL, "expected at most"},
    {"a key as certificate", "ca.pem", "client.key", "client.key", "client_certificate_file /tmp/"},
    {"a certificate as key", "ca.pem", "client.pem", "client.pem", "mode 0644"},
    {"a certificate as key, kept well", "ca.pem", "client.pem", "kept.pem", "found no private key"},
    {"another's key", "ca.pem", "client.pem", "client2.key", "not the key of"},
    {"another kind of key", "ca.pem", "client.pem", "rsa.key", "not the key of"},
    {"a key with a passphrase", "ca.pem", "client.pem", "locked.key", "has a passphrase"},
    {"a key that others can read", "ca.pem", "client.pem", "loose.key", "mode 0640"},
};

static void files_that_do_not_fit(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    assert_true(tls_files_run(
        "touch empty; mkfifo pipe; head -c 300 ca.pem > half.pem\n"
        "cat ca.pem half.pem > good-half.pem; head -c 1100000 /dev/zero > big.pem\n"
        "cp client.pem kept.pem; chmod 600 kept.pem; cp client.key loose.key; chmod 640 loose.key\n"
        "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key\n"
        "chmod 644 client.pem; chmod 600 rsa.key locked.key"));
    for (size_t i = 0; i < ARRAY_LEN(file_rows); i++) {
        const struct file_row *row = &file_rows[i];
        char paths[3][TLS_FILES_PATH_SIZE];
        const struct publish_redis_tls_options options = {
            .ca_file = str_c(tls_files_path(paths[0], row->ca)),
            .certificate_file =
                str_c(row->certificate != NULL ? tls_files_path(paths[1], row->certificate) : NULL),
            .key_file = str_c(row->key != NULL ? tls_files_path(paths[2], row->key) : NULL),
        };
        struct publish_redis_tls *tls = publish_redis_tls_new(&options);
        struct publish_redis_tls_stream *stream = NULL;
        struct error err;
        print_message("  %s\n", row->name);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(publish_redis_tls_stream_new(tls, 0, STR("h"), &stream, &err),
                             STATUS_UNAVAILABLE);
            if (strstr(err.text, row->expected) == NULL || strstr(err.text, "[redis] ") != err.text)
                fail_msg("\"%s\" does not hold \"%s\"", err.text, row->expected);
            assert_int_equal(ERR_peek_error(), 0);
        }
        publish_redis_tls_free(tls);
    }
}

/** systemd's directory keeps others out by itself; the group bits there are an access list's. */
static void a_key_among_systemds_credentials(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    assert_true(tls_files_run("cp client.key loose.key; chmod 440 loose.key"));
    char paths[3][TLS_FILES_PATH_SIZE];
    struct publish_redis_tls_options options = {
        .ca_file = str_c(ca_path),
        .certificate_file = str_c(tls_files_path(paths[1], "client.pem")),
        .key_file = str_c(tls_files_path(paths[2], "loose.key")),
        .private_directory = tls_files_directory,
    };
    struct publish_redis_tls *tls = publish_redis_tls_new(&options);
    struct ssl_ctx_st *context;
    struct error err;
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_OK);
    publish_redis_tls_free(tls);
}

/** Parsed once; again when a file says something else, however it was put there. */
static void changed_files_are_read_again(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    char paths[3][TLS_FILES_PATH_SIZE];
    assert_true(tls_files_run(
        "cp -p ca.pem now-ca.pem; cp -p client.pem now.pem; cp -p client.key now.key"));
    struct publish_redis_tls_options options = {
        .ca_file = str_c(tls_files_path(paths[0], "now-ca.pem")),
        .certificate_file = str_c(tls_files_path(paths[1], "now.pem")),
        .key_file = str_c(tls_files_path(paths[2], "now.key")),
    };
    struct publish_redis_tls *tls = publish_redis_tls_new(&options);
    struct ssl_ctx_st *first = NULL, *context = NULL;
    struct error err;
    assert_int_equal(publish_redis_tls_load(tls, &first, &err), STATUS_OK);
    SSL_CTX_up_ref(first); /* so that no other one gets its address */
    assert_true(tls_files_run("touch now.pem"));
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_OK);
    assert_ptr_equal(context, first);
    assert_true(tls_files_run("cp client2.pem now.pem")); /* half-way through a renewal */
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_UNAVAILABLE);
    assert_true(tls_files_run("cp -p client2.key next.key; mv next.key now.key"));
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_OK);
    assert_ptr_not_equal(context, first);
    assert_true(tls_files_run("ln -sf stranger.pem now-ca.pem"));
    struct ssl_ctx_st *second = context;
    SSL_CTX_up_ref(second);
    assert_int_equal(publish_redis_tls_load(tls, &context, &err), STATUS_OK);
    assert_ptr_not_equal(context, second);
    SSL_CTX_free(first);
    SSL_CTX_free(second);
    publish_redis_tls_free(tls);
}

/** OpenSSL remembers what it once found there. */
static void the_systems_certificates_are_looked_at_anew(void **state UNUSED)
{
    struct publish_redis_tls *tls = publish_redis_tls_new(&(struct publish_redis_tls_options){0});
    struct ssl_ctx_st *first = NULL, *second = NULL;
    struct error err;
    assert_int_equal(publish_redis_tls_load(tls, &first, &err), STATUS_OK);
    SSL_CTX_up_ref(first); /* so that no other one gets its address */
    assert_int_equal(publish_redis_tls_load(tls, &second, &err), STATUS_OK);
    assert_ptr_not_equal(first, second);
    SSL_CTX_free(first);
    publish_redis_tls_free(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_do_not_fit),
        cmocka_unit_test(a_key_among_systemds_credentials),
        cmocka_unit_test(changed_files_are_read_again),
        cmocka_unit_test(the_systems_certificates_are_looked_at_anew),
    };
    return cmocka_run_group_tests(tests, bout_make_files, bout_clean_files);
}
