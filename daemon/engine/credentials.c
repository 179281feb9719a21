#include "engine/credentials.h"

#include "common/memory.h"
#include "engine/connector_write.h"
#include "engine/credentials_probe.h"
#include "engine/event_json.h"
#include "engine/job.h"
#include "engine/lane_pace.h"

#include <stdlib.h>

bool credentials_are_acquitted(const struct catalog_entry *entry, struct str connection,
                               struct now now)
{
    return now.ms < entry->acquitted_until_ms &&
           str_eq(connection, str_c(entry->suspect_connection));
}

/* ---- the connector's row ---- */

static size_t credential_index(const struct connector_write *change, int64_t version)
{
    for (size_t i = 0; i < change->credential_count; i++) {
        if (change->credentials[i].version == version)
            return i;
    }
    return change->credential_count;
}

/* The rotation that led to its being refused: it brought this credential, which has never worked.
 * One that dies when its time has come was not killed by the rotation a year ago. */
static int64_t rotation_behind_refusal(const struct connector_write *change)
{
    const struct catalog_entry *entry = change->entry;
    int64_t version = entry->rejected_version;
    size_t i = credential_index(change, version);
    bool has_worked =
        entry->proven_version >= version ||
        (i < change->credential_count && change->credentials[i].last_success_ms != TIME_NONE);
    return version == change->next.credential_version && !has_worked ? change->next.rotated_seq : 0;
}

static void row_block(struct connector_write *change, struct now now)
{
    struct catalog_entry *entry = change->entry;
    struct connector *next = &change->next;
    next->rejected_ms = now.ms;
    entry->preferred_version = 0;
    next->probe_interval_ms = CREDENTIALS_PROBE_MIN_MS;
    next->probe_due_ms = now.ms + CREDENTIALS_PROBE_MIN_MS;
    next->provider_error_status = entry->rejection_status;
    next->provider_error_code = arena_copy(&change->arena, str_c(entry->rejection_code));
    next->provider_error_message = arena_copy(&change->arena, str_c(entry->rejection_message));
    size_t i = credential_index(change, entry->rejected_version);
    if (i < change->credential_count) {
        change->credentials[i].rejected_ms = now.ms;
        change->credential_changed[i] = true;
    }
    event_append_credentials(change->write, EVENT_CREDENTIALS_REJECTED, next,
                             rotation_behind_refusal(change), now);
    log_write(change->engine->log, LOG_LEVEL_WARNING, "credentials.rejected",
              "the provider refuses the client credentials: rotate them",
              LOG_TEXT("connector", next->id), LOG_TEXT("code", next->provider_error_code));
}

static void row_probe_later(struct connector_write *change, struct now now)
{
    struct connector *next = &change->next;
    next->probe_interval_ms =
        MIN_OF(MAX_OF(next->probe_interval_ms, CREDENTIALS_PROBE_MIN_MS / 2) * 2,
               CREDENTIALS_PROBE_MAX_MS);
    next->probe_due_ms = now.ms + next->probe_interval_ms;
}

static void row_recover(struct connector_write *change, struct now now)
{
    struct connector *next = &change->next;
    int64_t cause = next->rotated_ms >= next->rejected_ms ? next->rotated_seq : 0;
    change->entry->blocked_since_ms = next->rejected_ms;
    next->rejected_ms = TIME_NONE;
    next->probe_due_ms = TIME_NONE;
    next->probe_interval_ms = 0;
    next->provider_error_status = 0;
    next->provider_error_code = STR_NONE;
    next->provider_error_message = STR_NONE;
    for (size_t i = 0; i < change->credential_count; i++) {
        if (change->credentials[i].rejected_ms != TIME_NONE &&
            change->credentials[i].state == CREDENTIAL_CURRENT) {
            change->credentials[i].rejected_ms = TIME_NONE;
            change->credential_changed[i] = true;
        }
    }
    event_append_credentials(change->write, EVENT_CREDENTIALS_RECOVERED, next, cause, now);
    log_write(change->engine->log, LOG_LEVEL_NOTICE, "credentials.recovered",
              "the client credentials work again", LOG_TEXT("connector", next->id));
}

static void on_row_written(struct connector_write *change, enum status status,
                           const struct error *err, struct now now)
{
    struct catalog_entry *entry = change->entry;
    enum row_wish wish = (enum row_wish)(intptr_t)change->user;
    if (status == STATUS_OK) {
        if (wish != ROW_WISH_NONE)
            entry->suspicion = SUSPICION_NONE;
        if (wish == ROW_WISH_RECOVER)
            lane_pace_begin(change->engine, entry, entry->blocked_since_ms, now);
        return;
    }
    /* Another change came first, or the store is in trouble: the wish is judged anew. */
    if (entry->row_wish == ROW_WISH_NONE)
        entry->row_wish = wish;
    entry->wish_retry_ms = now.ms + CREDENTIALS_RETRY_MS;
    if (status != STATUS_CONFLICT)
        log_write(change->engine->log, LOG_LEVEL_ERROR, "connector.save_failed", err->text,
                  LOG_TEXT("connector", entry->connector.id));
}

