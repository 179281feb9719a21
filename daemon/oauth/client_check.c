#include "oauth/client_assertion.h"
#include "oauth/token_request.h"

/** RFC 6749 appendix A.1, A.2: visible ASCII and blanks. */
static bool is_vschar(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    }
    return text.len > 0;
}

static enum status check_secret(const struct oauth_client *client, struct error *err)
{
    if (client->secret.len == 0)
        return error_set(err, STATUS_INVALID,
                         "client_secret: expected a secret that is not empty (auth_method %s)",
                         auth_method_text(client->method));
    if (!is_vschar(client->secret))
        return error_set(err, STATUS_INVALID,
                         "client_secret: expected printable ASCII characters (RFC 6749 A.2)");
    return STATUS_OK;
}

/** What its method would never look at was meant for another one. */
static enum status check_nothing_idle(const struct oauth_client *client, struct error *err)
{
    bool has_key = client->method == AUTH_PRIVATE_KEY_JWT || client->method == AUTH_TLS_CLIENT_AUTH;
    if (client->method == AUTH_NONE && client->secret.len > 0)
        return error_set(err, STATUS_INVALID,
                         "auth_method: expected one that presents what is given; \"none\" presents "
                         "nothing");
    if (!has_key && client->certificate.len > 0)
        return error_set(err, STATUS_INVALID,
                         "certificate: expected beside a private_key only (auth_method %s)",
                         auth_method_text(client->method));
    bool signs = client->method == AUTH_PRIVATE_KEY_JWT || client->method == AUTH_CLIENT_SECRET_JWT;
    if (!signs && client->key_id.len > 0)
        return error_set(err, STATUS_INVALID,
                         "key_id: expected where a JWT names it, not with auth_method %s",
                         auth_method_text(client->method));
    return STATUS_OK;
}

enum status oauth_client_check(const struct oauth_client *client, struct error *err)
{
    if (!is_vschar(client->client_id))
        return error_set(err, STATUS_INVALID,
                         "client_id: expected printable ASCII characters (RFC 6749 A.1)");
    if (check_nothing_idle(client, err) != STATUS_OK)
        return STATUS_INVALID;
    switch (client->method) {
    case AUTH_CLIENT_SECRET_BASIC:
    case AUTH_CLIENT_SECRET_POST:
    case AUTH_CLIENT_SECRET_JWT:
        return check_secret(client, err);
    case AUTH_NONE:
        return STATUS_OK;
    case AUTH_PRIVATE_KEY_JWT:
        if (client_key_check(client->secret, err) != STATUS_OK)
            return STATUS_INVALID;
        return client->certificate.len == 0
                   ? STATUS_OK
                   : client_certificate_check(client->certificate, client->secret, err);
    case AUTH_TLS_CLIENT_AUTH:
        return client_certificate_check(client->certificate, client->secret, err);
    case AUTH_METHOD_COUNT:
        break;
    }
    return error_set(err, STATUS_INVALID, "auth_method: expected a known method");
}
