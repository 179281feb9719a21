#include "engine/register_again.h"

#include "oauth/scope_set.h"

static bool is_key(enum auth_method method)
{
    return method == AUTH_PRIVATE_KEY_JWT || method == AUTH_TLS_CLIENT_AUTH;
}

static bool fail(struct op *op, const char *name, const char *what, const char *verb)
{
    op_fail_params(op, name, "%s that is stored (another is taken over by %s), or nothing", what,
                   verb);
    return false;
}

static bool check_text(struct op *op, const char *name, struct str stored, const char *what)
{
    struct str given = op_text(op, name);
    return !str_is_set(given) || str_eq(given, stored) || fail(op, name, what, "rotate");
}

/* A key is no secret, whatever its bytes. */
static bool check_secret(struct op *op, const struct credential *current, const char *name,
                         bool wants_key, const char *what)
{
    struct str given = op_text(op, name);
    if (!str_is_set(given))
        return true;
    struct error err = {0};
    bool same = false;
    if (catalog_compare_secret(op->engine, current, given, &same, &err) != STATUS_OK) {
        op_fail(op, RPC_CODE_STORE_UNAVAILABLE, "the stored credential can't be opened: %s",
                err.text);
        return false;
    }
    return (same && is_key(current->method) == wants_key) || fail(op, name, what, "rotate");
}

static bool check_method(struct op *op, enum auth_method stored)
{
    struct str given = op_text(op, "auth_method");
    if (!str_is_set(given) || str_eq(given, str_c(auth_method_text(stored))))
        return true;
    op_fail_params(op, "auth_method", "\"%s\", as it is, or nothing", auth_method_text(stored));
    return false;
}

static bool check_scopes(struct op *op)
{
    const struct json *given = json_get(op->params, "scopes");
    struct str scopes = STR_NONE;
    struct error err = {0};
    if (given == NULL)
        return true;
    if (scope_set_from_json(&op->arena, given, &scopes, &err) != STATUS_OK) {
        op_fail_params(op, "scopes", "an array of scope tokens: %s", err.text);
        return false;
    }
    return str_eq(scopes, op->entry->connector.scopes) || fail(op, "scopes", "the set", "rescope");
}

bool register_again_check(struct op *op)
{
    const struct credential *current =
        catalog_credential(op->entry, op->entry->connector.credential_version);
    if (current == NULL) {
        op_fail(op, RPC_CODE_STORE_UNAVAILABLE, "the connector has no stored credential");
        return false;
    }
    return check_text(op, "client_id", current->client_id, "the client id") &&
           check_secret(op, current, "client_secret", false, "the secret") &&
           check_secret(op, current, "private_key", true, "the key") &&
           check_text(op, "certificate", current->certificate, "the certificate") &&
           check_text(op, "key_id", current->key_id, "the key's id") &&
           check_method(op, current->method) && check_scopes(op);
}