static bool is_past_overlap(const struct credential *credential, int64_t now_ms)
{
    return credential->state == CREDENTIAL_RETIRING && credential->retires_ms != TIME_NONE &&
           now_ms >= credential->retires_ms;
}

/* What is past its overlap is erased. */
static void retire_credentials(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    bool any = false;
    for (size_t i = 0; i < entry->credential_count; i++)
        any = any || is_past_overlap(&entry->credentials[i], now.ms);
    struct connector_write *change =
        any && !engine->draining ? connector_write_begin(engine, entry, now) : NULL;
    if (change == NULL)
        return;
    for (size_t i = 0; i < change->credential_count; i++) {
        struct credential *credential = &change->credentials[i];
        if (!is_past_overlap(credential, now.ms))
            continue;
        credential->state = CREDENTIAL_RETIRED;
        credential->sealed_secret = STR_NONE;
        change->credential_changed[i] = true;
    }
    connector_write_commit(change, on_row_written, (void *)(intptr_t)ROW_WISH_NONE);
}

static void carry_out_wish(struct engine *engine, struct catalog_entry *entry, struct now now)
{
    enum row_wish wish = entry->row_wish;
    bool is_rejected = entry->connector.rejected_ms != TIME_NONE;
    if (is_rejected == (wish == ROW_WISH_BLOCK)) { /* it is so already */
        entry->row_wish = ROW_WISH_NONE;
        entry->suspicion = SUSPICION_NONE;
        return;
    }
    struct connector_write *change = connector_write_begin(engine, entry, now);
    if (change == NULL)
        return;
    entry->row_wish = ROW_WISH_NONE;
    if (wish == ROW_WISH_BLOCK)
        row_block(change, now);
    else if (wish == ROW_WISH_PROBE_LATER)
        row_probe_later(change, now);
    else
        row_recover(change, now);
    connector_write_commit(change, on_row_written, (void *)(intptr_t)wish);
}

/* ---- what connections report ---- */

static void persist_success(struct engine *engine, struct catalog_entry *entry, int64_t version,
                            struct now now)
{
    if (now.ms - entry->persisted_success_ms < CREDENTIALS_PERSIST_MS ||
        entry->row_wish != ROW_WISH_NONE)
        return;
    struct connector_write *change = connector_write_begin(engine, entry, now);
    if (change == NULL)
        return;
    entry->persisted_success_ms = now.ms;
    size_t i = credential_index(change, version);
    if (i == change->credential_count) {
        connector_write_abandon(change);
        return;
    }
    change->credentials[i].last_success_ms = now.ms;
    change->credential_changed[i] = true;
    connector_write_commit(change, on_row_written, (void *)(intptr_t)ROW_WISH_NONE);
}

/* Remembered once for all its connections, so that a refused one costs one extra request. A success
 * under another one alone proves nothing: it may have been sent before the current one was there.
 */
static void prefer(struct catalog_entry *entry, const struct success *success)
{
    if (success->version == entry->connector.credential_version)
        entry->preferred_version = 0;
    else if (success->current_was_refused)
        entry->preferred_version = success->version;
}

void credentials_note_works(struct engine *engine, struct catalog_entry *entry,
                            const struct success *success, struct now now)
{
    enum client client = catalog_client_of(entry, success->version);
    if (success->refreshed)
        entry->facts[client].last_success_ms = now.ms;
    if (client == CLIENT_REPLACED) {
        persist_success(engine, entry, success->version, now);
        return;
    }
    prefer(entry, success);
    entry->proven_version = MAX_OF(entry->proven_version, success->version);
    if (entry->suspicion == SUSPICION_UNCONFIRMED) {
        entry->suspicion = SUSPICION_NONE;
        entry->acquitted_until_ms = now.ms + CREDENTIALS_ACQUITTED_MS;
    }
    if (entry->connector.rejected_ms != TIME_NONE)
        entry->row_wish = ROW_WISH_RECOVER;
    else
        persist_success(engine, entry, success->version, now);
}

void credentials_note_rotated(struct catalog_entry *entry, bool replaces_client)
{
    if (replaces_client)
        entry->facts[CLIENT_REPLACED] = entry->facts[CLIENT_CURRENT];
    entry->facts[CLIENT_CURRENT] = (struct client_facts){0};
    entry->preferred_version = 0;
    entry->acquitted_until_ms = TIME_NONE;
    entry->suspicion = SUSPICION_NONE;
    entry->persisted_success_ms = TIME_NONE;
    entry->asked_count = 0;
    /* Nobody was refused under the new client yet; its grants are all to come. */
    bool was_blocked = entry->connector.rejected_ms != TIME_NONE;
    entry->row_wish = replaces_client && was_blocked ? ROW_WISH_RECOVER : ROW_WISH_NONE;
}

