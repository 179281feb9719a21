#include "http_setup.h"

#include <stdio.h>

enum exit_status http_setup_make(struct daemon *daemon)
{
    CLEANUP(config_faults_deinit) struct config_faults faults = {0};
    const struct config *config = &daemon->startup.config;
    const struct http_curl_config http = startup_http_config(config);
    struct error err = {0};
    enum status status =
        http_curl_new(daemon->loop, daemon->inbox, &http, &daemon->log, &daemon->http, &err);
    if (status == STATUS_OK)
        return EXIT_STATUS_OK;
    if (status == STATUS_INTERNAL) {
        fprintf(stderr, "refreshd: %s\n", err.text);
        return EXIT_STATUS_SOFTWARE;
    }
    config_tell_key(config, "http", "ca_file", &err, &faults);
    fprintf(stderr, "refreshd: %s\n", faults.lines[0].data);
    return EXIT_STATUS_CONFIG;
}
