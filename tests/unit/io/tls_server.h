/**
 * `openssl s_server` in a process of its own: with "-www" each GET is answered with a page about
 * the connection, with "-WWW" with a file of the directory.
 *
 *     struct tls_server server = tls_server_new(directory, "good", "-www", options);
 *     … 127.0.0.1:server.port …
 *     tls_server_stop(server);
 */
#ifndef UNIT_IO_TLS_SERVER_H
#define UNIT_IO_TLS_SERVER_H

#include "scripted_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

struct tls_server {
    pid_t pid;
    int port;
};

/** @name of the certificate and key in the directory, which has ca.pem besides. */
static inline struct tls_server tls_server_new(const char *directory, const char *name,
                                               const char *mode, const char *const *options)
{
    struct tls_server server;
    char port[16], certificate[128], key[128], ca[128];
    close(server_listen(&server.port));
    snprintf(port, sizeof(port), "%d", server.port);
    snprintf(certificate, sizeof(certificate), "%s/%s.pem", directory, name);
    snprintf(key, sizeof(key), "%s/%s.key", directory, name);
    snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
    const char *args[24] = {"openssl", "s_server", "-accept", port,     "-cert",   certificate,
                            "-key",    key,        mode,      "-quiet", "-CAfile", ca};

    for (size_t i = 12; *options != NULL; i++)
        args[i] = *options++;
    server.pid = fork();
    if (server.pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        union {
            const char **borrowed;
            char *const *args;
        } vector = {.borrowed = args};
        if (chdir(directory) == 0)
            execvp("openssl", vector.args);
        _exit(127);
    }
    for (int i = 0; i < 200; i++) { /* until it listens */
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)server.port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int failed = connect(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
        if (failed == 0)
            break;
        usleep(20000);
    }
    return server;
}

static inline void tls_server_stop(struct tls_server server)
{
    kill(server.pid, SIGKILL);
    waitpid(server.pid, NULL, 0);
}

#endif
