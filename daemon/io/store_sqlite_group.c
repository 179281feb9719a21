#include "io/store_sqlite_group.h"

#include "common/assert.h"
#include "io/store_sqlite_log.h"
#include "io/store_sqlite_read.h"
#include "io/store_sqlite_tally.h"
#include "io/store_sqlite_verdict.h"
#include "io/store_sqlite_write.h"

#include <stdio.h>

/* How often a group may be run anew before all of it is given up. */
enum { GROUP_TRIES_MAX = 8, BALLAST_RETRY_MS = 1000 };

struct group {
    struct sqlite_engine *engine;
    struct sqlite_request *requests;
    size_t count;
    bool careful;
    struct error error; /* of the last verdict that was not COMMITTED */
};

static enum status run_sql(struct group *group, enum sqlite_sql sql)
{
    struct sqlite_db *db = &group->engine->db;
    return sqlite_db_run(db, sqlite_db_statement(db, sql), &group->error);
}

static void roll_back(struct group *group)
{
    struct sqlite_db *db = &group->engine->db;
    sqlite_db_forget(db);
    sqlite_tally_begin(db, false);
    if (sqlite3_get_autocommit(db->handle) != 0)
        return; /* SQLite did it already */
    int fault = db->fault;
    struct error err;
    if (sqlite_db_run(db, sqlite_db_statement(db, SQL_ROLLBACK), &err) == STATUS_OK)
        db->fault = fault;
}

/** After a request failed: VERDICT_COMMITTED where it fails alone and the group goes on. */
static enum verdict after_failure(struct group *group, struct sqlite_request *request,
                                  const struct error *err)
{
    struct sqlite_db *db = &group->engine->db;
    bool is_open = sqlite3_get_autocommit(db->handle) == 0;
    if (is_open && sqlite_fault_is_of_request(db->fault))
        return VERDICT_COMMITTED;
    group->error = *err;
    if (!sqlite_fault_is_of_page(db->fault))
        return sqlite_verdict_of(&group->engine->db);
    request->is_answered = true;
    return VERDICT_AGAIN;
}

/** May this write be tried at all? Fills its status where not. */
static bool is_admitted(struct sqlite_engine *engine, struct store_write *write)
{
    if (!engine->is_full || !sqlite_write_opens_attempt(write))
        return true;
    write->first_event_seq = 0;
    write->status = error_set(&write->error, STATUS_UNAVAILABLE,
                              "the disk is full: no refresh is begun until its answer has room");
    return false;
}

static enum verdict end_savepoint(struct group *group, bool keep)
{
    struct sqlite_db *db = &group->engine->db;
    enum status status = keep ? STATUS_OK : run_sql(group, SQL_SAVEPOINT_BACK);
    if (!keep)
        sqlite_db_forget(db);
    if (status == STATUS_OK)
        status = run_sql(group, SQL_SAVEPOINT_END);
    return status == STATUS_OK ? VERDICT_COMMITTED : sqlite_verdict_of(db);
}

static enum verdict run_write(struct group *group, struct sqlite_request *request)
{
    struct sqlite_db *db = &group->engine->db;
    struct store_write *write = request->write;
    if (!is_admitted(group->engine, write))
        return VERDICT_COMMITTED;
    if (group->careful && run_sql(group, SQL_SAVEPOINT) != STATUS_OK)
        return sqlite_verdict_of(&group->engine->db);
    sqlite3_int64 changes = sqlite3_total_changes64(db->handle);
    uint64_t counted = sqlite_tally_changes(db);
    if (sqlite_write_apply(db, write) == STATUS_OK)
        return group->careful ? end_savepoint(group, true) : VERDICT_COMMITTED;
    enum verdict verdict = after_failure(group, request, &write->error);
    if (verdict != VERDICT_COMMITTED)
        return verdict;
    if (group->careful)
        return end_savepoint(group, false);
    /* Only of a constraint is it known that it is looked at before anything is changed. */
    bool is_sound = db->fault == SQLITE_OK || (db->fault & 0xff) == SQLITE_CONSTRAINT;
    bool is_untouched = is_sound && sqlite3_total_changes64(db->handle) == changes &&
                        sqlite_tally_changes(db) == counted;
    return is_untouched ? VERDICT_COMMITTED : VERDICT_AGAIN_CAREFULLY;
}

