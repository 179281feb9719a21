#include "ctl/discover.h"

#include "ctl/http_get.h"
#include "ctl/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { DISCOVER_TIMEOUT_MS = 10 * 1000, TEXT_MAX = 1024, HTTP_OK = 200 };

static const struct rpc_param discover_params[] = {
    {.name = "issuer",
     .required = true,
     .type = RPC_TYPE_TEXT,
     .min = 1,
     .max = TEXT_MAX,
     .help = "the authorization server's issuer, a URL, exactly as it names itself"},
    {.name = "output",
     .type = RPC_TYPE_TEXT,
     .min = 1,
     .max = TEXT_MAX,
     .help = "a new file for the profile (standard output)"},
    {.name = "id",
     .type = RPC_TYPE_TEXT,
     .min = 1,
     .max = TEXT_MAX,
     .help = "the profile's id (the issuer's host)"},
    {.name = "ca_file",
     .type = RPC_TYPE_TEXT,
     .min = 1,
     .max = TEXT_MAX,
     .help = "certificates to trust instead of the system's, PEM"},
    {.name = "proxy", .type = RPC_TYPE_TEXT, .min = 1, .max = TEXT_MAX, .help = "an HTTP proxy"},
    {.name = "allow_plain_loopback",
     .type = RPC_TYPE_BOOLEAN,
     .help = "http:// to this machine is all right"},
    {.name = NULL},
};

const struct rpc_method discover_method = {
    .id = RPC_METHOD_COUNT,
    .name = "discover",
    .params = discover_params,
    .positional = "issuer",
    .result = "a provider profile",
    .summary = "Make a provider profile from a server's metadata.",
};

static struct str param(const struct session *session, const char *name)
{
    return json_text(json_get(session->args->params, name));
}

static const char *param_c(const struct session *session, const char *name)
{
    struct str text = param(session, name);
    return str_is_set(text) ? text.data : NULL;
}

static bool plain_is_allowed(const struct session *session)
{
    return json_bool(json_get(session->args->params, "allow_plain_loopback"), false);
}

/** One document. *ret_status is 0 where there was no answer. */
static enum status fetch(const struct session *session, const char *url, int *ret_status,
                         struct json **out, struct error *err)
{
    CLEANUP(buf_deinit) struct buf body = {0};
    int64_t timeout_ms = session->args->timeout_ms;
    const struct http_get get = {
        .url = url,
        .ca_file = param_c(session, "ca_file"),
        .proxy = param_c(session, "proxy"),
        .timeout_ms = timeout_ms == ARGS_TIMEOUT_MS_DEFAULT ? DISCOVER_TIMEOUT_MS : timeout_ms,
    };
    enum status status = http_get_run(&get, ret_status, &body, err);
    if (status != STATUS_OK)
        return status;
    if (*ret_status != HTTP_OK)
        return error_set(
            err, STATUS_UNAVAILABLE,
            "%.200s: expected status 200, got %d: the server has no metadata there, or "
            "the issuer is another",
            url, *ret_status);
    struct error fault = {0};
    if (json_parse(buf_str(&body), JSON_LIMITS_DEFAULT, out, &fault) != STATUS_OK)
        return error_set(err, STATUS_INVALID, "%.200s: expected JSON: %s", url, fault.text);
    return STATUS_OK;
}

/** RFC 8414's place first, then OpenID Connect's, which knows no other than its own (§4). */
static enum status find_document(const struct session *session, struct buf *url, struct json **out,
                                 struct error *err)
{
    enum status status = STATUS_UNAVAILABLE;
    for (int place = 0; place < METADATA_PLACE_COUNT; place++) {
        int http_status = 0;
        buf_clear(url);
        metadata_url((enum metadata_place)place, param(session, "issuer"), url);
        status = fetch(session, buf_c(url), &http_status, out, err);
        if (status == STATUS_OK || http_status == 0)
            return status;
    }
    return status;
}

static enum status discover(const struct session *session, struct json **out, struct buf *remarks,
                            struct error *err)
{
    CLEANUP(buf_deinit) struct buf url = {0};
    CLEANUP(json_freep) struct json *document = NULL;
    struct str issuer = param(session, "issuer");
    enum status status = metadata_check_issuer(issuer, plain_is_allowed(session), err);
    if (status == STATUS_OK)
        status = find_document(session, &url, &document, err);
    if (status != STATUS_OK)
        return status;
    const struct metadata_about about = {
        .issuer = issuer,
        .url = buf_str(&url),
        .id = param(session, "id"),
        .allow_plain_loopback = plain_is_allowed(session),
    };
    return metadata_to_profile(document, &about, out, remarks, err);
}

static bool write_all(int fd, struct str text)
{
    while (text.len > 0) {
        ssize_t written = write(fd, text.data, text.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text = str_slice(text, (size_t)written, text.len);
    }
    return true;
}

/** A profile that is there already may have been corrected by hand: it is left alone. */
static enum status write_file(const char *path, struct str text, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 && errno == EEXIST)
        return error_set(err, STATUS_CONFLICT,
                         "%.200s exists and is left as it is: give another name, or remove it",
                         path);
    if (fd < 0)
        return error_set(err, STATUS_INVALID, "%.200s: %s", path, strerror(errno));
    bool good = write_all(fd, text) && fsync(fd) == 0;
    int failure = errno;
    good = close(fd) == 0 && good;
    if (good)
        return STATUS_OK;
    (void)unlink(path);
    return error_set(err, STATUS_INTERNAL, "%.200s: %s", path, strerror(failure));
}

static enum ctl_exit fail(const struct session *session, const struct error *err)
{
    session_tell_failure(session, CTL_EXIT_ERROR, err);
    return CTL_EXIT_ERROR;
}

enum ctl_exit discover_run(const struct session *session)
{
    CLEANUP(buf_deinit) struct buf remarks = {0};
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(json_freep) struct json *profile = NULL;
    struct error err = {0};
    const char *path = param_c(session, "output");
    if (discover(session, &profile, &remarks, &err) != STATUS_OK)
        return fail(session, &err);
    struct str rest = buf_str(&remarks);
    struct str line;
    while (str_next_word(&rest, STR("\n"), &line))
        session_remark(session, "note: " STR_FMT, STR_ARG(line));
    metadata_write_profile(profile, &text);
    if (path == NULL)
        return session_is_json(session) ? session_print_json(session, profile)
                                        : session_print(session, buf_str(&text));
    if (write_file(path, buf_str(&text), &err) != STATUS_OK)
        return fail(session, &err);
    session_remark(session, "%.200s: profile \"" STR_FMT "\"; see it with refreshd --check", path,
                   STR_ARG(json_text(json_get(profile, "id"))));
    return CTL_EXIT_OK;
}
