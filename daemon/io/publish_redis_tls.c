#include "io/publish_redis_tls.h"

#include "common/arena.h"
#include "common/memory.h"
#include "io/files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum tls_file { FILE_CA, FILE_CERTIFICATE, FILE_KEY, FILE_COUNT };

static const char *const file_keys[FILE_COUNT] = {
    [FILE_CA] = "ca_file",
    [FILE_CERTIFICATE] = "client_certificate_file",
    [FILE_KEY] = "client_key_file",
};

/** One reading of all files. */
struct contents {
    struct secret *file[FILE_COUNT]; /* NULL: not configured */
    uint8_t hash[FILE_COUNT][SECRET_HASH_BYTES];
};

struct publish_redis_tls {
    struct arena arena;
    struct str path[FILE_COUNT];
    struct str private_directory;
    struct str trust_text;
    SSL_CTX *context;                            /* NULL: nothing could be loaded yet */
    uint8_t hash[FILE_COUNT][SECRET_HASH_BYTES]; /* what it was made from */
};

static void context_freep(SSL_CTX **context)
{
    SSL_CTX_free(*context);
}

static void bio_freep(BIO **bio)
{
    BIO_free(*bio);
}

static void key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void contents_deinit(struct contents *contents)
{
    for (size_t i = 0; i < FILE_COUNT; i++)
        secret_free(contents->file[i]);
}

struct publish_redis_tls *publish_redis_tls_new(const struct publish_redis_tls_options *options)
{
    struct publish_redis_tls *tls = memory_new(sizeof(*tls));
    tls->path[FILE_CA] = arena_copy(&tls->arena, options->ca_file);
    tls->path[FILE_CERTIFICATE] = arena_copy(&tls->arena, options->certificate_file);
    tls->path[FILE_KEY] = arena_copy(&tls->arena, options->key_file);
    tls->private_directory = arena_copy(&tls->arena, str_c(options->private_directory));
    tls->trust_text =
        str_is_set(options->ca_file)
            ? arena_printf(&tls->arena, "[redis] ca_file " STR_FMT, STR_ARG(options->ca_file))
            : STR("the system's certificates ([redis] ca_file names others)");
    return tls;
}

void publish_redis_tls_free(struct publish_redis_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    arena_deinit(&tls->arena);
    free(tls);
}

const char *publish_redis_tls_trust_text(const struct publish_redis_tls *tls)
{
    return tls->trust_text.data;
}

bool publish_redis_tls_has_certificate(const struct publish_redis_tls *tls)
{
    return str_is_set(tls->path[FILE_CERTIFICATE]);
}

/** "[redis] ca_file /path: what"; leaves OpenSSL's queue empty. */
static enum status fail(const struct publish_redis_tls *tls, enum tls_file file, const char *what,
                        struct error *err)
{
    ERR_clear_error();
    return error_set(err, STATUS_UNAVAILABLE, "[redis] %s " STR_FMT ": %s", file_keys[file],
                     STR_ARG(tls->path[file]), what);
}

/* Reading. */

static enum status read_files(const struct publish_redis_tls *tls, struct contents *contents,
                              struct error *err)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        if (!str_is_set(tls->path[i]))
            continue;
        const struct files_rules rules = {
            .bytes_max = PUBLISH_REDIS_TLS_FILE_MAX,
            .is_private = i == FILE_KEY,
            .private_directory = tls->private_directory.data,
        };
        CLEANUP(memory_freep) char *path = memory_copy_str(tls->path[i]);
        struct error why;
        if (files_read(path, &rules, &contents->file[i], &why) != FILES_OK)
            return error_set(err, STATUS_UNAVAILABLE, "[redis] %s %s", file_keys[i], why.text);
        secret_sha256(secret_str(contents->file[i]), contents->hash[i]);
    }
    return STATUS_OK;
}

static BIO *open_content(const struct contents *contents, enum tls_file file)
{
    struct str text = secret_str(contents->file[file]);
    return BIO_new_mem_buf(text.data, (int)text.len);
}

/* Taking apart. */

/** A key with a passphrase is refused rather than asked about on the terminal. */
static int no_passphrase(UNUSED char *buffer, UNUSED int size, UNUSED int writing,
                         UNUSED void *context)
{
    return -1;
}

