#include "io/publish_redis_script.h"

#include "common/assert.h"

#include <hiredis/hiredis.h>
#include <string.h>

/* clang-format off */
const char publish_redis_script_lua[] =
    /* KEYS: stream, hash, log. ARGV: mode, log_id, expected_last, maxlen, channel, and five words
     * an event: sequence, type, subject, event, what the hash does. pcall everywhere, so that an
     * error comes back as Redis worded it, with the command behind, and not wrapped into the
     * script's own. */
    "local mode, ours, expected = ARGV[1], ARGV[2], tonumber(ARGV[3])\n"
    "local first, step = 6, 5\n"
    "local function failed(reply) return type(reply) == 'table' and reply.err end\n"
    "local function told(reply, command)\n"
    "  if failed(reply) then reply.err = reply.err .. ' (' .. command .. ')' end\n"
    "  return reply\n"
    "end\n"
    "local function run(...) return told(redis.pcall(...), (...)) end\n"

    /* XINFO and XADD count as random in Redis 5 and 6, which with lua-replicate-commands no refuse
     * every write behind one, unless the script says that its effects be replicated. Redis 7 does
     * so anyhow. */
    "if redis.replicate_commands then redis.replicate_commands() end\n"

    /* Where do they stand? A stream keeps its last generated id though all entries be trimmed. */
    "local log = run('GET', KEYS[3])\n"
    "if failed(log) then return log end\n"
    "local generated = '0-0'\n"
    "local info = run('XINFO', 'STREAM', KEYS[1])\n"
    "if failed(info) then\n"
    "  if not string.find(info.err, 'no such key', 1, true) then return info end\n"
    "else\n"
    "  for i = 1, #info, 2 do\n"
    "    if info[i] == 'last-generated-id' then generated = info[i + 1] end\n"
    "  end\n"
    "end\n"
    /* Of the commands that we have a right to, GET tells of a hash at the least cost: by its error. A
     * text there is not ours, as HDEL says. */
    "if mode == 'probe' then\n"
    "  local hash = redis.pcall('GET', KEYS[2])\n"
    "  if type(hash) == 'string' then return run('HDEL', KEYS[2], '') end\n"
    "  local exists = failed(hash) and string.find(hash.err, 'WRONGTYPE', 1, true)\n"
    "  if failed(hash) and not exists then return told(hash, 'GET') end\n"
    "  return {'OK', log, generated, exists and 'hash'}\n"
    "end\n"

    /* May this batch follow? */
    "local log_id, last\n"
    "if log then log_id, last = string.match(log, '^(%S+) (%d+)$') end\n"
    "local at = tonumber(string.match(generated, '^%d+'))\n"
    "local final = #ARGV - step + 1\n"
    "local upto = expected\n"
    "if ARGV[first] then upto = tonumber(ARGV[final]) end\n"
    "local goes_on = log_id == ours and tonumber(last) == expected\n"
    "  and at >= expected and at <= upto\n"
    "local takes_over = at == expected\n"
    "  and (not log or log_id == ours or ARGV[first + 1] == 'log.restarted')\n"
    "if not goes_on and not takes_over then return {'CONFLICT', log, generated, false} end\n"

    "local reply\n"
    "if not goes_on then\n"
    "  reply = run('SET', KEYS[3], ours .. ' ' .. ARGV[3])\n"
    "  if failed(reply) then return reply end\n"
    "end\n"
    "for i = first, final, step do\n"
    "  reply = nil\n"
    "  if ARGV[i + 4] == 'set' then\n"
    "    reply = run('HSET', KEYS[2], ARGV[i + 2], ARGV[i + 3])\n"
    "  elseif ARGV[i + 4] == 'delete' then\n"
    "    reply = run('HDEL', KEYS[2], ARGV[i + 2])\n"
    "  end\n"
    "  if failed(reply) then return reply end\n"
    "end\n"

    /* The last one trims for all. */
    "for i = first, final, step do\n"
    "  if tonumber(ARGV[i]) > at then\n"
    "    generated = ARGV[i] .. '-0'\n"
    "    if i < final then\n"
    "      reply = redis.pcall('XADD', KEYS[1], generated,\n"
    "        'type', ARGV[i + 1], 'subject', ARGV[i + 2], 'event', ARGV[i + 3])\n"
    "    else\n"
    "      reply = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], generated,\n"
    "        'type', ARGV[i + 1], 'subject', ARGV[i + 2], 'event', ARGV[i + 3])\n"
    "    end\n"
    "    if failed(reply) then return told(reply, 'XADD') end\n"
    "  end\n"
    "end\n"
    "if ARGV[first] then\n"
    "  log = ours .. ' ' .. ARGV[final]\n"
    "  reply = run('SET', KEYS[3], log)\n"
    "  if failed(reply) then return reply end\n"
    "end\n"

    /* Nobody listens, or we may not speak: the stream has it. */
    "local refused = false\n"
    "if mode == 'events' then\n"
    "  for i = first, final, step do\n"
    "    reply = redis.pcall('PUBLISH', ARGV[5] .. ARGV[i + 1], ARGV[i + 3])\n"
    "    refused = refused or failed(reply)\n"
    "  end\n"
    "end\n"
    "return {'OK', log, generated, refused}\n";
/* clang-format on */

void publish_redis_keys_init(struct publish_redis_keys *keys, struct arena *arena,
                             struct str prefix, int64_t stream_maxlen)
{
    *keys = (struct publish_redis_keys){
        .events = arena_printf(arena, STR_FMT "events", STR_ARG(prefix)),
        .hash = arena_printf(arena, STR_FMT "needs_reconnect", STR_ARG(prefix)),
        .hash_new = arena_printf(arena, STR_FMT "needs_reconnect:new", STR_ARG(prefix)),
        .log = arena_printf(arena, STR_FMT "log", STR_ARG(prefix)),
        .channel = arena_printf(arena, STR_FMT "events:", STR_ARG(prefix)),
        .stream_maxlen = stream_maxlen,
    };
}

