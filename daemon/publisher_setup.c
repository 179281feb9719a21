#include "publisher_setup.h"

#include "io/publish_redis_check.h"

#include <stdio.h>
#include <stdlib.h>

_Static_assert((int)CONFIG_SENTINELS_MAX == (int)PUBLISH_REDIS_SENTINELS_MAX,
               "what may be written can be asked");

/** @sentinels room for CONFIG_SENTINELS_MAX; the result borrows it */
static struct publish_redis_options redis_options(struct daemon *daemon,
                                                  struct publish_redis_sentinel *sentinels)
{
    const struct config *config = &daemon->startup.config;
    for (size_t i = 0; i < config->redis.url.sentinel_count; i++)
        sentinels[i] = (struct publish_redis_sentinel){
            .host = config->redis.url.sentinels[i].host,
            .port = (uint16_t)config->redis.url.sentinels[i].port,
        };
    return (struct publish_redis_options){
        .loop = daemon->loop,
        .inbox = daemon->inbox,
        .log = &daemon->log,
        .host = config->redis.url.host,
        .port = (uint16_t)config->redis.url.port,
        .socket_path = config->redis.url.socket_path,
        .tls = config->redis.url.tls,
        .ca_file = config->redis.ca_file,
        .certificate_file = config->redis.client_certificate_file,
        .key_file = config->redis.client_key_file,
        .private_directory = getenv("CREDENTIALS_DIRECTORY"),
        .sentinels = sentinels,
        .sentinel_count = config->redis.url.sentinel_count,
        .master_name = config->redis.url.master_name,
        .sentinel_username = config->redis.sentinel_username,
        .sentinel_password_file = config->redis.sentinel_password_file,
        .database = config->redis.url.database,
        .username = config->redis.username,
        .password = config->redis.url.password,
        .password_file = config->redis.password_file,
        .prefix = config->redis.prefix,
        .stream_maxlen = config->redis.stream_maxlen,
    };
}

struct publisher_port publisher_setup_make(struct daemon *daemon)
{
    if (daemon->startup.config.redis.url.kind == CONFIG_REDIS_NONE)
        return (struct publisher_port){0};
    struct publish_redis_sentinel sentinels[CONFIG_SENTINELS_MAX];
    const struct publish_redis_options options = redis_options(daemon, sentinels);
    daemon->redis = publish_redis_new(&options);
    return publish_redis_port(daemon->redis);
}

static void print_fault(void *ctx, const struct error *why)
{
    const struct daemon *daemon = ctx;
    fprintf(stderr, "refreshd: %s: %s\n", daemon->config_path, why->text);
}

enum exit_status publisher_setup_check(struct daemon *daemon)
{
    struct publish_redis_sentinel sentinels[CONFIG_SENTINELS_MAX];
    const struct publish_redis_options options = redis_options(daemon, sentinels);
    return publish_redis_check_files(&options, print_fault, daemon) ? EXIT_STATUS_OK
                                                                    : EXIT_STATUS_CONFIG;
}
