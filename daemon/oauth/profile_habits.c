#include "oauth/profile_reader.h"

#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct profile, member)

static enum status take_method(struct profile_reader *reader, const char *path,
                               const struct json *value, void *field)
{
    static const char *const words[] = {[METHOD_POST] = "POST", [METHOD_GET] = "GET"};
    return reader_take_word(reader, path, value, words, ARRAY_LEN(words), field);
}

static enum status take_body_format(struct profile_reader *reader, const char *path,
                                    const struct json *value, void *field)
{
    static const char *const words[] = {[FORMAT_FORM] = "form",
                                        [FORMAT_JSON] = "json",
                                        [FORMAT_QUERY] = "query",
                                        [FORMAT_NONE] = "none"};
    return reader_take_word(reader, path, value, words, ARRAY_LEN(words), field);
}

static enum status take_presents(struct profile_reader *reader, const char *path,
                                 const struct json *value, void *field)
{
    static const char *const words[] = {"refresh_token", "access_token"};
    int word = 0;
    enum status status = reader_take_word(reader, path, value, words, ARRAY_LEN(words), &word);
    if (status == STATUS_OK)
        *(bool *)field = word == 1;
    return status;
}

static enum status take_separator(struct profile_reader *reader, const char *path,
                                  const struct json *value, void *field)
{
    struct str text = json_text(value);
    if (text.len != 1 || strchr(" ,|+;", text.data[0]) == NULL)
        return reader_fail(reader, path, value, "one of \" \", \",\", \"|\", \"+\" and \";\"");
    *(struct str *)field = arena_copy(&reader->profile->arena, text);
    return STATUS_OK;
}

/** May be empty: a basic password can be. */
static enum status take_basic_part(struct profile_reader *reader, const char *path,
                                   const struct json *value, void *field)
{
    if (json_type(value) != JSON_TEXT)
        return reader_fail(reader, path, value, "a text such as \"{client_secret}\"");
    *(struct str *)field = arena_copy(&reader->profile->arena, json_text(value));
    return STATUS_OK;
}

static enum status take_encoding(struct profile_reader *reader, const char *path,
                                 const struct json *value, void *field)
{
    static const char *const words[] = {"hex", "base64"};
    int word = 0;
    enum status status = reader_take_word(reader, path, value, words, ARRAY_LEN(words), &word);
    if (status == STATUS_OK)
        *(bool *)field = word == 1;
    return status;
}

static const struct habit signature_habits[] = {
    {"header", reader_take_text, AT(request.signature_header)},
    {"text", reader_take_text, AT(request.signature_text)},
    {"encoding", take_encoding, AT(request.signature_is_base64)},
};

static enum status take_signature(struct profile_reader *reader, const char *path,
                                  const struct json *value, UNUSED void *field)
{
    struct profile *profile = reader->profile;
    enum status status = reader_take_members(reader, path, value, signature_habits,
                                             ARRAY_LEN(signature_habits), profile);
    bool is_whole = str_is_set(profile->request.signature_header) &&
                    str_is_set(profile->request.signature_text);
    return status == STATUS_OK && !is_whole
               ? reader_fail(reader, path, value, "an object with \"header\" and \"text\"")
               : status;
}

static const struct habit request_habits[] = {
    {"endpoint", reader_take_text, AT(request.endpoint)},
    {"method", take_method, AT(request.method)},
    {"body_format", take_body_format, AT(request.body_format)},
    {"extra_params", reader_take_map, AT(request.extra_params)},
    {"extra_headers", reader_take_map, AT(request.extra_headers)},
    {"renamed_params", reader_take_map, AT(request.renamed_params)},
    {"omitted_params", reader_take_texts, AT(request.omitted_params)},
    {"authorize_params", reader_take_map, AT(request.authorize_params)},
    {"scope_separator", take_separator, AT(request.scope_separator)},
    {"send_scope", reader_take_bool, AT(request.send_scope)},
    {"presents", take_presents, AT(request.presents_access_token)},
    {"assertion_audience", reader_take_text, AT(request.assertion_audience)},
    {"assertion_issuer", reader_take_text, AT(request.assertion_issuer)},
    {"basic_user", take_basic_part, AT(request.basic_user)},
    {"basic_password", take_basic_part, AT(request.basic_password)},
    {"signature", take_signature, 0},
};

static enum status take_request(struct profile_reader *reader, const char *path,
                                const struct json *value, UNUSED void *field)
{
    return reader_take_members(reader, path, value, request_habits, ARRAY_LEN(request_habits),
                               reader->profile);
}