static enum verdict run_read(struct group *group, struct sqlite_request *request)
{
    struct sqlite_db *db = &group->engine->db;
    uint64_t counted = sqlite_tally_changes(db);
    if (sqlite_read_answer(db, request->read) == STATUS_OK)
        return VERDICT_COMMITTED;
    enum verdict verdict = after_failure(group, request, &request->read->error);
    bool has_lost_counts = verdict == VERDICT_COMMITTED && sqlite_tally_changes(db) != counted;
    return has_lost_counts ? VERDICT_AGAIN_CAREFULLY : verdict;
}

static enum verdict run_requests(struct group *group, bool with_writes)
{
    for (size_t i = 0; i < group->count; i++) {
        struct sqlite_request *request = &group->requests[i];
        if (request->is_answered || (request->write != NULL && !with_writes))
            continue;
        enum verdict verdict =
            request->write != NULL ? run_write(group, request) : run_read(group, request);
        if (verdict != VERDICT_COMMITTED)
            return verdict;
    }
    return VERDICT_COMMITTED;
}

/** now_ms of the last write: the next start's timeline must not stand before it. */
static enum status note_time(struct group *group)
{
    int64_t now_ms = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (group->requests[i].write != NULL)
            now_ms = group->requests[i].write->now_ms;
    }
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)now_ms);
    struct str value = {.data = text, .len = (size_t)len};
    return sqlite_meta_put(&group->engine->db, STR(STORE_META_LAST_COMMIT), value, &group->error);
}

static enum verdict commit(struct group *group)
{
    struct sqlite_engine *engine = group->engine;
    int64_t start = engine->monotonic_us != NULL ? engine->monotonic_us() : 0;
    if (run_sql(group, SQL_COMMIT) != STATUS_OK)
        return sqlite_verdict_of_commit(&group->engine->db);
    engine->commits++;
    if (engine->monotonic_us != NULL)
        engine->commit_us_total += (uint64_t)(engine->monotonic_us() - start);
    return VERDICT_COMMITTED;
}

/** Where they can't be written, it is found out whose they are. */
static enum verdict keep_counts(struct group *group)
{
    struct sqlite_db *db = &group->engine->db;
    db->fault = SQLITE_OK;
    if (sqlite_tally_keep(db, &group->error) == STATUS_OK)
        return VERDICT_COMMITTED;
    bool is_of_one = sqlite_fault_is_of_page(db->fault) || sqlite_fault_is_of_request(db->fault);
    return is_of_one ? VERDICT_AGAIN_CAREFULLY : sqlite_verdict_of(db);
}

/** One try at the whole group; rolled back unless committed. */
static enum verdict try_group(struct group *group)
{
    if (!sqlite_file_is_there(&group->engine->file)) {
        (void)error_set(&group->error, STATUS_UNAVAILABLE,
                        "%s was removed or replaced while it was in use", group->engine->file.path);
        return VERDICT_NOT_DONE;
    }
    struct sqlite_db *db = &group->engine->db;
    if (run_sql(group, SQL_BEGIN_WRITE) != STATUS_OK)
        return sqlite_verdict_of(db);
    sqlite_log_begin(db);
    sqlite_tally_begin(db, group->careful);
    enum verdict verdict = run_requests(group, true);
    if (verdict == VERDICT_COMMITTED)
        verdict = keep_counts(group);
    if (verdict == VERDICT_COMMITTED &&
        (sqlite_log_keep(db, &group->error) != STATUS_OK || note_time(group) != STATUS_OK))
        verdict = sqlite_verdict_of(db);
    if (verdict == VERDICT_COMMITTED)
        verdict = commit(group);
    if (verdict != VERDICT_COMMITTED)
        roll_back(group);
    sqlite_log_begin(db);
    return verdict;
}

/** The disk is full: the ballast is for answers that have been received already. */
static bool make_room(struct group *group)
{
    group->engine->is_full = true;
    group->engine->last_error = group->error;
    return sqlite_file_drop_ballast(&group->engine->file);
}

static enum verdict run_writes(struct group *group)
{
    enum verdict verdict = VERDICT_NOT_DONE;
    for (int tries = 0; tries < GROUP_TRIES_MAX; tries++) {
        verdict = try_group(group);
        if (verdict == VERDICT_AGAIN_CAREFULLY) {
            ASSERT(!group->careful);
            group->careful = true;
        } else if (verdict == VERDICT_FULL) {
            if (!make_room(group))
                return verdict;
        } else if (verdict != VERDICT_AGAIN) {
            return verdict;
        }
    }
    return verdict;
}

