#include "engine/audit.h"

#include "common/assert.h"
#include "common/memory.h"

#include <search.h>
#include <stdlib.h>

enum { HOUR_MS = 3600 * 1000, MINUTE_MS = 60 * 1000 };

/* ---- records ---- */

struct audit_entry audit_entry_of(const struct caller *caller, const struct audit_what *what,
                                  struct now now)
{
    return (struct audit_entry){
        .wall_ms = now.wall_ms,
        .uid = caller->uid,
        .gid = caller->gid,
        .pid = caller->pid,
        .method = str_c(rpc_method_at(what->method)->name),
        .subject = str_is_set(what->subject) ? what->subject : STR(""),
        .outcome = what->outcome,
        .detail = str_is_empty(what->detail) ? STR("{}") : what->detail,
    };
}

static void on_written(struct completion *completion, struct now now)
{
    (void)now;
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct engine *engine = write->user;
    engine->background--;
    if (write->status != STATUS_OK) /* the journal has it */
        log_write(engine->log, LOG_LEVEL_ERROR, "audit.unsaved", write->error.text,
                  LOG_TEXT("status", str_c(status_text(write->status))));
    store_write_free(write);
}

void audit_write(struct engine *engine, const struct caller *caller, const struct audit_what *what,
                 struct now now)
{
    struct store_write *write = store_write_new(now.ms);
    const struct audit_entry entry = audit_entry_of(caller, what, now);
    store_write_append_audit(write, &entry);
    write->user = engine;
    write->completion.resume = on_written;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

void audit_write_refused(struct engine *engine, const struct caller *caller,
                         const struct audit_what *what, struct now now)
{
    struct audit_state *state = &engine->audit;
    if (engine->phase != ENGINE_RUNNING)
        return;
    if (now.ms - state->minute_ms >= MINUTE_MS) {
        state->minute_ms = now.ms;
        state->refused_in_minute = 0;
    }
    if (state->refused_in_minute >= AUDIT_REFUSED_PER_MINUTE) {
        state->left_out++;
        return;
    }
    state->refused_in_minute++;
    CLEANUP(buf_deinit) struct buf detail = {0};
    struct audit_what with = *what;
    if (state->left_out > 0) {
        buf_printf(&detail, "{\"left_out_before\":%lld}", (long long)state->left_out);
        with.detail = buf_str(&detail);
        state->left_out = 0;
    }
    audit_write(engine, caller, &with, now);
}

void audit_log(const struct engine *engine, const struct caller *caller,
               const struct audit_what *what, const char *message)
{
    bool is_ok = str_eq(what->outcome, STR("ok"));
    log_write(engine->log, LOG_LEVEL_INFO, is_ok ? "call.changes" : "call.refused", message,
              LOG_TEXT("method", str_c(rpc_method_at(what->method)->name)),
              LOG_TEXT("subject", str_is_set(what->subject) ? what->subject : STR("")),
              LOG_I64("uid", caller->uid), LOG_I64("gid", caller->gid), LOG_I64("pid", caller->pid),
              LOG_TEXT("outcome", what->outcome));
}

void engine_audit(struct engine *engine, enum rpc_method_id method, const struct caller *caller,
                  struct str subject, struct str outcome, struct now now)
{
    const struct audit_what what = {.method = method, .subject = subject, .outcome = outcome};
    if (str_eq(outcome, STR("ok")))
        audit_write(engine, caller, &what, now);
    else
        audit_write_refused(engine, caller, &what, now);
}

/* ---- token uses ---- */

struct use {
    int64_t uid, hour_wall_ms, count;
    char connection[144];
};

static int compare_uses(const void *a, const void *b)
{
    const struct use *x = a, *y = b;
    if (x->hour_wall_ms != y->hour_wall_ms)
        return x->hour_wall_ms < y->hour_wall_ms ? -1 : 1;
    if (x->uid != y->uid)
        return x->uid < y->uid ? -1 : 1;
    return str_compare(str_c(x->connection), str_c(y->connection));
}

/* NULL: there is no room for another. */
static struct use *find_use(struct audit_state *state, const struct use *wanted, size_t max)
{
    void **found = tfind(wanted, &state->uses, compare_uses);
    if (found != NULL)
        return *found;
    if (state->use_count >= max)
        return NULL;
    struct use *use = memory_new(sizeof(*use));
    *use = *wanted;
    ASSERT(tsearch(use, &state->uses, compare_uses) != NULL);
    state->use_count++;
    return use;
}

static void add_use(struct audit_state *state, const struct use *wanted, int64_t count)
{
    struct use *use = find_use(state, wanted, AUDIT_USES_MAX);
    if (use == NULL) {
        struct use of_many = *wanted;
        str_copy_cut(STR(AUDIT_USE_OF_MANY), of_many.connection, sizeof(of_many.connection));
        use = find_use(state, &of_many, AUDIT_USES_MAX + AUDIT_USES_PER_WRITE);
    }
    if (use != NULL)
        use->count += count;
}

void audit_note_token(struct engine *engine, int64_t uid, struct str connection, struct now now)
{
    struct audit_state *state = &engine->audit;
    struct use wanted = {.uid = uid, .hour_wall_ms = now.wall_ms - now.wall_ms % HOUR_MS};
    str_copy_cut(connection, wanted.connection, sizeof(wanted.connection));
    if (state->use_count == 0 && !state->flushing)
        state->flush_due_ms = now.ms + AUDIT_FLUSH_MS;
    add_use(state, &wanted, 1);
    if (state->use_count >= AUDIT_USES_MAX / 2 && !state->is_unsaved)
        state->flush_due_ms = MIN_OF(state->flush_due_ms, now.ms);
}

/* What could not be saved is counted on; what may have been saved is not counted twice. */
static void on_flushed(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct engine *engine = write->user;
    struct audit_state *state = &engine->audit;
    engine->background--;
    state->flushing = false;
    bool is_saved = write->status == STATUS_OK || write->status == STATUS_UNCERTAIN;
    for (size_t i = 0; i < write->op_count && !is_saved; i++) {
        const struct token_use *from = write->ops[i].use;
        struct use use = {.uid = from->uid, .hour_wall_ms = from->hour_wall_ms};
        str_copy_cut(from->connection, use.connection, sizeof(use.connection));
        add_use(state, &use, from->count);
    }
    if (!is_saved && !state->is_unsaved)
        log_write(engine->log, LOG_LEVEL_ERROR, "audit.uses_unsaved", write->error.text,
                  LOG_I64("counters", state->use_count));
    state->is_unsaved = !is_saved;
    if (state->use_count > 0)
        state->flush_due_ms = is_saved ? now.ms : now.ms + AUDIT_FLUSH_MS;
    store_write_free(write);
}

void audit_flush(struct engine *engine, struct now now)
{
    struct audit_state *state = &engine->audit;
    if (state->use_count == 0 || state->flushing)
        return;
    struct store_write *write = store_write_new(now.ms);
    while (state->use_count > 0 && write->op_count < AUDIT_USES_PER_WRITE) {
        struct use *use = *(struct use **)state->uses; /* the root of the tree */
        const struct token_use stored = {.uid = use->uid,
                                         .connection = str_c(use->connection),
                                         .hour_wall_ms = use->hour_wall_ms,
                                         .count = use->count};
        store_write_add_token_use(write, &stored);
        tdelete(use, &state->uses, compare_uses);
        free(use);
        state->use_count--;
    }
    write->user = engine;
    write->completion.resume = on_flushed;
    state->flushing = true;
    engine->background++;
    engine->store.write(engine->store.ctx, write);
}

bool audit_wants_flush(const struct engine *engine)
{
    return engine->audit.use_count > 0 && !engine->audit.is_unsaved;
}

void audit_turn(struct engine *engine, struct now now)
{
    bool is_due = engine->draining ? audit_wants_flush(engine) : now.ms >= audit_next_ms(engine);
    if (is_due)
        audit_flush(engine, now);
}

int64_t audit_next_ms(const struct engine *engine)
{
    const struct audit_state *state = &engine->audit;
    if (state->use_count == 0 || state->flushing)
        return INT64_MAX;
    if (engine->draining)
        return state->is_unsaved ? INT64_MAX : 0;
    return state->flush_due_ms;
}

void audit_free(struct engine *engine)
{
    tdestroy(engine->audit.uses, free);
    engine->audit.uses = NULL;
}