/** True at the end of a file, false where something in it could not be read. */
static bool is_at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static enum status trust_file(const struct publish_redis_tls *tls, const struct contents *contents,
                              SSL_CTX *context, struct error *err)
{
    CLEANUP(bio_freep) BIO *bio = open_content(contents, FILE_CA);
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509 *certificate;
    size_t count = 0;
    while ((certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        int added = X509_STORE_add_cert(store, certificate);
        X509_free(certificate);
        if (added != 1)
            return fail(tls, FILE_CA, "a certificate that OpenSSL does not take", err);
        count++;
    }
    if (!is_at_end())
        return fail(tls, FILE_CA, "expected certificates in PEM, one of them is damaged", err);
    if (count == 0)
        return fail(tls, FILE_CA, "expected PEM, found no certificate", err);
    ERR_clear_error();
    return STATUS_OK;
}

/** Its directory is looked up by name, when a certificate is checked: nothing is parsed here. The
 * environment (SSL_CERT_DIR) is not asked. */
static enum status trust_system(SSL_CTX *context, struct error *err)
{
    if (SSL_CTX_load_verify_dir(context, X509_get_default_cert_dir()) == 1)
        return STATUS_OK;
    ERR_clear_error();
    return error_set(err, STATUS_UNAVAILABLE, "%s: OpenSSL can't use it",
                     X509_get_default_cert_dir());
}

/** Ours first, what leads up to its authority behind it (RFC 5246 §7.4.2). */
static enum status use_certificate(const struct publish_redis_tls *tls,
                                   const struct contents *contents, SSL_CTX *context,
                                   struct error *err)
{
    CLEANUP(bio_freep) BIO *bio = open_content(contents, FILE_CERTIFICATE);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    if (certificate == NULL)
        return fail(tls, FILE_CERTIFICATE, "expected PEM, found no certificate", err);
    int used = SSL_CTX_use_certificate(context, certificate);
    X509_free(certificate);
    while (used == 1 && (certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        used = SSL_CTX_add0_chain_cert(context, certificate) == 1;
        if (used != 1)
            X509_free(certificate);
    }
    if (used != 1)
        return fail(tls, FILE_CERTIFICATE, "a certificate that OpenSSL does not take (too weak?)",
                    err);
    if (!is_at_end())
        return fail(tls, FILE_CERTIFICATE, "expected certificates in PEM, one of them is damaged",
                    err);
    ERR_clear_error();
    return STATUS_OK;
}

static enum status use_key(const struct publish_redis_tls *tls, const struct contents *contents,
                           SSL_CTX *context, struct error *err)
{
    CLEANUP(bio_freep) BIO *bio = open_content(contents, FILE_KEY);
    CLEANUP(key_freep) EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    if (key == NULL)
        return fail(tls, FILE_KEY,
                    str_contains(secret_str(contents->file[FILE_KEY]), STR("ENCRYPTED"))
                        ? "the key has a passphrase: decrypt it first (openssl pkey -in KEY)"
                        : "expected PEM, found no private key",
                    err);
    if (SSL_CTX_use_PrivateKey(context, key) != 1 || SSL_CTX_check_private_key(context) != 1)
        return fail(tls, FILE_KEY, "not the key of client_certificate_file", err);
    return STATUS_OK;
}

/* The context. */

static SSL_CTX *make_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return NULL;
    /* The system's policy may ask for more, never for less. */
    if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION)
        (void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* One record a call, so that "wants to read" always means the socket; a buffer that grows
     * between two tries of a write. */
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    return context;
}

static enum status fill_context(const struct publish_redis_tls *tls,
                                const struct contents *contents, SSL_CTX *context,
                                struct error *err)
{
    enum status status = contents->file[FILE_CA] != NULL ? trust_file(tls, contents, context, err)
                                                         : trust_system(context, err);
    if (status == STATUS_OK && contents->file[FILE_CERTIFICATE] != NULL)
        status = use_certificate(tls, contents, context, err);
    if (status == STATUS_OK && contents->file[FILE_KEY] != NULL)
        status = use_key(tls, contents, context, err);
    return status;
}

/** The system's authorities cost nothing to name again, and one that was taken out must not live on
 * in what OpenSSL remembers of them. */
static bool is_fresh(const struct publish_redis_tls *tls, const struct contents *contents)
{
    return tls->context != NULL && contents->file[FILE_CA] != NULL &&
           memcmp(tls->hash, contents->hash, sizeof(tls->hash)) == 0;
}

enum status publish_redis_tls_load(struct publish_redis_tls *tls, struct ssl_ctx_st **ret,
                                   struct error *err)
{
    CLEANUP(contents_deinit) struct contents contents = {0};
    enum status status = read_files(tls, &contents, err);
    if (status != STATUS_OK)
        return status;
    if (!is_fresh(tls, &contents)) {
        CLEANUP(context_freep) SSL_CTX *context = make_context();
        if (context == NULL) {
            ERR_clear_error();
            return error_set(err, STATUS_UNAVAILABLE, "OpenSSL can't be started");
        }
        status = fill_context(tls, &contents, context, err);
        if (status != STATUS_OK)
            return status;
        SSL_CTX_free(tls->context);
        tls->context = TAKE_PTR(context);
        memcpy(tls->hash, contents.hash, sizeof(tls->hash));
    }
    *ret = tls->context;
    return STATUS_OK;
}
