#include "io/http_curl_trust.h"

#include "common/assert.h"
#include "common/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUNDLE_BYTES_MAX = 16 * 1024 * 1024 };

static const char system_bundle[] = "/etc/ssl/certs/ca-certificates.crt";

static enum status append_file(struct buf *to, const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, STATUS_INVALID, "%s: %s", path, strerror(errno));
    char bytes[16 * 1024];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
        if (!buf_append(to, (struct str){.data = bytes, .len = (size_t)got}))
            break;
    }
    int error = errno;
    close(fd);
    if (to->overflowed)
        return error_set(err, STATUS_INVALID, "%s: expected a PEM bundle of at most %d MiB", path,
                         BUNDLE_BYTES_MAX / (1024 * 1024));
    if (got < 0)
        return error_set(err, STATUS_INVALID, "%s: %s", path, strerror(error));
    buf_append_byte(to, '\n');
    return STATUS_OK;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.data, bytes.len);
        if (put <= 0)
            return false;
        bytes = str_slice(bytes, (size_t)put, bytes.len);
    }
    return true;
}

/** A name that differs from the last ones: as many slashes more as there were loads. */
static void name_path(struct http_curl_trust *trust)
{
    char slashes[64];
    size_t count = 1 + trust->loads % (sizeof(slashes) - 1);
    memset(slashes, '/', count);
    slashes[MIN_OF(count, sizeof(slashes) - 1)] = '\0';
    int len = snprintf(trust->path, sizeof(trust->path), "/proc/self%sfd/%d", slashes, trust->fd);
    ASSERT(len > 0 && (size_t)len < sizeof(trust->path));
}

static enum status put_in_place(struct http_curl_trust *trust, struct str bundle, struct error *err)
{
    uint8_t hash[SECRET_HASH_BYTES];
    secret_sha256(bundle, hash);
    if (trust->fd >= 0 && memcmp(hash, trust->hash, sizeof(hash)) == 0)
        return STATUS_OK;
    int fd = memfd_create("refreshd-ca", MFD_CLOEXEC);
    if (fd < 0)
        return error_set(err, STATUS_INTERNAL, "memfd_create: %s", strerror(errno));
    if (!write_all(fd, bundle)) {
        close(fd);
        return error_set(err, STATUS_INTERNAL, "no memory for the CA bundle");
    }
    if (trust->fd >= 0)
        close(trust->fd);
    trust->fd = fd;
    trust->loads++;
    memcpy(trust->hash, hash, sizeof(hash));
    name_path(trust);
    return STATUS_OK;
}

enum status http_curl_trust_load(struct http_curl_trust *trust, const char *ca_file,
                                 bool *ret_system, struct error *err)
{
    CLEANUP(buf_deinit) struct buf bundle = {.max = BUNDLE_BYTES_MAX};
    bool has_system = append_file(&bundle, system_bundle, NULL) == STATUS_OK;
    if (ca_file != NULL) {
        size_t before = bundle.len;
        enum status status = append_file(&bundle, ca_file, err);
        if (status != STATUS_OK)
            return status;
        if (!str_contains(str_slice(buf_str(&bundle), before, bundle.len),
                          STR("-----BEGIN CERTIFICATE-----")))
            return error_set(err, STATUS_INVALID, "%s: expected PEM, found no certificate",
                             ca_file);
    }
    enum status status = put_in_place(trust, buf_str(&bundle), err);
    if (status == STATUS_OK)
        *ret_system = has_system;
    return status;
}

void http_curl_trust_deinit(struct http_curl_trust *trust)
{
    if (trust->fd >= 0)
        close(trust->fd);
    *trust = HTTP_CURL_TRUST_INIT;
}
