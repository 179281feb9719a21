#include "io/publish_redis_check.h"

#include "io/publish_redis_password.h"
#include "io/publish_redis_tls.h"

static enum status check_tls(const struct publish_redis_options *options, struct error *err)
{
    if (!options->tls)
        return STATUS_OK;
    struct publish_redis_tls *tls = publish_redis_tls_new(&(struct publish_redis_tls_options){
        .ca_file = options->ca_file,
        .certificate_file = options->certificate_file,
        .key_file = options->key_file,
        .private_directory = options->private_directory,
    });
    struct ssl_ctx_st *context;
    enum status status = publish_redis_tls_load(tls, &context, err);
    publish_redis_tls_free(tls);
    return status;
}

static enum status check_password(const char *key, struct str file, struct error *err)
{
    CLEANUP(secret_freep) struct secret *password = NULL;
    return publish_redis_password_read(key, STR_NONE, file, &password, err);
}

bool publish_redis_check_files(const struct publish_redis_options *options,
                               publish_redis_check_fn *fn, void *ctx)
{
    struct error why[3];
    const enum status found[ARRAY_LEN(why)] = {
        check_tls(options, &why[0]),
        check_password("password_file", options->password_file, &why[1]),
        check_password("sentinel_password_file", options->sentinel_password_file, &why[2]),
    };
    bool all_fit = true;
    for (size_t i = 0; i < ARRAY_LEN(why); i++) {
        if (found[i] == STATUS_OK)
            continue;
        fn(ctx, &why[i]);
        all_fit = false;
    }
    return all_fit;
}
