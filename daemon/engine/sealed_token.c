#include "engine/sealed_token.h"

#include "engine/state.h"

static void aad_of(struct str connection, const char *field, int64_t generation, struct buf *aad)
{
    char digits[BUF_I64_ROOM];
    CLEANUP(buf_deinit) struct buf number = {0};
    buf_lend(&number, digits, sizeof(digits));
    buf_append_i64(&number, generation);
    const struct str parts[] = {STR("connection"), connection, str_c(field), buf_str(&number)};
    vault_aad(aad, parts, ARRAY_LEN(parts));
}

void sealed_token_make(const struct engine *engine, struct str connection, const char *field,
                       int64_t generation, struct str token, struct buf *sealed)
{
    char room[VAULT_AAD_USUAL];
    CLEANUP(buf_deinit) struct buf aad = {0};
    buf_lend(&aad, room, sizeof(room));
    aad_of(connection, field, generation, &aad);
    vault_seal(engine->vault, buf_str(&aad), token, sealed);
}

enum status sealed_token_open(const struct engine *engine, struct str connection, const char *field,
                              int64_t generation, struct str sealed, struct secret **out,
                              struct error *err)
{
    char room[VAULT_AAD_USUAL];
    CLEANUP(buf_deinit) struct buf aad = {0};
    buf_lend(&aad, room, sizeof(room));
    aad_of(connection, field, generation, &aad);
    return vault_open(engine->vault, buf_str(&aad), sealed, out, err);
}
