#include "io/store_sqlite_engine.h"

#include "common/assert.h"
#include "io/store_sqlite_schema.h"
#include "io/store_sqlite_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Frames (pages) in the log: from the first on it is emptied when there is no load, at the second
 * in any case. A longer log saves writing pages that are changed again and again. */
enum { WAL_FRAMES_IDLE = 2000, WAL_FRAMES_MAX = 8000 };

/** The exit status that a failure of the database at start means. */
static int exit_status_of(int fault)
{
    switch (fault & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return SQLITE_EXIT_DATA;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SQLITE_EXIT_TAKEN;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return SQLITE_EXIT_ACCESS;
    default:
        return SQLITE_EXIT_IO;
    }
}

/** A random UUID (RFC 9562 §5.4) for a log that is new. */
static void make_log_id(char text[SQLITE_LOG_ID_MAX])
{
    uint8_t b[16];
    sqlite3_randomness((int)sizeof(b), b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(text, SQLITE_LOG_ID_MAX,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

static enum status put_identity(struct sqlite_db *db, const struct store_sqlite_options *options,
                                struct error *err)
{
    char text[SQLITE_LOG_ID_MAX];
    make_log_id(text);
    struct str log_id = str_c(text);
    enum status status = sqlite_meta_put(db, STR(STORE_META_LOG_ID), log_id, err);
    if (status == STATUS_OK)
        status = sqlite_meta_put(db, STR(STORE_META_SOURCE), options->source, err);
    if (status != STATUS_OK || options->key == NULL)
        return status;
    CLEANUP(buf_deinit) struct buf check = {0};
    options->key->make(options->key->ctx, log_id, &check);
    return sqlite_meta_put(db, STR(STORE_META_KEY_CHECK), buf_str(&check), err);
}

/** Schema and identity of a new store, in one transaction. */
static enum status make_store(struct sqlite_engine *engine,
                              const struct store_sqlite_options *options, struct error *err)
{
    struct sqlite_db *db = &engine->db;
    enum status status = sqlite_schema_prepare(db, err);
    if (status == STATUS_OK)
        status = sqlite_schema_migrate(db, sqlite_migrations, 0, SQLITE_SCHEMA_VERSION, err);
    if (status == STATUS_OK)
        status = put_identity(db, options, err);
    return status == STATUS_OK ? sqlite_db_exec(db, "COMMIT", err) : status;
}

static enum status check_key(struct sqlite_engine *engine, const struct store_sqlite_key *key,
                             struct str log_id, struct arena *arena, struct error *err)
{
    if (key == NULL)
        return STATUS_OK;
    struct str check;
    enum status status =
        sqlite_meta_get(&engine->db, STR(STORE_META_KEY_CHECK), arena, &check, err);
    if (status != STATUS_OK || key->check(key->ctx, log_id, check) == STATUS_OK)
        return status;
    return error_set(err, STATUS_INVALID,
                     "%s: the master key is not the one this store was made with; give that key "
                     "in [store] key_file",
                     engine->file.path);
}

/** Is it the store that was here last time? */
static enum status check_marker(struct sqlite_engine *engine, struct str log_id, struct error *err)
{
    char marked[SQLITE_LOG_ID_MAX];
    enum status status = sqlite_file_read_marker(&engine->file, marked, err);
    if (status != STATUS_OK || marked[0] == '\0' || str_eq(str_c(marked), log_id))
        return status;
    return error_set(err, STATUS_INVALID,
                     "%s: holds log " STR_FMT ", but log %s was here; if the exchange is meant, "
                     "remove %s",
                     engine->file.path, STR_ARG(log_id), marked, engine->file.marker_path);
}

/** Whose store is it? Looks only: nothing is written before the key is known to fit. */
static enum status check_identity(struct sqlite_engine *engine,
                                  const struct store_sqlite_options *options, struct error *err,
                                  int *ret_exit_status)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct str log_id;
    enum status status = sqlite_meta_get(&engine->db, STR(STORE_META_LOG_ID), &arena, &log_id, err);
    *ret_exit_status = exit_status_of(engine->db.fault);
    if (status != STATUS_OK)
        return status;
    *ret_exit_status = SQLITE_EXIT_DATA;
    if (str_is_empty(log_id) || log_id.len >= SQLITE_LOG_ID_MAX)
        return error_set(err, STATUS_INVALID, "%s: damaged: it has no log_id; restore a backup",
                         engine->file.path);
    status = check_marker(engine, log_id, err);
    if (status != STATUS_OK)
        return status;
    *ret_exit_status = SQLITE_EXIT_ACCESS;
    return check_key(engine, options->key, log_id, &arena, err);
}

static enum status upgrade(struct sqlite_engine *engine, int from, struct error *err)
{
    struct sqlite_db *db = &engine->db;
    enum status status = sqlite_schema_prepare(db, err);
    if (status != STATUS_OK || from == SQLITE_SCHEMA_VERSION)
        return status;
    char backup[4096];
    int len = snprintf(backup, sizeof(backup), "%s.v%d.backup", engine->file.path, from);
    if (len < 0 || (size_t)len >= sizeof(backup))
        return error_set(err, STATUS_INVALID, "%s: path too long; name another in [store] url",
                         engine->file.path);
    status = sqlite_schema_backup(db, backup, err);
    if (status == STATUS_OK)
        status = sqlite_schema_migrate(db, sqlite_migrations, from, SQLITE_SCHEMA_VERSION, err);
    return status == STATUS_OK ? sqlite_db_exec(db, "COMMIT", err) : status;
}

static enum status refuse(const struct sqlite_engine *engine, enum sqlite_kind kind, int version,
                          struct error *err)
{
    if (kind == SQLITE_KIND_FOREIGN)
        return error_set(
            err, STATUS_INVALID,
            "%s: a database, but not a refreshd store, and left as it is; name another in "
            "[store] url",
            engine->file.path);
    return error_set(
        err, STATUS_INVALID,
        "%s: schema version %d is of a newer refreshd, this one knows up to %d; run the "
        "newer one",
        engine->file.path, version, (int)SQLITE_SCHEMA_VERSION);
}

/** What SQLite says, with the store's path and what to do; what we said has both. */
static void advise(const struct sqlite_engine *engine, struct error *err)
{
    struct error why = *err;
    const char *path = engine->file.path;
    switch (engine->db.fault & 0xff) {
    case SQLITE_NOTADB:
        (void)error_set(err, why.status,
                        "%s: not a refreshd store, and left as it is (%s); name another in [store] "
                        "url, or put a backup in its place",
                        path, why.text);
        return;
    case SQLITE_CORRUPT:
        (void)error_set(err, why.status,
                        "%s: damaged (%s); move it away, with what begins with its name, and put a "
                        "backup in its place",
                        path, why.text);
        return;
    case SQLITE_FULL:
        (void)error_set(err, why.status, "%s: no room (%s); make room on its disk", path, why.text);
        return;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        (void)error_set(err, why.status, "%s: another program has it open (%s); end that one", path,
                        why.text);
        return;
    default: /* an int of SQLite's, not an enum of ours */
        (void)error_set(
            err, why.status,
            "%s: can't be read or written (%s); look at the disk, and at owner and mode "
            "of %s, its -wal and -shm",
            path, why.text, path);
    }
}

/** The whole file, page by page. */
static enum status verify(struct sqlite_engine *engine, struct error *err)
{
    enum status status = sqlite_schema_verify(&engine->db, err);
    if (status == STATUS_INVALID && engine->db.fault == SQLITE_OK)
        engine->db.fault = SQLITE_CORRUPT; /* found by reading, not by an answer of SQLite's */
    return status;
}

/** From an open handle to a store that is ours, current and settled. */
static enum status take_over(struct sqlite_engine *engine,
                             const struct store_sqlite_options *options, bool existed,
                             struct error *err, int *ret_exit_status)
{
    enum sqlite_kind kind;
    int version;
    enum status status =
        sqlite_schema_look(&engine->db, SQLITE_SCHEMA_VERSION, &kind, &version, err);
    *ret_exit_status = exit_status_of(engine->db.fault);
    if (status != STATUS_OK)
        return status;
    *ret_exit_status = SQLITE_EXIT_DATA;
    if (kind == SQLITE_KIND_FOREIGN || kind == SQLITE_KIND_NEWER)
        return refuse(engine, kind, version, err);
    status = sqlite_file_check_private(&engine->file, err, ret_exit_status);
    if (status != STATUS_OK)
        return status;
    /* A file with nothing in it: of a first start that was cut short, or a store wiped out. */
    if (kind == SQLITE_KIND_EMPTY && existed) {
        status = sqlite_file_check_not_lost(&engine->file, err, ret_exit_status);
        if (status != STATUS_OK)
            return status;
    }
    if (kind == SQLITE_KIND_OURS) {
        status = check_identity(engine, options, err, ret_exit_status);
        if (status != STATUS_OK)
            return status;
    }
    engine->db.fault = SQLITE_OK;
    status = kind == SQLITE_KIND_EMPTY ? make_store(engine, options, err)
                                       : upgrade(engine, version, err);
    if (status == STATUS_OK)
        status = sqlite_db_settle(&engine->db, err);
    if (status == STATUS_OK && options->check_all)
        status = verify(engine, err);
    bool is_damaged = status == STATUS_INVALID;
    *ret_exit_status = is_damaged ? SQLITE_EXIT_DATA : exit_status_of(engine->db.fault);
    return status;
}

/** What is beside the store once it stands: the marker, the ballast. */
static enum status finish(struct sqlite_engine *engine, struct error *err)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct str log_id;
    char marked[SQLITE_LOG_ID_MAX];
    enum status status = sqlite_meta_get(&engine->db, STR(STORE_META_LOG_ID), &arena, &log_id, err);
    if (status == STATUS_OK)
        status = sqlite_file_read_marker(&engine->file, marked, err);
    if (status == STATUS_OK && marked[0] == '\0')
        status = sqlite_file_write_marker(&engine->file, log_id, err);
    if (status == STATUS_OK)
        status = sqlite_file_note_inode(&engine->file, err);
    if (status != STATUS_OK)
        return status;
    engine->is_full = !sqlite_file_make_ballast(&engine->file);
    if (engine->is_full)
        (void)error_set(&engine->last_error, STATUS_UNAVAILABLE,
                        "no room for %s (%zu bytes): no refresh is begun until there is",
                        engine->file.ballast_path, engine->file.ballast_bytes);
    engine->writable = true;
    return STATUS_OK;
}

static enum status open_locked(struct sqlite_engine *engine,
                               const struct store_sqlite_options *options, struct error *err,
                               int *ret_exit_status)
{
    bool exists;
    enum status status = sqlite_file_check(&engine->file, &exists, err, ret_exit_status);
    if (status != STATUS_OK)
        return status;
    if (!exists && options->must_exist) {
        *ret_exit_status = SQLITE_EXIT_DATA;
        return error_set(err, STATUS_NOT_FOUND, "%s: there is no store yet", engine->file.path);
    }
    if (!exists)
        status = sqlite_file_create(&engine->file, err, ret_exit_status);
    if (status != STATUS_OK)
        return status;
    status = sqlite_db_open(&engine->db, engine->file.path, engine->cache_bytes, err);
    *ret_exit_status = exit_status_of(engine->db.fault);
    if (status == STATUS_OK)
        status = take_over(engine, options, exists, err, ret_exit_status);
    if (status != STATUS_OK) {
        if (engine->db.fault != SQLITE_OK)
            advise(engine, err);
        return status;
    }
    status = finish(engine, err);
    *ret_exit_status = SQLITE_EXIT_IO;
    if (status != STATUS_OK && engine->db.fault != SQLITE_OK)
        advise(engine, err);
    return status;
}

enum status sqlite_engine_open(struct sqlite_engine *engine,
                               const struct store_sqlite_options *options, struct error *err,
                               int *ret_exit_status)
{
    *engine = (struct sqlite_engine){
        .cache_bytes = options->cache_bytes,
        .monotonic_us = options->monotonic_us,
    };
    sqlite_file_init(&engine->file, options->path, options->ballast_bytes);
    enum status status = sqlite_file_lock(&engine->file, err, ret_exit_status);
    if (status == STATUS_OK)
        status = open_locked(engine, options, err, ret_exit_status);
    if (status != STATUS_OK)
        sqlite_engine_close(engine);
    return status;
}

void sqlite_engine_close(struct sqlite_engine *engine)
{
    if (engine->db.handle != NULL)
        sqlite_db_close(&engine->db);
    sqlite_file_deinit(&engine->file);
}

enum status sqlite_engine_reopen(struct sqlite_engine *engine, struct error *err)
{
    if (engine->db.handle != NULL)
        sqlite_db_close(&engine->db);
    if (!sqlite_file_is_there(&engine->file))
        return error_set(err, STATUS_UNAVAILABLE,
                         "%s was removed or replaced while it was in use; stop refreshd and put it "
                         "back",
                         engine->file.path);
    enum status status = sqlite_db_open(&engine->db, engine->file.path, engine->cache_bytes, err);
    if (status != STATUS_OK)
        return status;
    status = sqlite_db_settle(&engine->db, err);
    if (status != STATUS_OK && (engine->db.fault & 0xff) == SQLITE_FULL &&
        sqlite_file_drop_ballast(&engine->file)) {
        engine->is_full = true;
        status = sqlite_db_settle(&engine->db, err);
    }
    if (status != STATUS_OK)
        sqlite_db_close(&engine->db);
    return status;
}

bool sqlite_engine_wants_checkpoint(const struct sqlite_engine *engine, bool idle)
{
    return engine->db.handle != NULL &&
           engine->db.wal_frames >= (idle ? WAL_FRAMES_IDLE : WAL_FRAMES_MAX);
}

void sqlite_engine_checkpoint(struct sqlite_engine *engine, bool idle)
{
    if (!sqlite_engine_wants_checkpoint(engine, idle))
        return;
    struct sqlite_db *db = &engine->db;
    struct error err = {0};
    db->fault = SQLITE_OK;
    if (sqlite_db_checkpoint(db, &err) == STATUS_OK)
        return;
    error_prefix(&err, "checkpoint");
    engine->last_error = err;
    /* A sync may have failed: what the pages are, this handle does not know any more. */
    if ((db->fault & 0xff) == SQLITE_IOERR)
        sqlite_db_close(db);
}
