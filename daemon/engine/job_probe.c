#include "engine/job_probe.h"

#include "engine/errand.h"
#include "engine/sealed_token.h"
#include "oauth/grant_config.h"
#include "oauth/grant_probe.h"
#include "oauth/identity.h"

/* ---- the question ---- */

static enum status build_introspection(struct job *job, const struct profile *profile,
                                       const struct json *config, struct oauth_message *message,
                                       struct now now, struct error *err)
{
    struct engine *engine = job->engine;
    const struct connection *connection = &job->record->connections[0];
    const struct credential *credential =
        catalog_credential_for(job->task->entry, connection_client_version(connection), now.ms);
    if (credential == NULL)
        return error_set(err, STATUS_INVALID, "the connector has no credential");
    CLEANUP(secret_freep) struct secret *secret = NULL;
    CLEANUP(secret_freep) struct secret *token = NULL;
    enum status status = catalog_open_secret(engine, credential, &secret, err);
    if (status == STATUS_OK)
        status = sealed_token_open(engine, connection->id, "refresh_token", connection->generation,
                                   connection->sealed_refresh, &token, err);
    if (status != STATUS_OK)
        return status;
    const struct oauth_client client = {
        .client_id = credential->client_id,
        .method = credential->method,
        .secret = secret != NULL ? secret_str(secret) : STR_NONE,
        .certificate = credential->certificate,
        .key_id = credential->key_id,
    };
    struct oauth_introspection about = {
        .profile = profile,
        .client = &client,
        .config = config,
        .token = secret_str(token),
        .is_access_token = profile_presents_access_token(profile),
        .now_wall_ms = now.wall_ms,
    };
    engine->entropy.fill(engine->entropy.ctx, about.random, sizeof(about.random));
    return oauth_build_introspection(&about, message, err);
}

static enum status build_userinfo(struct job *job, const struct profile *profile,
                                  const struct json *config, struct oauth_message *message,
                                  struct error *err)
{
    const struct connection *connection = &job->record->connections[0];
    CLEANUP(secret_freep) struct secret *token = NULL;
    enum status status =
        sealed_token_open(job->engine, connection->id, "access_token", connection->generation,
                          connection->sealed_access, &token, err);
    return status == STATUS_OK
               ? oauth_build_userinfo(profile, config, secret_str(token), message, err)
               : status;
}

/* ---- the answer ---- */

/* What came of it is saved like all else; then whoever joined meanwhile has a turn. */
static void save_verdict(struct job *job, bool is_suspicious, struct now now)
{
    const struct connection *connection = &job->record->connections[0];
    const struct schedule_rules rules = catalog_rules(job->engine, job->task->entry);
    lifecycle_probed(connection, is_suspicious, &rules, now, &job->decision);
    job->then = is_suspicious ? JOB_THEN_START_OVER : JOB_THEN_FINISH;
    job->end = JOB_NOT_NEEDED;
    job->only_looks = true;
    job_save(job, now);
}

static enum grant_probe read_answer(const struct job *job, const struct errand_answer *answer)
{
    const struct profile *profile = catalog_profile(job->engine, job->task->entry);
    if (answer->end != TRANSPORT_ANSWERED || profile == NULL)
        return GRANT_PROBE_NOTHING;
    return profile_has_introspection(profile) ? oauth_read_introspection(profile, &answer->http)
                                              : oauth_read_userinfo_probe(&answer->http);
}

static void on_answer(void *user, const struct errand_answer *answer, struct now now)
{
    struct job *job = user;
    const struct connection *connection = &job->record->connections[0];
    if (job->task->entry->gone) {
        job_finish(job, JOB_NOT_NEEDED, NULL, now);
        return;
    }
    enum grant_probe verdict = read_answer(job, answer);
    bool is_suspicious = verdict == GRANT_PROBE_SUSPICIOUS;
    static const char *const words[] = {[GRANT_PROBE_NOTHING] = "unclear",
                                        [GRANT_PROBE_ALIVE] = "alive",
                                        [GRANT_PROBE_SUSPICIOUS] = "suspicious"};
    job->engine->metrics->probes++;
    job->engine->metrics->suspicions += is_suspicious ? 1 : 0;
    log_write(job->engine->log, is_suspicious ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "probe.answered",
              is_suspicious ? "the grant may be over: a refresh will tell" : "a grant was checked",
              LOG_TEXT("connection", connection->id), LOG_TEXT("connector", connection->connector),
              LOG_TEXT("verdict", str_c(words[verdict])), LOG_I64("status", answer->http.status),
              LOG_I64("took_ms", answer->took_ms));
    save_verdict(job, is_suspicious, now);
}

void job_probe(struct job *job, struct now now)
{
    struct engine *engine = job->engine;
    const struct connection *connection = &job->record->connections[0];
    const struct profile *profile = catalog_profile(engine, job->task->entry);
    bool has_token = connection_serves_token(connection, now.ms);
    if (profile == NULL || (!profile_has_introspection(profile) && !has_token)) {
        save_verdict(job, false, now); /* userinfo takes an access token, and it is over */
        return;
    }
    CLEANUP(json_freep) struct json *own_config = NULL;
    const struct json *config =
        grant_config_merge(job->task->entry->config, connection->config_json, &own_config);
    CLEANUP(oauth_message_deinit) struct oauth_message message = {0};
    struct error err = {0};
    enum status status = profile_has_introspection(profile)
                             ? build_introspection(job, profile, config, &message, now, &err)
                             : build_userinfo(job, profile, config, &message, &err);
    const struct errand_order order = {.message = &message,
                                       .deadline_ms = JOB_PROBE_DEADLINE_MS,
                                       .entry = job->task->entry,
                                       .done = on_answer,
                                       .user = job};
    if (status == STATUS_OK)
        status = errand_send(engine, &order, now, &err);
    if (status == STATUS_OK)
        return;
    log_write(engine->log, status == STATUS_UNAVAILABLE ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR,
              "probe.not_sent", err.text, LOG_TEXT("connection", connection->id),
              LOG_TEXT("connector", connection->connector));
    job_give_up(job, JOB_NOT_NEEDED, now.ms + JOB_PROBE_RETRY_MS, now);
}
