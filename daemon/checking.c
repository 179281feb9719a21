#include "checking.h"

#include "http_setup.h"
#include "io/control_unix_listener.h"
#include "publisher_setup.h"
#include "store_opening.h"

#include <stdio.h>

/**
 * What a start without systemd's socket would refuse. That somebody listens, or that the directory
 * or the group is not this user's, is as it should be where the socket is handed over: told, and
 * no mistake.
 */
static enum exit_status check_socket(const struct daemon *daemon)
{
    struct error err = {0};
    enum status status = unix_listener_look(daemon->startup.config.daemon.socket.data,
                                            daemon->startup.socket_gid, &err);
    if (status == STATUS_OK)
        return EXIT_STATUS_OK;
    if (status == STATUS_CONFLICT || status == STATUS_UNAVAILABLE) {
        printf("unless systemd hands the socket over: %s\n", err.text);
        return EXIT_STATUS_OK;
    }
    fprintf(stderr, "refreshd: %s\n", err.text);
    return EXIT_STATUS_CREATE;
}

static enum exit_status first_of(enum exit_status before, enum exit_status then)
{
    return before != EXIT_STATUS_OK ? before : then;
}

enum exit_status checking_judge(struct daemon *daemon, enum exit_status read)
{
    enum exit_status found = read;
    if (!daemon->startup.has_config)
        return found;
    found = first_of(found, http_setup_make(daemon));
    found = first_of(found, publisher_setup_check(daemon));
    found = first_of(found, check_socket(daemon));
    if (daemon->startup.vault != NULL) /* opened as a start would */
        found = first_of(found, store_opening_open(daemon, true));
    if (found == EXIT_STATUS_OK)
        printf("%s: good; %zu profiles\n", daemon->config_path,
               profile_set_count(daemon->startup.profiles));
    return found;
}
