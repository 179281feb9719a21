#include "io/store_sqlite_tally.h"

#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

struct change {
    struct tally tally; /* connector: borrowed from the text below */
    int64_t count;
    char connector[SQLITE_TALLY_CONNECTOR_MAX];
};

struct sqlite_tallies {
    uint64_t changes;
    bool at_once;
    size_t count;
    struct change kept[SQLITE_TALLY_MAX];
};

struct sqlite_tallies *sqlite_tallies_new(void)
{
    return memory_new(sizeof(struct sqlite_tallies));
}

void sqlite_tallies_free(struct sqlite_tallies *tallies)
{
    free(tallies);
}

struct tally sqlite_tally_of(const struct connection *connection)
{
    return (struct tally){
        .connector = connection->connector,
        .phase = connection->phase,
        .dead_reason = connection->dead_reason,
        .advisory_reason = connection->advisory_reason,
        .retrying =
            connection->failures > 0 || connection->uncertain_tries > 0 || connection->doubts > 0,
        .credential_version = connection->credential_version,
    };
}

/** The same kind, of whatever connector. */
static bool is_same_kind(const struct tally *a, const struct tally *b)
{
    return a->phase == b->phase && a->dead_reason == b->dead_reason &&
           a->advisory_reason == b->advisory_reason && a->retrying == b->retrying &&
           a->credential_version == b->credential_version;
}

/* ---- the table ---- */

static enum status run(struct sqlite_db *db, enum sqlite_sql sql, const struct tally *tally,
                       int64_t count, struct error *err)
{
    sqlite3_stmt *statement = sqlite_db_statement(db, sql);
    if (statement != NULL) {
        sqlite_bind_str(statement, 1, tally->connector);
        sqlite3_bind_int64(statement, 2, tally->phase);
        sqlite3_bind_int64(statement, 3, tally->dead_reason);
        sqlite3_bind_int64(statement, 4, tally->advisory_reason);
        sqlite3_bind_int64(statement, 5, tally->retrying);
        sqlite3_bind_int64(statement, 6, tally->credential_version);
        sqlite3_bind_int64(statement, 7, count);
    }
    return sqlite_db_run(db, statement, err);
}

/** Rows that count nobody any more are cleared away when another kind of the connector begins. */
static enum status store(struct sqlite_db *db, const struct tally *tally, int64_t count,
                         struct error *err)
{
    enum status status = run(db, SQL_TALLY_ADD, tally, count, err);
    if (status != STATUS_OK || sqlite3_changes64(db->handle) > 0)
        return status;
    sqlite3_stmt *clean = sqlite_db_statement(db, SQL_TALLY_CLEAN);
    if (clean != NULL)
        sqlite_bind_str(clean, 1, tally->connector);
    status = sqlite_db_run(db, clean, err);
    return status == STATUS_OK ? run(db, SQL_TALLY_INSERT, tally, count, err) : status;
}

/* ---- what is kept ---- */

enum status sqlite_tally_keep(struct sqlite_db *db, struct error *err)
{
    struct sqlite_tallies *tallies = db->tallies;
    enum status status = STATUS_OK;
    tallies->changes += tallies->count;
    for (size_t i = 0; i < tallies->count && status == STATUS_OK; i++) {
        const struct change *change = &tallies->kept[i];
        if (change->count != 0)
            status = store(db, &change->tally, change->count, err);
    }
    tallies->count = 0;
    return status;
}

void sqlite_tally_begin(struct sqlite_db *db, bool at_once)
{
    db->tallies->count = 0;
    db->tallies->at_once = at_once;
}

uint64_t sqlite_tally_changes(const struct sqlite_db *db)
{
    return db->tallies->changes;
}

static struct change *find(struct sqlite_tallies *tallies, const struct tally *tally)
{
    for (size_t i = 0; i < tallies->count; i++) {
        struct change *change = &tallies->kept[i];
        if (is_same_kind(&change->tally, tally) &&
            str_eq(change->tally.connector, tally->connector))
            return change;
    }
    return NULL;
}

enum status sqlite_tally_add(struct sqlite_db *db, const struct tally *tally, int64_t count,
                             struct error *err)
{
    struct sqlite_tallies *tallies = db->tallies;
    tallies->changes++;
    if (tallies->at_once || tally->connector.len > SQLITE_TALLY_CONNECTOR_MAX)
        return store(db, tally, count, err);
    struct change *change = find(tallies, tally);
    if (change != NULL) {
        change->count += count;
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    if (tallies->count == SQLITE_TALLY_MAX)
        status = sqlite_tally_keep(db, err);
    change = &tallies->kept[tallies->count++];
    change->tally = *tally;
    if (tally->connector.len > 0)
        memcpy(change->connector, tally->connector.data, tally->connector.len);
    change->tally.connector.data = change->connector;
    change->count = count;
    return status;
}

enum status sqlite_tally_move(struct sqlite_db *db, const struct tally *from,
                              const struct tally *to, struct error *err)
{
    if (is_same_kind(from, to))
        return STATUS_OK;
    enum status status = sqlite_tally_add(db, from, -1, err);
    return status == STATUS_OK ? sqlite_tally_add(db, to, 1, err) : status;
}