/** Every write that was part of the group gets the group's fate. */
static void fail_writes(struct group *group, enum status status)
{
    for (size_t i = 0; i < group->count; i++) {
        struct store_write *write = group->requests[i].write;
        if (write == NULL || group->requests[i].is_answered)
            continue;
        write->first_event_seq = 0;
        write->status = status;
        write->error = group->error;
        write->error.status = status;
    }
}

static void fail_reads(struct group *group, const struct error *err)
{
    for (size_t i = 0; i < group->count; i++) {
        struct store_read *read = group->requests[i].read;
        if (read == NULL || group->requests[i].is_answered)
            continue;
        read->status = STATUS_UNAVAILABLE;
        read->error = *err;
        read->error.status = STATUS_UNAVAILABLE;
    }
}

/** The reads of a group alone, in a transaction of their own so that they see one state. */
static enum verdict try_reads(struct group *group)
{
    if (run_sql(group, SQL_BEGIN_READ) != STATUS_OK)
        return sqlite_verdict_of(&group->engine->db);
    enum verdict verdict = run_requests(group, false);
    if (verdict == VERDICT_COMMITTED && run_sql(group, SQL_COMMIT) == STATUS_OK)
        return VERDICT_COMMITTED;
    roll_back(group);
    return verdict == VERDICT_COMMITTED ? sqlite_verdict_of(&group->engine->db) : verdict;
}

static void run_reads(struct group *group)
{
    enum verdict verdict = VERDICT_AGAIN;
    size_t tries = 0;
    while (verdict == VERDICT_AGAIN && tries++ <= group->count)
        verdict = try_reads(group);
    if (verdict != VERDICT_COMMITTED)
        fail_reads(group, &group->error);
}

static void note_health(struct group *group, enum verdict verdict)
{
    struct sqlite_engine *engine = group->engine;
    engine->writable = verdict == VERDICT_COMMITTED;
    if (verdict != VERDICT_COMMITTED)
        engine->last_error = group->error;
    else if (!engine->is_full)
        engine->last_error = (struct error){0};
}

/** Once there is room again, refreshes may begin again. Tried at most once a second. */
static void remake_ballast(struct group *group)
{
    struct sqlite_engine *engine = group->engine;
    for (size_t i = 0; i < group->count && engine->is_full; i++) {
        const struct store_write *write = group->requests[i].write;
        if (write == NULL || (write->now_ms >= engine->ballast_tried_ms &&
                              write->now_ms - engine->ballast_tried_ms < BALLAST_RETRY_MS))
            continue;
        engine->ballast_tried_ms = write->now_ms;
        engine->is_full = !sqlite_file_make_ballast(&engine->file);
    }
}

/** Returns whether the reads are still to be answered. */
static bool run_with_writes(struct group *group)
{
    remake_ballast(group);
    enum verdict verdict = run_writes(group);
    note_health(group, verdict);
    if (verdict == VERDICT_COMMITTED)
        return false;
    fail_writes(group, verdict == VERDICT_UNCERTAIN ? STATUS_UNCERTAIN : STATUS_UNAVAILABLE);
    if (verdict == VERDICT_UNCERTAIN || verdict == VERDICT_BROKEN)
        sqlite_db_close(&group->engine->db);
    return true;
}

static bool ensure_open(struct group *group)
{
    if (group->engine->db.handle != NULL)
        return true;
    return sqlite_engine_reopen(group->engine, &group->error) == STATUS_OK;
}

void sqlite_group_run(struct sqlite_engine *engine, struct sqlite_request *requests, size_t count)
{
    struct group group = {.engine = engine, .requests = requests, .count = count};
    bool has_writes = false, has_reads = false;
    for (size_t i = 0; i < count; i++) {
        has_writes = has_writes || requests[i].write != NULL;
        has_reads = has_reads || requests[i].read != NULL;
        engine->writes += requests[i].write != NULL ? 1 : 0;
        engine->reads += requests[i].read != NULL ? 1 : 0;
    }
    bool reads_left = has_reads;
    if (!ensure_open(&group)) {
        note_health(&group, VERDICT_NOT_DONE);
        fail_writes(&group, STATUS_UNAVAILABLE);
        fail_reads(&group, &group.error);
        return;
    }
    if (has_writes)
        reads_left = run_with_writes(&group) && has_reads;
    if (reads_left && ensure_open(&group))
        run_reads(&group);
    else if (reads_left)
        fail_reads(&group, &group.error);
}