static enum status take_rotation(struct profile_reader *reader, const char *path,
                                 const struct json *value, void *field)
{
    static const char *const words[] = {[ROTATION_UNKNOWN] = "unknown",
                                        [ROTATION_ALWAYS] = "always",
                                        [ROTATION_NEVER] = "never",
                                        [ROTATION_SOMETIMES] = "sometimes"};
    return reader_take_word(reader, path, value, words, ARRAY_LEN(words), field);
}

static enum status take_replay(struct profile_reader *reader, const char *path,
                               const struct json *value, void *field)
{
    enum { WINDOW_MAX_S = 31 * 24 * 3600 };
    struct profile *profile = field;
    struct str text = json_text(value);
    uint64_t seconds = 0;
    if (str_eq(text, STR("safe")))
        profile->refresh_token.replay = REPLAY_SAFE;
    else if (str_eq(text, STR("hold")))
        profile->refresh_token.replay = REPLAY_HOLD;
    else if (str_starts_with(text, STR("window:")) &&
             str_to_u64(str_slice(text, 7, text.len), &seconds) == STATUS_OK && seconds >= 1 &&
             seconds <= WINDOW_MAX_S)
        profile->refresh_token.replay = REPLAY_WINDOW;
    else
        return reader_fail(reader, path, value,
                           "\"safe\", \"hold\" or \"window:N\" with N seconds, 1 to 2678400");
    profile->refresh_token.replay_window_s = (int64_t)seconds;
    return STATUS_OK;
}

static enum status take_resets(struct profile_reader *reader, const char *path,
                               const struct json *value, UNUSED void *field)
{
    struct profile *profile = reader->profile;
    enum status status =
        reader_take_bool(reader, path, value, &profile->refresh_token.resets_on_use);
    profile->refresh_token.counts_from_grant = !profile->refresh_token.resets_on_use;
    return status;
}

static const struct habit refresh_token_habits[] = {
    {"rotation", take_rotation, AT(refresh_token.rotation)},
    {"replay", take_replay, 0},
    {"reuse_grace_s", reader_take_seconds, AT(refresh_token.reuse_grace_s)},
    {"lifetime_s", reader_take_seconds, AT(refresh_token.lifetime_s)},
    {"idle_lifetime_s", reader_take_seconds, AT(refresh_token.idle_lifetime_s)},
    {"hard_lifetime_s", reader_take_seconds, AT(refresh_token.hard_lifetime_s)},
    {"resets_on_use", take_resets, 0},
    {"invalidates_previous_access_token", reader_take_bool, AT(refresh_token.kills_access_token)},
};

/** Where `replay` is left out, what the other habits say of it. */
static void derive_replay(struct profile *profile)
{
    if (profile->refresh_token.replay != REPLAY_DEFAULT)
        return;
    if (profile->refresh_token.reuse_grace_s > 0) {
        profile->refresh_token.replay = REPLAY_WINDOW;
        profile->refresh_token.replay_window_s = profile->refresh_token.reuse_grace_s;
    } else if (profile->refresh_token.rotation == ROTATION_NEVER) {
        profile->refresh_token.replay = REPLAY_SAFE;
    }
}

static enum status take_refresh_token(struct profile_reader *reader, const char *path,
                                      const struct json *value, UNUSED void *field)
{
    enum status status = reader_take_members(reader, path, value, refresh_token_habits,
                                             ARRAY_LEN(refresh_token_habits), reader->profile);
    if (status == STATUS_OK)
        derive_replay(reader->profile);
    return status;
}

static const struct habit access_token_habits[] = {
    {"lifetime_s", reader_take_seconds, AT(access_token.lifetime_s)},
    {"not_before_s", reader_take_seconds, AT(access_token.not_before_s)},
};

static enum status take_access_token(struct profile_reader *reader, const char *path,
                                     const struct json *value, UNUSED void *field)
{
    return reader_take_members(reader, path, value, access_token_habits,
                               ARRAY_LEN(access_token_habits), reader->profile);
}

static enum status take_identity_source(struct profile_reader *reader, const char *path,
                                        const struct json *value, void *field)
{
    static const char *const words[] = {"id_token", "response", "userinfo"};
    int word = 0;
    enum status status = reader_take_word(reader, path, value, words, ARRAY_LEN(words), &word);
    if (status == STATUS_OK)
        *(struct str *)field = str_c(words[word]);
    return status;
}

static const struct habit identity_habits[] = {
    {"source", take_identity_source, AT(identity.source)},
    {"id", reader_take_text, AT(identity.id)},
    {"label", reader_take_text, AT(identity.label)},
};

static enum status take_identity(struct profile_reader *reader, const char *path,
                                 const struct json *value, UNUSED void *field)
{
    return reader_take_members(reader, path, value, identity_habits, ARRAY_LEN(identity_habits),
                               reader->profile);
}

