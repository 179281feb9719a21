/* TLS by itself, once the handshake is done: whatever a network and a peer may do then. */
#include "tls_bout.h"

static void the_peer_says_goodbye(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len;
    bout_shake(&bout, &(struct peer_options){.certificate = "good"});
    peer_say(&bout.peer, "+OK\r\n", 5);
    (void)SSL_shutdown(bout.peer.ssl);
    peer_give(&bout.peer);
    peer_close(&bout.peer);
    assert_hears(&bout, "+OK\r\n"); /* what was said before counts */
    assert_int_equal(bout_read(&bout, text, &len), TLS_OVER);
    assert_string_equal(bout.err.text, "closed the connection");
    bout_stop(&bout);
}

static void the_peer_goes_without_goodbye(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len;
    bout_shake(&bout, &(struct peer_options){.certificate = "good"});
    peer_close(&bout.peer);
    assert_int_equal(bout_read(&bout, text, &len), TLS_OVER);
    assert_says(&bout, "closed the connection without TLS's goodbye");
    bout_stop(&bout);
}

static void closed_in_mid_record(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len;
    bout_shake(&bout, &(struct peer_options){.certificate = "good"});
    bout.peer.chunk = 10;
    peer_say(&bout.peer, "$3\r\nabc\r\n", 9);
    assert_int_equal(publish_redis_tls_read(bout.stream, text, &len, &bout.err), TLS_WANTS_READ);
    peer_close(&bout.peer);
    assert_int_equal(bout_read(&bout, text, &len), TLS_OVER);
    assert_says(&bout, "closed the connection");
    bout_stop(&bout);
}

static void a_record_that_was_changed_on_its_way(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE], *bytes;
    size_t len;
    bout_shake(&bout, &(struct peer_options){.certificate = "good"});
    assert_int_equal(SSL_write(bout.peer.ssl, "+OK\r\n", 5), 5);
    long record = BIO_get_mem_data(bout.peer.out, &bytes);
    bytes[record - 1] = (char)(bytes[record - 1] ^ 1);
    peer_give(&bout.peer);
    assert_int_equal(bout_read(&bout, text, &len), TLS_OVER);
    assert_says(&bout, "TLS went wrong (");
    bout_stop(&bout);
}

static void we_say_goodbye(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[16];
    bout_shake(&bout, &(struct peer_options){.certificate = "good"});
    publish_redis_tls_stream_free(bout.stream);
    bout.stream = NULL;
    peer_take(&bout.peer);
    int got = SSL_read(bout.peer.ssl, text, sizeof(text));
    assert_int_equal(SSL_get_error(bout.peer.ssl, got), SSL_ERROR_ZERO_RETURN);
    bout_stop(&bout);
}

/* Much of it, in both directions. */

enum { MUCH = 1024 * 1024 };

static void fill(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)('a' + i % 23);
}

/** The buffer of the next try may be elsewhere and hold more, as a queue of commands does. */
static void much_is_written_through_a_narrow_socket(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    const struct peer_options options = {.certificate = "good", .client_buffer_bytes = 4096};
    struct bout bout;
    char *bytes = malloc(MUCH), *heard = malloc(MUCH);
    size_t sent = 0, got = 0, waits = 0;
    bout_shake(&bout, &options);
    fill(bytes, MUCH);
    for (int i = 0; got < MUCH && i < TURNS_MAX; i++) {
        size_t known = MIN_OF((size_t)MUCH, sent + 20000 + (size_t)i * 10), put = 0;
        char *copy = malloc(known - sent + 1);
        memcpy(copy, bytes + sent, known - sent);
        enum publish_redis_tls_result result =
            known == sent ? TLS_WANTS_WRITE
                          : publish_redis_tls_write(bout.stream,
                                                    (struct str){.data = copy, .len = known - sent},
                                                    &put, &bout.err);
        free(copy);
        assert_true(result == TLS_DONE || result == TLS_WANTS_WRITE);
        sent += put;
        waits += result == TLS_WANTS_WRITE;
        if (result == TLS_DONE)
            continue;
        peer_take(&bout.peer);
        int taken;
        while ((taken = SSL_read(bout.peer.ssl, heard + got, (int)(MUCH - got))) > 0)
            got += (size_t)taken;
    }
    ERR_clear_error();
    assert_int_equal(got, MUCH);
    assert_memory_equal(bytes, heard, MUCH);
    assert_true(waits > 10);
    free(bytes);
    free(heard);
    bout_stop(&bout);
}

