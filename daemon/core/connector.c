#include "core/connector.h"

#include "common/assert.h"

static const char *const auth_method_texts[AUTH_METHOD_COUNT] = {
    [AUTH_CLIENT_SECRET_BASIC] = "client_secret_basic",
    [AUTH_CLIENT_SECRET_POST] = "client_secret_post",
    [AUTH_NONE] = "none",
    [AUTH_CLIENT_SECRET_JWT] = "client_secret_jwt",
    [AUTH_PRIVATE_KEY_JWT] = "private_key_jwt",
    [AUTH_TLS_CLIENT_AUTH] = "tls_client_auth",
};

const char *auth_method_text(enum auth_method method)
{
    ASSERT((unsigned)method < AUTH_METHOD_COUNT);
    return auth_method_texts[method];
}

enum status auth_method_parse(struct str text, enum auth_method *ret)
{
    for (unsigned i = 0; i < AUTH_METHOD_COUNT; i++) {
        if (str_eq(text, str_c(auth_method_texts[i]))) {
            *ret = (enum auth_method)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

const char *credential_state_text(enum credential_state state)
{
    switch (state) {
    case CREDENTIAL_CURRENT:
        return "current";
    case CREDENTIAL_RETIRING:
        return "retiring";
    case CREDENTIAL_RETIRED:
        return "retired";
    }
    UNREACHABLE("a credential state");
    return "";
}

enum reason connector_blocked_reason(const struct connector *connector)
{
    if (connector->disabled)
        return REASON_POLICY_BLOCKED;
    return connector->rejected_ms != TIME_NONE ? REASON_CLIENT_REJECTED : REASON_NONE;
}
