#include "engine/catalog.h"

#include "common/assert.h"
#include "common/memory.h"
#include "engine/endpoint.h"
#include "port/record.h"

#include <stdlib.h>
#include <string.h>

/* Index of the entry, or where it would stand. */
static size_t place_of(const struct engine *engine, struct str id, bool *ret_found)
{
    size_t low = 0, high = engine->entry_count;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(engine->entries[middle]->connector.id, id);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct catalog_entry *catalog_find(const struct engine *engine, struct str id)
{
    bool found;
    size_t place = place_of(engine, id, &found);
    return found ? engine->entries[place] : NULL;
}

static struct catalog_entry *insert_new(struct engine *engine, struct str id)
{
    bool found;
    size_t place = place_of(engine, id, &found);
    ASSERT(!found);
    if (engine->entry_count == engine->entry_capacity) {
        engine->entry_capacity = engine->entry_capacity == 0 ? 16 : engine->entry_capacity * 2;
        engine->entries =
            memory_grow(engine->entries, engine->entry_capacity * sizeof(struct catalog_entry *));
    }
    memmove(engine->entries + place + 1, engine->entries + place,
            (engine->entry_count - place) * sizeof(struct catalog_entry *));
    engine->entries[place] = memory_new(sizeof(struct catalog_entry));
    engine->entry_count++;
    return engine->entries[place];
}

static void parse_documents(struct engine *engine, struct catalog_entry *entry)
{
    profile_free(entry->own_profile);
    entry->own_profile = NULL;
    json_free(entry->config);
    entry->config = NULL;

    CLEANUP(json_freep) struct json *document = NULL;
    struct error err = {0};
    if (!str_is_empty(entry->connector.profile_json) &&
        (json_parse(entry->connector.profile_json, JSON_LIMITS_DEFAULT, &document, &err) !=
             STATUS_OK ||
         profile_parse(document, STR("the connector's profile"),
                       engine->settings.allow_plain_loopback, &entry->own_profile,
                       &err) != STATUS_OK))
        log_write(engine->log, LOG_LEVEL_ERROR, "connector.profile_invalid", err.text,
                  LOG_TEXT("connector", entry->connector.id));
    if (!str_is_empty(entry->connector.config_json) &&
        json_parse(entry->connector.config_json, JSON_LIMITS_DEFAULT, &entry->config, &err) !=
            STATUS_OK)
        log_write(engine->log, LOG_LEVEL_ERROR, "connector.config_invalid", err.text,
                  LOG_TEXT("connector", entry->connector.id));
}

struct catalog_entry *catalog_put(struct engine *engine, const struct connector *connector,
                                  const struct credential *credentials, size_t credential_count)
{
    struct catalog_entry *entry = catalog_find(engine, connector->id);
    bool is_new = entry == NULL;
    if (is_new)
        entry = insert_new(engine, connector->id);
    if (credentials == NULL) {
        credentials = entry->credentials;
        credential_count = entry->credential_count;
    }

    struct arena old = entry->arena;
    struct arena arena = {0};
    bool documents_change = is_new ||
                            !str_eq(connector->profile_json, entry->connector.profile_json) ||
                            !str_eq(connector->config_json, entry->connector.config_json);
    bool is_other_provider = !is_new && !str_eq(connector->provider, entry->connector.provider);
    struct connector copy;
    record_copy_connector(&arena, connector, &copy);
    struct credential *copies = arena_alloc(&arena, credential_count * sizeof(*copies) + 1);
    for (size_t i = 0; i < credential_count; i++)
        record_copy_credential(&arena, &credentials[i], &copies[i]);
    entry->connector = copy;
    entry->credentials = copies;
    entry->credential_count = credential_count;
    entry->arena = arena;
    arena_deinit(&old);
    if (documents_change || is_other_provider)
        endpoint_leave(engine, entry);
    entry->set_profile = profile_set_find(engine->profiles, entry->connector.provider);
    if (documents_change)
        parse_documents(engine, entry);
    return entry;
}

struct catalog_entry *catalog_take(struct engine *engine, const struct connector *connector,
                                   struct store_read *read)
{
    size_t count = 0;
    struct credential *credentials =
        arena_alloc(&read->arena, read->credential_count * sizeof(*credentials) + 1);
    for (size_t i = 0; i < read->credential_count; i++) {
        if (!str_eq(read->credentials[i].connector, connector->id))
            continue;
        /* Newest first, whatever order the store gives them in. */
        size_t place = count++;
        while (place > 0 && credentials[place - 1].version < read->credentials[i].version) {
            credentials[place] = credentials[place - 1];
            place--;
        }
        credentials[place] = read->credentials[i];
    }
    struct catalog_entry *entry = catalog_put(engine, connector, credentials, count);
    for (size_t i = 0; i < count; i++) {
        enum client client = catalog_client_of(entry, credentials[i].version);
        struct client_facts *facts = &entry->facts[client];
        if (credentials[i].last_success_ms != TIME_NONE)
            entry->proven_version = MAX_OF(entry->proven_version, credentials[i].version);
        if (client == CLIENT_REPLACED || credentials[i].version == connector->credential_version)
            facts->last_success_ms = MAX_OF(facts->last_success_ms, credentials[i].last_success_ms);
    }
    return entry;
}

void catalog_find_profiles(struct engine *engine)
{
    for (size_t i = 0; i < engine->entry_count; i++) {
        struct catalog_entry *entry = engine->entries[i];
        entry->set_profile = profile_set_find(engine->profiles, entry->connector.provider);
    }
}

void catalog_renumber(struct engine *engine, int64_t first, int64_t new_first)
{
    for (size_t i = 0; i < engine->entry_count; i++) {
        struct connector *connector = &engine->entries[i]->connector;
        bool rotated = connector->rotated_seq >= first;
        bool rescoped = connector->rescoped_seq >= first;
        if (rotated)
            connector->rotated_seq += new_first - first;
        if (rescoped)
            connector->rescoped_seq += new_first - first;
        connector->version += rotated || rescoped;
    }
}

static void entry_free(struct catalog_entry *entry)
{
    ASSERT(entry->refs == 0 && entry->endpoint == NULL);
    free(entry->answers);
    heap_deinit(&entry->lane.ready);
    secret_free(entry->lane.client_secret);
    profile_free(entry->own_profile);
    json_free(entry->config);
    arena_deinit(&entry->arena);
    free(entry);
}

void catalog_remove(struct engine *engine, struct catalog_entry *entry)
{
    bool found;
    size_t place = place_of(engine, entry->connector.id, &found);
    ASSERT(found);
    engine->entry_count--;
    memmove(engine->entries + place, engine->entries + place + 1,
            (engine->entry_count - place) * sizeof(struct catalog_entry *));
    entry->gone = true;
    endpoint_leave(engine, entry);
    if (entry->refs == 0)
        entry_free(entry);
}

void catalog_clear(struct engine *engine)
{
    while (engine->entry_count > 0)
        catalog_remove(engine, engine->entries[engine->entry_count - 1]);
    free(engine->entries);
    engine->entries = NULL;
    engine->entry_capacity = 0;
}

void catalog_ref(struct catalog_entry *entry)
{
    entry->refs++;
}

void catalog_unref(struct catalog_entry *entry)
{
    ASSERT(entry->refs > 0);
    if (--entry->refs == 0 && entry->gone)
        entry_free(entry);
}

const struct profile *catalog_profile(const struct engine *engine,
                                      const struct catalog_entry *entry)
{
    if (!str_is_empty(entry->connector.profile_json))
        return entry->own_profile;
    if (entry->gone) /* it is not told of a reload any more */
        return profile_set_find(engine->profiles, entry->connector.provider);
    return entry->set_profile;
}

struct schedule_rules catalog_rules(const struct engine *engine, const struct catalog_entry *entry)
{
    struct schedule_rules rules = engine->settings.rules;
    const struct connector *connector = &entry->connector;
    const struct profile *profile = catalog_profile(engine, entry);
    if (connector->policy != REFRESH_ON_DEMAND)
        rules.idle_after_ms = 0;
    else if (connector->idle_after_ms > 0)
        rules.idle_after_ms = connector->idle_after_ms;
    if (connector->probe_every_ms != CONNECTOR_PROBE_AS_CONFIGURED)
        rules.probe_every_ms = connector->probe_every_ms;
    if (profile == NULL || !profile_can_probe(profile))
        rules.probe_every_ms = 0;
    if (profile == NULL)
        return rules;
    rules.idle_lifetime_ms = profile_refresh_idle_lifetime_ms(profile);
    rules.not_before_ms = profile_access_not_before_ms(profile);
    rules.resets_on_use = profile_refresh_resets_on_use(profile);
    return rules;
}

const struct credential *catalog_credential(const struct catalog_entry *entry, int64_t version)
{
    for (size_t i = 0; i < entry->credential_count; i++) {
        if (entry->credentials[i].version == version)
            return &entry->credentials[i];
    }
    return NULL;
}

int64_t catalog_working_version(const struct catalog_entry *entry)
{
    return entry->preferred_version != 0 ? entry->preferred_version
                                         : entry->connector.credential_version;
}

static bool is_usable(const struct credential *credential, int64_t now_ms)
{
    if (credential->state == CREDENTIAL_CURRENT)
        return true;
    return credential->state == CREDENTIAL_RETIRING &&
           (credential->retires_ms == TIME_NONE || now_ms < credential->retires_ms);
}

static bool is_among(int64_t version, const int64_t *versions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (versions[i] == version)
            return true;
    }
    return false;
}

