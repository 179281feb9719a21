#include "engine/job_prepare.h"

#include "common/assert.h"
#include "engine/job_answer.h"
#include "engine/sealed_token.h"
#include "oauth/grant_config.h"
#include "oauth/token_request.h"

enum { SETUP_RETRY_MS = 60 * 1000 };

static void forget_client_secret(struct lane *lane)
{
    secret_free(lane->client_secret);
    lane->client_secret = NULL;
}

void job_forget_presented(struct job *job)
{
    secret_free(job->refresh_token);
    bool had_secret = job->client_secret != NULL;
    secret_free(job->client_secret);
    job->refresh_token = job->client_secret = NULL;
    if (had_secret && !secret_is_shared(job->task->entry->lane.client_secret))
        forget_client_secret(&job->task->entry->lane);
}

static void setup_failed(struct job *job, const char *event, const struct error *err,
                         struct now now)
{
    const struct connection *connection = &job->record->connections[0];
    log_write(job->engine->log, LOG_LEVEL_ERROR, event, err->text,
              LOG_TEXT("connection", connection->id), LOG_TEXT("connector", connection->connector));
    job->why = "the request could not be built: see the log";
    job_give_up(job, JOB_SETUP, now.ms + SETUP_RETRY_MS, now);
}

static enum status build_message(struct job *job, const struct credential *credential,
                                 struct now now, struct error *err)
{
    struct engine *engine = job->engine;
    const struct connection *connection = &job->record->connections[0];
    const struct oauth_client client = {
        .client_id = credential->client_id,
        .method = credential->method,
        .secret = job->client_secret != NULL ? secret_str(job->client_secret) : STR_NONE,
        .certificate = credential->certificate,
        .key_id = credential->key_id,
    };
    const struct profile *profile = catalog_profile(engine, job->task->entry);
    CLEANUP(json_freep) struct json *own_config = NULL;
    CLEANUP(secret_freep) struct secret *access_token = NULL;
    if (profile_uses_access_token(profile) && !str_is_empty(connection->sealed_access) &&
        sealed_token_open(engine, connection->id, "access_token", connection->generation,
                          connection->sealed_access, &access_token, err) != STATUS_OK)
        return STATUS_INVALID;
    struct oauth_refresh refresh = {
        .profile = profile,
        .client = &client,
        .config =
            grant_config_merge(job->task->entry->config, connection->config_json, &own_config),
        .refresh_token = secret_str(job->refresh_token),
        .access_token = access_token != NULL ? secret_str(access_token) : STR_NONE,
        .scopes = connection->scopes_granted,
        .now_wall_ms = now.wall_ms,
    };
    engine->entropy.fill(engine->entropy.ctx, refresh.random, sizeof(refresh.random));
    return oauth_build_refresh(&refresh, &job->request->message, err);
}

/* One for all jobs of a lane: opened once, and once in memory, for as long as any presents it. */
static enum status share_client_secret(struct job *job, const struct credential *credential,
                                       struct secret **ret_secret, struct error *err)
{
    struct lane *lane = &job->task->entry->lane;
    if (lane->client_secret_version != credential->version)
        forget_client_secret(lane);
    if (lane->client_secret == NULL &&
        catalog_open_secret(job->engine, credential, &lane->client_secret, err) != STATUS_OK)
        return STATUS_INVALID;
    lane->client_secret_version = credential->version;
    *ret_secret = secret_share(lane->client_secret);
    return STATUS_OK;
}

static enum status choose_credential(struct job *job, int64_t now_ms,
                                     const struct credential **ret_credential,
                                     struct secret **ret_secret, struct error *err)
{
    const struct catalog_entry *entry = job->task->entry;
    const struct credential *credential = job->candidate;
    if (credential == NULL)
        credential =
            job->credential_version != 0
                ? catalog_credential(entry, job->credential_version)
                : catalog_credential_for(
                      entry, connection_client_version(&job->record->connections[0]), now_ms);
    if (credential == NULL)
        return error_set(err, STATUS_INVALID, "connector " STR_FMT " has no credential",
                         STR_ARG(entry->connector.id));
    *ret_credential = credential;
    if (job->candidate != NULL) {
        *ret_secret = secret_copy(job->candidate_secret);
        return STATUS_OK;
    }
    return share_client_secret(job, credential, ret_secret, err);
}

/* Some providers refuse a refresh until the access token is nearly over. When that will be; or
 * TIME_NONE: it may be sent now. */
static int64_t too_early_until(const struct job *job, const struct profile *profile, struct now now)
{
    const struct connection *connection = &job->record->connections[0];
    int64_t not_before_ms = profile_access_not_before_ms(profile);
    if (not_before_ms == 0 || connection->expires_ms == TIME_NONE || job->task->insisted ||
        connection->expires_ms - not_before_ms <= now.ms)
        return TIME_NONE;
    return connection->expires_ms - not_before_ms;
}

bool job_prepare(struct job *job, struct now now)
{
    struct engine *engine = job->engine;
    const struct connection *connection = &job->record->connections[0];
    struct error err = {0};
    const struct profile *profile = catalog_profile(engine, job->task->entry);
    if (profile == NULL) {
        error_set(&err, STATUS_INVALID, "no profile for provider \"" STR_FMT "\" is loaded",
                  STR_ARG(job->task->entry->connector.provider));
        setup_failed(job, "refresh.no_profile", &err, now);
        return false;
    }
    int64_t early_until_ms = too_early_until(job, profile, now);
    if (early_until_ms != TIME_NONE) {
        job->why = "this provider gives no new token before the old one is nearly over";
        job_give_up(job, JOB_NOT_NEEDED, early_until_ms, now);
        return false;
    }
    const struct credential *credential = NULL;
    job_forget_presented(job);
    if (choose_credential(job, now.ms, &credential, &job->client_secret, &err) != STATUS_OK) {
        setup_failed(job, "refresh.credential_unusable", &err, now);
        return false;
    }
    if (sealed_token_open(engine, connection->id, "refresh_token", connection->generation,
                          connection->sealed_refresh, &job->refresh_token, &err) != STATUS_OK) {
        setup_failed(job, "refresh.token_unusable", &err, now);
        return false;
    }
    ASSERT(credential != NULL);
    job->credential_version = credential->version;
    job->deadline_ms = job_deadline_ms(profile, connection);
    http_request_free(job->request);
    job->request = http_request_new();
    if (build_message(job, credential, now, &err) != STATUS_OK) {
        setup_failed(job, "refresh.request_invalid", &err, now);
        return false;
    }
    return true;
}