/** Who reads once whenever the socket has something, as the loop does, misses nothing. */
static void much_is_read_and_nothing_is_left_lying(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char *bytes = malloc(MUCH), *heard = malloc(MUCH + PUBLISH_REDIS_TLS_READ_SIZE), byte;
    size_t got = 0;
    bout_shake(&bout, &(struct peer_options){.certificate = "good"});
    fill(bytes, MUCH);
    for (size_t said = 0; said < MUCH; said += 64 * 1024)
        assert_int_equal(SSL_write(bout.peer.ssl, bytes + said, 64 * 1024), 64 * 1024);
    while (peer_give(&bout.peer), recv(bout.peer.client_fd, &byte, 1, MSG_PEEK) == 1) {
        size_t len = 0;
        enum publish_redis_tls_result result =
            publish_redis_tls_read(bout.stream, heard + got, &len, &bout.err);
        assert_true(result == TLS_DONE || result == TLS_WANTS_READ);
        got += result == TLS_DONE ? len : 0;
        assert_true(got <= MUCH);
    }
    assert_int_equal(got, MUCH);
    assert_memory_equal(bytes, heard, MUCH);
    free(bytes);
    free(heard);
    bout_stop(&bout);
}

/* What a peer may do with the connection itself. */

static void new_keys_while_words_go_to_and_fro(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    bout_shake(&bout, &(struct peer_options){.certificate = "good", .version = TLS1_3_VERSION});
    for (int i = 0; i < 50; i++) {
        bool ours_too = i % 2 == 0;
        assert_int_equal(SSL_key_update(bout.peer.ssl, ours_too ? SSL_KEY_UPDATE_REQUESTED
                                                                : SSL_KEY_UPDATE_NOT_REQUESTED),
                         1);
        peer_say(&bout.peer, ":1\r\n", 4);
        assert_hears(&bout, ":1\r\n");
        bout_say(&bout, "PING");
        assert_peer_hears(&bout, "PING");
    }
    bout_stop(&bout);
}

/** Our half of the new keys has to wait behind a record that is stuck; reading goes on meanwhile.
 * (A second demand before we could answer the first ends the connection: OpenSSL 3.0 does that.) */
static void new_keys_while_nothing_can_be_written(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    const struct peer_options options = {
        .certificate = "good", .version = TLS1_3_VERSION, .client_buffer_bytes = 4096};
    struct bout bout;
    char block[8000], heard[16 * 1024];
    enum publish_redis_tls_result result;
    size_t len = 0, sent = 0, got = 0;
    bout_shake(&bout, &options);
    fill(block, sizeof(block));
    do {
        sent += len;
        result = publish_redis_tls_write(
            bout.stream, (struct str){.data = block, .len = sizeof(block)}, &len, &bout.err);
    } while (result == TLS_DONE);
    assert_int_equal(result, TLS_WANTS_WRITE);
    assert_int_equal(SSL_key_update(bout.peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    for (int i = 0; i < 3; i++) {
        peer_say(&bout.peer, ":1\r\n", 4);
        assert_hears(&bout, ":1\r\n");
    }
    for (int i = 0; got < sent + sizeof(block) && i < TURNS_MAX; i++) {
        peer_take(&bout.peer);
        int taken = SSL_read(bout.peer.ssl, heard, sizeof(heard));
        got += taken > 0 ? (size_t)taken : 0;
        ERR_clear_error();
        if (result != TLS_DONE)
            result = publish_redis_tls_write(
                bout.stream, (struct str){.data = block, .len = sizeof(block)}, &len, &bout.err);
        assert_int_not_equal(result, TLS_OVER);
    }
    assert_int_equal(got, sent + sizeof(block));
    bout_say(&bout, "PING"); /* under our new keys */
    assert_peer_hears(&bout, "PING");
    bout_stop(&bout);
}

static void a_renegotiation_is_refused(void **state UNUSED)
{
    if (!tls_files_are_there())
        skip();
    struct bout bout;
    char text[PUBLISH_REDIS_TLS_READ_SIZE];
    size_t len;
    bout_shake(&bout, &(struct peer_options){.certificate = "good", .version = TLS1_2_VERSION});
    assert_int_equal(SSL_renegotiate(bout.peer.ssl), 1);
    assert_int_equal(SSL_do_handshake(bout.peer.ssl), 1); /* says that it would like to */
    peer_give(&bout.peer);
    assert_int_equal(publish_redis_tls_read(bout.stream, text, &len, &bout.err), TLS_WANTS_READ);
    peer_take(&bout.peer);
    int got = SSL_read(bout.peer.ssl, text, sizeof(text));
    assert_true(got <= 0);
    /* RFC 5246 §7.2.2: a warning. OpenSSL's server side takes it as the end, others need not. */
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    bout_stop(&bout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_says_goodbye),
        cmocka_unit_test(the_peer_goes_without_goodbye),
        cmocka_unit_test(closed_in_mid_record),
        cmocka_unit_test(a_record_that_was_changed_on_its_way),
        cmocka_unit_test(we_say_goodbye),
        cmocka_unit_test(much_is_written_through_a_narrow_socket),
        cmocka_unit_test(much_is_read_and_nothing_is_left_lying),
        cmocka_unit_test(new_keys_while_words_go_to_and_fro),
        cmocka_unit_test(new_keys_while_nothing_can_be_written),
        cmocka_unit_test(a_renegotiation_is_refused),
    };
    return cmocka_run_group_tests(tests, bout_make_files, bout_clean_files);
}