static struct str mode_text(enum publish_kind kind)
{
    switch (kind) {
    case PUBLISH_PROBE:
        return STR("probe");
    case PUBLISH_EVENTS:
        return STR("events");
    case PUBLISH_HISTORY:
        return STR("history");
    case PUBLISH_HASH_BEGIN:
    case PUBLISH_HASH_ADD:
    case PUBLISH_HASH_COMMIT:
        break;
    }
    ASSERT(false); /* the hash is not the script's */
    return STR_NONE;
}

/** HISTORY leaves the hash alone: it is rebuilt from the state, not from old events. */
static struct str hash_text(enum publish_kind kind, enum hash_change change)
{
    if (kind != PUBLISH_EVENTS)
        return STR("keep");
    switch (change) {
    case HASH_KEEP:
        break;
    case HASH_SET:
        return STR("set");
    case HASH_DELETE:
        return STR("delete");
    }
    return STR("keep");
}

void publish_redis_script_call(struct publish_redis_command *call, struct str sha,
                               const struct publish_redis_keys *keys,
                               const struct publish_request *request)
{
    publish_redis_command_add(call, STR("EVALSHA"));
    publish_redis_command_add(call, sha);
    publish_redis_command_add(call, STR("3"));
    publish_redis_command_add(call, keys->events);
    publish_redis_command_add(call, keys->hash);
    publish_redis_command_add(call, keys->log);
    publish_redis_command_add(call, mode_text(request->kind));
    publish_redis_command_add(call, request->log_id);
    publish_redis_command_add_i64(call, request->expected_last);
    publish_redis_command_add_i64(call, keys->stream_maxlen);
    publish_redis_command_add(call, keys->channel);
    if (request->kind == PUBLISH_PROBE)
        return;
    int64_t above = request->expected_last;
    for (size_t i = 0; i < request->event_count; i++) {
        const struct publish_event *event = &request->events[i];
        ASSERT(event->seq > above);
        above = event->seq;
        publish_redis_command_add_i64(call, event->seq);
        publish_redis_command_add(call, event->type);
        publish_redis_command_add(call, event->subject);
        publish_redis_command_add(call, event->json);
        publish_redis_command_add(call, hash_text(request->kind, event->hash));
    }
}

static struct str reply_text(const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
        return STR_NONE;
    return (struct str){.data = reply->str, .len = (size_t)reply->len};
}

/**
 * "log_id last". Whatever else stands there is somebody's log too, one that is not ours.
 */
static void read_log(struct str text, struct publish_request *request)
{
    request->remote_known = str_is_set(text);
    if (!request->remote_known)
        return;
    size_t blank = str_find_byte(text, ' ');
    str_copy_cut(str_slice(text, 0, blank), request->remote_log_id, sizeof(request->remote_log_id));
    int64_t last;
    struct str number = str_slice(text, blank + 1, text.len);
    if (str_to_i64(number, &last) == STATUS_OK && last >= 0)
        request->remote_last = last;
}

/** Beyond this a number no longer fits the script's arithmetic (Lua's numbers are doubles). */
static const int64_t stream_seq_max = INT64_C(1) << 53;

static enum status read_stream(struct str text, struct publish_request *request)
{
    size_t dash = str_find_byte(text, '-');
    uint64_t seq, part;
    if (dash == text.len || str_to_u64(str_slice(text, 0, dash), &seq) != STATUS_OK ||
        str_to_u64(str_slice(text, dash + 1, text.len), &part) != STATUS_OK)
        return error_set(&request->error, STATUS_UNAVAILABLE,
                         "expected a stream id like 18-0 from the script, got \"" STR_FMT "\"",
                         (int)MIN_OF(text.len, (size_t)60), text.data != NULL ? text.data : "");
    if (seq >= (uint64_t)stream_seq_max)
        return error_set(&request->error, STATUS_UNAVAILABLE,
                         "the stream's last id " STR_FMT " is not refreshd's and leaves no room "
                         "behind it: delete the stream, or set another [redis] prefix",
                         STR_ARG(text));
    request->stream_last = (int64_t)seq;
    return STATUS_OK;
}

void publish_redis_script_answer(const struct redisReply *reply, struct publish_request *request,
                                 struct str *ret_refused)
{
    *ret_refused = STR_NONE;
    request->status = STATUS_UNAVAILABLE;
    struct str verdict = reply->type == REDIS_REPLY_ARRAY && reply->elements == 4
                             ? reply_text(reply->element[0])
                             : STR_NONE;
    bool agreed = str_eq(verdict, STR("OK"));
    if (!agreed && !str_eq(verdict, STR("CONFLICT"))) {
        error_set(&request->error, STATUS_UNAVAILABLE,
                  "expected the script's own answer, got something else: is this a Redis?");
        return;
    }
    read_log(reply_text(reply->element[1]), request);
    if (read_stream(reply_text(reply->element[2]), request) != STATUS_OK)
        return;
    if (request->kind == PUBLISH_PROBE)
        request->hash_exists = str_is_set(reply_text(reply->element[3]));
    else
        *ret_refused = reply_text(reply->element[3]);
    request->status = STATUS_OK;
    if (!agreed)
        request->status =
            error_set(&request->error, STATUS_CONFLICT,
                      "Redis stands elsewhere: log \"%s\" at %lld, stream at %lld; expected %lld",
                      request->remote_log_id, (long long)request->remote_last,
                      (long long)request->stream_last, (long long)request->expected_last);
}