static const struct credential *newest_of_client(const struct catalog_entry *entry,
                                                 struct str client_id, const int64_t *but,
                                                 size_t but_count, int64_t now_ms)
{
    for (size_t i = 0; i < entry->credential_count; i++) {
        const struct credential *credential = &entry->credentials[i];
        if (is_usable(credential, now_ms) && str_eq(credential->client_id, client_id) &&
            !is_among(credential->version, but, but_count))
            return credential;
    }
    return NULL;
}

const struct credential *catalog_credential_for(const struct catalog_entry *entry, int64_t version,
                                                int64_t now_ms)
{
    const struct credential *working = catalog_credential(entry, catalog_working_version(entry));
    if (working == NULL || !is_usable(working, now_ms))
        working = catalog_credential(entry, entry->connector.credential_version);
    const struct credential *own = catalog_credential(entry, version);
    if (working == NULL || own == NULL || str_eq(own->client_id, working->client_id))
        return working;
    const struct credential *of_client = newest_of_client(entry, own->client_id, NULL, 0, now_ms);
    return of_client != NULL ? of_client : working;
}

bool catalog_is_unproven(const struct catalog_entry *entry, int64_t now_ms)
{
    int64_t current = entry->connector.credential_version;
    return entry->preferred_version == 0 && entry->proven_version < current &&
           catalog_fallback_credential(entry, &current, 1, now_ms) != NULL;
}