static enum status take_revoke_method(struct profile_reader *reader, const char *path,
                                      const struct json *value, void *field)
{
    static const char *const words[] = {
        [METHOD_POST] = "POST", [METHOD_GET] = "GET", [METHOD_DELETE] = "DELETE"};
    return reader_take_word(reader, path, value, words, ARRAY_LEN(words), field);
}

static enum status take_revoke_token(struct profile_reader *reader, const char *path,
                                     const struct json *value, void *field)
{
    static const char *const words[] = {
        [REVOKE_TOKEN_REFRESH] = "refresh_token", [REVOKE_TOKEN_ACCESS] = "access_token"};
    return reader_take_word(reader, path, value, words, ARRAY_LEN(words), field);
}

static enum status take_revoke_auth(struct profile_reader *reader, const char *path,
                                    const struct json *value, void *field)
{
    static const char *const words[] = {[REVOKE_AUTH_CLIENT] = "client",
                                        [REVOKE_AUTH_BASIC] = "basic",
                                        [REVOKE_AUTH_BEARER] = "bearer",
                                        [REVOKE_AUTH_NONE] = "none"};
    return reader_take_word(reader, path, value, words, ARRAY_LEN(words), field);
}

static const struct habit revoke_habits[] = {
    {"method", take_revoke_method, AT(revoke.method)},
    {"endpoint", reader_take_text, AT(revoke.endpoint)},
    {"body_format", take_body_format, AT(revoke.body_format)},
    {"token_param", reader_take_text, AT(revoke.token_param)},
    {"token", take_revoke_token, AT(revoke.token)},
    {"auth", take_revoke_auth, AT(revoke.auth)},
};

static enum status take_revoke(struct profile_reader *reader, const char *path,
                               const struct json *value, UNUSED void *field)
{
    return reader_take_members(reader, path, value, revoke_habits, ARRAY_LEN(revoke_habits),
                               reader->profile);
}

static enum status take_poll_every(struct profile_reader *reader, const char *path,
                                   const struct json *value, void *field)
{
    int64_t seconds = json_i64(value, 0);
    if (seconds < 1 || seconds > 3600)
        return reader_fail(reader, path, value, "seconds, 1 to 3600");
    *(int64_t *)field = seconds;
    return STATUS_OK;
}

static enum status take_file(struct profile_reader *reader, const char *path,
                             const struct json *value, void *field)
{
    if (!str_starts_with(json_text(value), STR("/")))
        return reader_fail(reader, path, value, "the path of a file, from the root on");
    return reader_take_text(reader, path, value, field);
}

static const struct habit security_events_habits[] = {
    {"issuer", reader_take_text, AT(security_events.issuer)},
    {"poll_endpoint", reader_take_text, AT(security_events.poll_endpoint)},
    {"jwks_uri", reader_take_text, AT(security_events.jwks_uri)},
    {"audience", reader_take_text, AT(security_events.audience)},
    {"token_file", take_file, AT(security_events.token_file)},
    {"poll_every_s", take_poll_every, AT(security_events.poll_every_s)},
};

static enum status take_security_events(struct profile_reader *reader, const char *path,
                                        const struct json *value, UNUSED void *field)
{
    enum { POLL_EVERY_DEFAULT_S = 30 };
    struct profile *profile = reader->profile;
    profile->security_events.poll_every_s = POLL_EVERY_DEFAULT_S;
    enum status status = reader_take_members(reader, path, value, security_events_habits,
                                             ARRAY_LEN(security_events_habits), profile);
    if (status != STATUS_OK)
        return status;
    const struct {
        const char *member;
        struct str value;
    } needed[] = {
        {"issuer", profile->security_events.issuer},
        {"poll_endpoint", profile->security_events.poll_endpoint},
        {"jwks_uri", profile->security_events.jwks_uri},
        {"audience", profile->security_events.audience},
        {"token_file", profile->security_events.token_file},
    };
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        char member[READER_PATH_MAX];
        (void)snprintf(member, sizeof(member), "%s.%s", path, needed[i].member);
        if (!str_is_set(needed[i].value))
            return reader_fail(reader, member, NULL,
                               "a text, since all but poll_every_s is needed");
    }
    return STATUS_OK;
}

static const struct habit habits[] = {
    {"request", take_request, 0},
    {"refresh_token", take_refresh_token, 0},
    {"access_token", take_access_token, 0},
    {"response", profile_take_response, 0},
    {"errors", profile_take_errors, 0},
    {"identity", take_identity, 0},
    {"revoke", take_revoke, 0},
    {"security_events", take_security_events, 0},
    {"vars", profile_take_vars, 0},
};

enum status profile_take_habits(struct profile_reader *reader, const char *path,
                                const struct json *value, UNUSED void *field)
{
    return reader_take_members(reader, path, value, habits, ARRAY_LEN(habits), reader->profile);
}
