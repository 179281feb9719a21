#include "oauth/jwt_claims.h"

#include "common/encoding.h"

enum { JWT_CLAIMS_MAX = 64 * 1024 };

enum status jwt_claims_read(struct str token, struct json **out)
{
    size_t first = str_find_byte(token, '.');
    if (first == token.len)
        return STATUS_INVALID;
    struct str rest = str_slice(token, first + 1, token.len);
    size_t second = str_find_byte(rest, '.');
    if (second == rest.len || second > JWT_CLAIMS_MAX)
        return STATUS_INVALID;

    CLEANUP(buf_deinit) struct buf text = {.secret = true};
    if (encoding_unbase64url(str_slice(rest, 0, second), &text) != STATUS_OK)
        return STATUS_INVALID;
    CLEANUP(json_freep) struct json *claims = NULL;
    if (json_parse(buf_str(&text), JSON_LIMITS_DEFAULT, &claims, NULL) != STATUS_OK ||
        json_type(claims) != JSON_OBJECT)
        return STATUS_INVALID;
    *out = TAKE_PTR(claims);
    return STATUS_OK;
}

int64_t jwt_lifetime_s(struct str token, int64_t now_wall_ms)
{
    /* Every JWT's header begins with {" in base64url: most opaque tokens end here. */
    if (!str_starts_with(token, STR("eyJ")))
        return -1;
    CLEANUP(json_freep) struct json *claims = NULL;
    if (jwt_claims_read(token, &claims) != STATUS_OK)
        return -1;
    int64_t left_s = json_i64(json_get(claims, "exp"), 0) - now_wall_ms / 1000;
    return left_s > 0 ? left_s : -1;
}