bool catalog_client_is_gone(const struct catalog_entry *entry, int64_t version, int64_t now_ms)
{
    const struct credential *own = catalog_credential(entry, version);
    return own != NULL && catalog_is_of_old_client(entry, version) &&
           newest_of_client(entry, own->client_id, NULL, 0, now_ms) == NULL;
}

bool catalog_is_of_old_client(const struct catalog_entry *entry, int64_t version)
{
    const struct credential *current =
        catalog_credential(entry, entry->connector.credential_version);
    const struct credential *used = catalog_credential(entry, version);
    return current != NULL && used != NULL && !str_eq(current->client_id, used->client_id);
}

enum client catalog_client_of(const struct catalog_entry *entry, int64_t version)
{
    return catalog_is_of_old_client(entry, version) ? CLIENT_REPLACED : CLIENT_CURRENT;
}

const struct credential *catalog_fallback_credential(const struct catalog_entry *entry,
                                                     const int64_t *tried, size_t tried_count,
                                                     int64_t now_ms)
{
    ASSERT(tried_count > 0);
    const struct credential *refused = catalog_credential(entry, tried[0]);
    if (refused == NULL)
        return NULL;
    return newest_of_client(entry, refused->client_id, tried, tried_count, now_ms);
}

static void secret_aad(struct str connector, int64_t version, struct buf *aad)
{
    char digits[BUF_I64_ROOM];
    CLEANUP(buf_deinit) struct buf number = {0};
    buf_lend(&number, digits, sizeof(digits));
    buf_append_i64(&number, version);
    const struct str parts[] = {STR("credential"), connector, buf_str(&number)};
    vault_aad(aad, parts, ARRAY_LEN(parts));
}

enum status catalog_open_secret(const struct engine *engine, const struct credential *credential,
                                struct secret **out, struct error *err)
{
    if (str_is_empty(credential->sealed_secret))
        return STATUS_OK;
    char room[VAULT_AAD_USUAL];
    CLEANUP(buf_deinit) struct buf aad = {0};
    buf_lend(&aad, room, sizeof(room));
    secret_aad(credential->connector, credential->version, &aad);
    return vault_open(engine->vault, buf_str(&aad), credential->sealed_secret, out, err);
}

enum status catalog_compare_secret(const struct engine *engine, const struct credential *credential,
                                   struct str secret, bool *ret_same, struct error *err)
{
    CLEANUP(secret_freep) struct secret *stored = NULL;
    enum status status = catalog_open_secret(engine, credential, &stored, err);
    if (status == STATUS_OK)
        *ret_same = secret_eq(stored != NULL ? secret_str(stored) : STR(""), secret);
    return status;
}

void catalog_seal_secret(const struct engine *engine, struct str connector, int64_t version,
                         struct str secret, struct buf *sealed)
{
    CLEANUP(buf_deinit) struct buf aad = {0};
    secret_aad(connector, version, &aad);
    vault_seal(engine->vault, buf_str(&aad), secret, sealed);
}
