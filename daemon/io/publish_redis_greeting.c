#include "io/publish_redis_greeting.h"

#include "common/assert.h"
#include "io/publish_redis_error.h"

#include <hiredis/hiredis.h>

static struct publish_redis_command *add_step(struct publish_redis_greeting *greeting,
                                              const char *name, int reply_type, const char *text)
{
    ASSERT(greeting->count < PUBLISH_REDIS_GREETING_MAX);
    struct publish_redis_step *step = &greeting->steps[greeting->count++];
    *step = (struct publish_redis_step){.name = name, .reply_type = reply_type, .text = text};
    return &step->command;
}

static void add_words(struct publish_redis_command *command, const struct str *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        publish_redis_command_add(command, words[i]);
}

#define SAY(command, ...)                                   \
    add_words((command), (const struct str[]){__VA_ARGS__}, \
              ARRAY_LEN(((const struct str[]){__VA_ARGS__})))

static void say_who(struct publish_redis_greeting *greeting,
                    const struct publish_redis_identity *identity)
{
    if (identity->password != NULL) {
        struct publish_redis_command *auth = add_step(greeting, "AUTH", REDIS_REPLY_STATUS, "OK");
        publish_redis_command_add(auth, STR("AUTH"));
        if (str_is_set(identity->username))
            publish_redis_command_add(auth, identity->username);
        publish_redis_command_add(auth, secret_str(identity->password));
    }
    if (identity->database != 0) {
        struct publish_redis_command *select =
            add_step(greeting, "SELECT", REDIS_REPLY_STATUS, "OK");
        publish_redis_command_add(select, STR("SELECT"));
        publish_redis_command_add_i64(select, identity->database);
    }
    SAY(add_step(greeting, "CLIENT SETNAME", 0, NULL), STR("CLIENT"), STR("SETNAME"),
        identity->client_name);
}

/** As the script will do it, so that what it needs is refused here and not half-way through. */
static void prove_rights(struct publish_redis_greeting *greeting,
                         const struct publish_redis_keys *keys)
{
    SAY(add_step(greeting, "SET", REDIS_REPLY_ERROR, "ERR syntax error"), STR("SET"), keys->log,
        STR("-"), STR("NX"), STR("XX"));
    SAY(add_step(greeting, "HDEL", REDIS_REPLY_INTEGER, NULL), STR("HDEL"), keys->hash, STR(""));
    SAY(add_step(greeting, "HSET", REDIS_REPLY_ERROR, "ERR wrong number"), STR("HSET"), keys->hash,
        STR("-"), STR("-"), STR("-"));
    SAY(add_step(greeting, "DEL", REDIS_REPLY_INTEGER, NULL), STR("DEL"), keys->hash_new);
    SAY(add_step(greeting, "RENAME", REDIS_REPLY_ERROR, "ERR no such key"), STR("RENAME"),
        keys->hash_new, keys->hash);
    /* "must be greater than 0-0"; before 5.0.7 it is "equal or smaller", and an empty stream stays
     * behind where there was none. */
    SAY(add_step(greeting, "XADD", REDIS_REPLY_ERROR, "ERR The ID specified in XADD "), STR("XADD"),
        keys->events, STR("0-0"), STR("-"), STR("-"));
}

void publish_redis_greeting_init(struct publish_redis_greeting *greeting,
                                 const struct publish_redis_identity *identity,
                                 const struct publish_redis_keys *keys)
{
    *greeting = (struct publish_redis_greeting){0};
    say_who(greeting, identity);
    SAY(add_step(greeting, "SCRIPT LOAD", REDIS_REPLY_STRING, NULL), STR("SCRIPT"), STR("LOAD"),
        str_c(publish_redis_script_lua));
    greeting->steps[greeting->count - 1].is_script = true;
    prove_rights(greeting, keys);
}

void publish_redis_greeting_deinit(struct publish_redis_greeting *greeting)
{
    for (size_t i = 0; i < greeting->count; i++)
        publish_redis_command_deinit(&greeting->steps[i].command);
    greeting->count = 0;
}

enum status publish_redis_step_check(const struct publish_redis_step *step,
                                     const struct redisReply *reply, struct error *err)
{
    if (step->reply_type == 0)
        return STATUS_OK;
    bool has_text = reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR ||
                    reply->type == REDIS_REPLY_STRING;
    struct str text = STR_NONE;
    if (has_text)
        text = (struct str){.data = reply->str, .len = (size_t)reply->len};
    bool fits = reply->type == step->reply_type &&
                (step->text == NULL || str_starts_with(text, str_c(step->text))) &&
                (!step->is_script || text.len == PUBLISH_REDIS_SHA_HEX);
    if (fits)
        return STATUS_OK;
    if (reply->type == REDIS_REPLY_ERROR)
        return publish_redis_fault_set(err, step->name, text);
    return error_set(err, STATUS_UNAVAILABLE,
                     "%s: an answer that no Redis gives: does something else listen there?",
                     step->name);
}
