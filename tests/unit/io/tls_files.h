/**
 * Certificates for tests, made on the spot by openssl(1) in a directory of their own: an authority
 * `ca` and below it what the table says; `stranger` is another authority with a server of its own.
 * Each is NAME.pem with NAME.key.
 *
 *     tls_files_make();                                  // once, in a group's setup
 *     bool there = tls_files_are_there();                // else openssl(1) is missing: skip()
 *     tls_files_path(path, "good.pem");
 *     tls_files_clean();
 */
#ifndef UNIT_IO_TLS_FILES_H
#define UNIT_IO_TLS_FILES_H

#include "common/macros.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TLS_FILES_PATH_SIZE = 128 };

static char tls_files_directory[64];
static bool tls_files_made;

/* Days below 0: it has ended already. Quotes of the shell: single ones stand around each word. */
static const struct tls_file_row {
    const char *name, *days, *subject, *extensions;
} tls_file_rows[] = {
    {"good", "2", "/CN=good",
     "subjectAltName=IP:127.0.0.1,IP:::1,IP:fe80::1,DNS:localhost,DNS:redis.test,DNS:*.wild.test"},
    {"other", "2", "/CN=other", "subjectAltName=IP:127.0.0.2,DNS:other.test"},
    {"common", "2", "/CN=redis.test", "keyUsage=digitalSignature"},
    {"dotted", "2", "/CN=127.0.0.1", "subjectAltName=DNS:127.0.0.1"},
    {"old", "-1", "/CN=old", "subjectAltName=IP:127.0.0.1,DNS:redis.test"},
    {"mismade", "2", "/CN=mismade", "subjectAltName=DNS:redis.test\\nextendedKeyUsage=clientAuth"},
    {"client", "2", "/CN=client", "extendedKeyUsage=clientAuth"},
    {"client2", "2", "/CN=client2", "extendedKeyUsage=clientAuth"},
    {"client-old", "-1", "/CN=client-old", "extendedKeyUsage=clientAuth"},
};

static const char tls_files_functions[] =
    "set -e\n"
    "key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
    "authority() { openssl req -x509 $key -keyout $1.key -out $1.pem -subj /CN=$1 -days 2; }\n"
    "below() { openssl req $key -keyout $2.key -out $2.csr -subj $4; printf \"$5\" > $2.ext\n"
    "  openssl x509 -req -in $2.csr -CA $1.pem -CAkey $1.key -CAcreateserial -days $3 "
    "-extfile $2.ext -out $2.pem; }\n"
    "authority ca; authority stranger\n"
    "below stranger strange 2 /CN=strange subjectAltName=DNS:redis.test,IP:127.0.0.1\n"
    "openssl req -x509 $key -keyout own.key -out own.pem -subj /CN=own -days 2 "
    "-addext subjectAltName=DNS:redis.test\n";

static inline const char *tls_files_path(char path[TLS_FILES_PATH_SIZE], const char *name)
{
    snprintf(path, TLS_FILES_PATH_SIZE, "%s/%s", tls_files_directory, name);
    return path;
}

/** A shell's commands in the directory; true where they succeed. */
static inline bool tls_files_run(const char *commands)
{
    char path[TLS_FILES_PATH_SIZE], line[2 * TLS_FILES_PATH_SIZE];
    FILE *script = fopen(tls_files_path(path, "run.sh"), "w");
    if (script == NULL)
        return false;
    fputs(commands, script);
    fclose(script);
    snprintf(line, sizeof(line), "cd %s && sh run.sh > run.log 2>&1", tls_files_directory);
    return system(line) == 0;
}

static inline int tls_files_make(void)
{
    static char script[8192];
    snprintf(tls_files_directory, sizeof(tls_files_directory), "/tmp/refreshd-tls-XXXXXX");
    if (mkdtemp(tls_files_directory) == NULL)
        return -1;
    size_t used = (size_t)snprintf(script, sizeof(script), "%s", tls_files_functions);
    for (size_t i = 0; i < ARRAY_LEN(tls_file_rows); i++) {
        const struct tls_file_row *row = &tls_file_rows[i];
        used += (size_t)snprintf(script + used, sizeof(script) - used, "below ca %s %s %s '%s'\n",
                                 row->name, row->days, row->subject, row->extensions);
    }
    snprintf(script + used, sizeof(script) - used,
             "openssl pkey -in client.key -aes128 -passout pass:x -out locked.key\n"
             "cat client.pem ca.pem > chain.pem\nchmod 600 *.key\n");
    tls_files_made = tls_files_run(script);
    return 0;
}

static inline bool tls_files_are_there(void)
{
    return tls_files_made;
}

static inline int tls_files_clean(void)
{
    char line[100];
    snprintf(line, sizeof(line), "rm -rf %s", tls_files_directory);
    return system(line);
}

#endif