void credentials_note_rejected(struct catalog_entry *entry, struct str connection,
                               const struct rejection *rejection, struct now now)
{
    if (catalog_is_of_old_client(entry, rejection->version))
        return;
    /* It was sent before a rotation, or has been overtaken: nobody uses that credential now. */
    if (rejection->version != catalog_working_version(entry) &&
        rejection->version != entry->connector.credential_version)
        return;
    if (entry->connector.rejected_ms != TIME_NONE) {
        if (entry->probing) /* a refresh by hand puts no probe off */
            entry->row_wish = ROW_WISH_PROBE_LATER;
        return;
    }
    str_copy_cut(rejection->code, entry->rejection_code, sizeof(entry->rejection_code));
    str_copy_cut(rejection->message, entry->rejection_message, sizeof(entry->rejection_message));
    entry->rejection_status = rejection->status;
    entry->rejected_version = rejection->version;
    if (entry->suspicion == SUSPICION_NONE) {
        entry->suspicion = SUSPICION_UNCONFIRMED;
        entry->probe_retry_ms = now.ms;
        entry->asked_count = 0;
        str_copy_cut(connection, entry->suspect_connection, sizeof(entry->suspect_connection));
    } else if (!str_eq(connection, str_c(entry->suspect_connection))) {
        entry->row_wish = ROW_WISH_BLOCK;
    }
}

/* ---- who has company ---- */

static void on_live_counts(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = read->user;
    struct catalog_entry *entry = catalog_find(engine, read->connector);
    engine->background--;
    if (entry != NULL)
        entry->counting = false;
    if (entry == NULL || read->status != STATUS_OK) {
        store_read_free(read);
        return;
    }
    for (size_t i = 0; i < CLIENT_COUNT; i++) {
        entry->facts[i].live = 0;
        entry->facts[i].counted_ms = now.ms;
    }
    for (size_t i = 0; i < read->count_count; i++) {
        const struct count_row *row = &read->counts[i];
        const struct connection alike = {.credential_version = row->credential_version};
        int64_t version = connection_client_version(&alike);
        if (row->phase == PHASE_CONNECTED && row->dead_reason == REASON_NONE)
            entry->facts[catalog_client_of(entry, version)].live += row->count;
    }
    store_read_free(read);
}

static void count_live(struct engine *engine, struct catalog_entry *entry)
{
    struct store_read *read = store_read_new(STORE_READ_COUNTS);
    read->connector = arena_copy(&read->arena, entry->connector.id);
    read->user = engine;
    read->completion.resume = on_live_counts;
    entry->counting = true;
    engine->background++;
    engine->store.read(engine->store.ctx, read);
}

void credentials_note_doubtful(struct engine *engine, struct catalog_entry *entry,
                               struct str connection, int64_t credential_version, struct now now)
{
    struct client_facts *facts = &entry->facts[catalog_client_of(entry, credential_version)];
    struct refused_once *newest = &facts->refused[0];
    if (!str_eq(connection, str_c(newest->connection)))
        facts->refused[1] = *newest;
    str_copy_cut(connection, newest->connection, sizeof(newest->connection));
    newest->at_ms = now.ms;
    bool is_known =
        facts->counted_ms != TIME_NONE && now.ms - facts->counted_ms < CREDENTIALS_COUNT_MS;
    if (!is_known && !entry->counting && !engine->draining)
        count_live(engine, entry);
}

void credentials_turn(struct engine *engine, struct now now)
{
    for (size_t i = 0; i < engine->entry_count; i++) {
        struct catalog_entry *entry = engine->entries[i];
        if (entry->row_wish != ROW_WISH_NONE && now.ms >= entry->wish_retry_ms)
            carry_out_wish(engine, entry, now);
        else if (entry->row_wish == ROW_WISH_NONE && now.ms >= entry->wish_retry_ms)
            retire_credentials(engine, entry, now);
        if (!engine->draining)
            credentials_probe_turn(engine, entry, now);
    }
}

/* When its row is to be written; while a write of it is under way its end brings a turn. */
static int64_t row_next_ms(const struct catalog_entry *entry)
{
    int64_t next_ms = INT64_MAX;
    if (entry->row_busy)
        return next_ms;
    if (entry->row_wish != ROW_WISH_NONE)
        return entry->wish_retry_ms;
    for (size_t i = 0; i < entry->credential_count; i++) {
        const struct credential *credential = &entry->credentials[i];
        if (credential->state == CREDENTIAL_RETIRING && credential->retires_ms != TIME_NONE)
            next_ms = MIN_OF(next_ms, MAX_OF(credential->retires_ms, entry->wish_retry_ms));
    }
    return next_ms;
}

int64_t credentials_next_ms(const struct engine *engine)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < engine->entry_count && !engine->draining; i++) {
        const struct catalog_entry *entry = engine->entries[i];
        next_ms = MIN_OF(next_ms, row_next_ms(entry));
        next_ms = MIN_OF(next_ms, credentials_probe_next_ms(entry));
    }
    return next_ms;
}
