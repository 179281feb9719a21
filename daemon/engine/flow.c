#include "engine/flow.h"

#include "common/assert.h"
#include "common/encoding.h"

enum { FLOW_RETRY_MS = 10 * 1000 };

/* ---- secrets ---- */

struct str flow_new_text(struct engine *engine, struct arena *arena, size_t len)
{
    uint8_t bytes[FLOW_SECRET_BYTES];
    CLEANUP(buf_deinit) struct buf text = {.secret = true};
    engine->entropy.fill(engine->entropy.ctx, bytes, sizeof(bytes));
    encoding_base64url((struct str){.data = (const char *)bytes, .len = sizeof(bytes)}, &text);
    secret_wipe(bytes, sizeof(bytes));
    ASSERT(len <= text.len);
    return arena_copy(arena, str_slice(buf_str(&text), 0, len));
}

struct str flow_print(const struct engine *engine, struct str state, struct arena *arena)
{
    uint8_t print[VAULT_PRINT_BYTES];
    vault_print(engine->vault, state, print);
    return arena_copy(arena, (struct str){.data = (const char *)print, .len = sizeof(print)});
}

static void secrets_aad(struct str print, struct buf *aad)
{
    CLEANUP(buf_deinit) struct buf hex = {0};
    encoding_hex(print, &hex);
    const struct str parts[] = {STR("flow"), buf_str(&hex), STR("secrets")};
    vault_aad(aad, parts, ARRAY_LEN(parts));
}

struct str flow_seal(const struct engine *engine, struct str print,
                     const struct flow_secrets *secrets, struct arena *arena)
{
    CLEANUP(buf_deinit) struct buf aad = {0};
    CLEANUP(buf_deinit) struct buf plain = {.secret = true};
    CLEANUP(buf_deinit) struct buf sealed = {0};
    ASSERT(secrets->verifier.len == FLOW_TEXT_LEN && secrets->nonce.len == FLOW_NONCE_LEN);
    secrets_aad(print, &aad);
    buf_append(&plain, secrets->verifier);
    buf_append(&plain, secrets->nonce);
    vault_seal(engine->vault, buf_str(&aad), buf_str(&plain), &sealed);
    return arena_copy(arena, buf_str(&sealed));
}

enum status flow_open(const struct engine *engine, const struct flow *flow, struct arena *arena,
                      struct flow_secrets *ret, struct error *err)
{
    CLEANUP(buf_deinit) struct buf aad = {0};
    CLEANUP(secret_freep) struct secret *plain = NULL;
    secrets_aad(flow->print, &aad);
    enum status status =
        vault_open(engine->vault, buf_str(&aad), flow->sealed_secrets, &plain, err);
    if (status != STATUS_OK)
        return status;
    struct str text = secret_str(plain);
    if (text.len != FLOW_SECRETS_LEN)
        return error_set(err, STATUS_INVALID, "damaged record: flow.sealed_secrets");
    ret->verifier = arena_copy(arena, str_slice(text, 0, FLOW_TEXT_LEN));
    ret->nonce = arena_copy(arena, str_slice(text, FLOW_TEXT_LEN, FLOW_NONCE_LEN));
    return STATUS_OK;
}

/* ---- whose time is over ---- */

void flow_note_end(struct engine *engine, int64_t end_ms)
{
    engine->flows.look_ms = MIN_OF(engine->flows.look_ms, end_ms);
}

static void on_purged(struct completion *completion, struct now now)
{
    struct store_write *write = CONTAINER_OF(completion, struct store_write, completion);
    struct engine *engine = write->user;
    engine->background--;
    engine->flows.busy = false;
    if (write->status != STATUS_OK)
        engine->flows.look_ms = now.ms + FLOW_RETRY_MS;
    store_write_free(write);
}

static void purge(struct engine *engine, struct now now)
{
    struct store_write *write = store_write_new(now.ms);
    store_write_purge_flows(write, now.ms);
    write->user = engine;
    write->completion.resume = on_purged;
    engine->background++;
    engine->flows.busy = true;
    engine->flows.look_ms = now.ms; /* there may be more than one purge drops */
    engine->store.write(engine->store.ctx, write);
}

static void on_bounds(struct completion *completion, struct now now)
{
    struct store_read *read = CONTAINER_OF(completion, struct store_read, completion);
    struct engine *engine = read->user;
    int64_t first_ms = read->flow_bounds.first_end_ms;
    bool is_read = read->status == STATUS_OK;
    engine->background--;
    engine->flows.busy = false;
    store_read_free(read);
    if (!is_read)
        flow_note_end(engine, now.ms + FLOW_RETRY_MS);
    else if (first_ms != TIME_NONE && first_ms <= now.ms && !engine->draining)
        purge(engine, now);
    else if (first_ms != TIME_NONE)
        flow_note_end(engine, first_ms);
}

/* `look_ms` is put off before the read: what is noted meanwhile stays. */
void flow_turn(struct engine *engine, struct now now)
{
    if (engine->draining || engine->flows.busy || now.ms < engine->flows.look_ms)
        return;
    struct store_read *read = store_read_new(STORE_READ_FLOW_BOUNDS);
    read->subject = STR("");
    read->until_ms = now.ms;
    read->user = engine;
    read->completion.resume = on_bounds;
    engine->background++;
    engine->flows.busy = true;
    engine->flows.look_ms = INT64_MAX;
    engine->store.read(engine->store.ctx, read);
}

int64_t flow_next_ms(const struct engine *engine)
{
    return engine->draining || engine->flows.busy ? INT64_MAX : engine->flows.look_ms;
}
