#include "io/publish_redis_error.h"

#include "common/encoding.h"

struct fault_row {
    enum publish_redis_fault fault;
    const char *word; /* how the message begins, blank or not */
    const char *text; /* what is wrong, and what to do */
};

/* First match wins. */
static const struct fault_row fault_rows[] = {
    {PUBLISH_REDIS_FAULT_OOM, "OOM ", "Redis is out of memory: raise maxmemory or free some"},
    {PUBLISH_REDIS_FAULT_READONLY, "READONLY ",
     "this Redis is a read-only replica: [redis] url must lead to the master"},
    {PUBLISH_REDIS_FAULT_NOPERM, "NOPERM ",
     "the ACL user lacks a right (docs/redis.md lists them)"},
    {PUBLISH_REDIS_FAULT_NOPERM, "ERR The user executing the script can't ",
     "the ACL user lacks a right (docs/redis.md lists them)"},
    {PUBLISH_REDIS_FAULT_NOPERM, "The user executing the script can't ",
     "the ACL user lacks a right (docs/redis.md lists them)"},
    {PUBLISH_REDIS_FAULT_NOAUTH, "NOAUTH ", "Redis asks for a password: set [redis] password_file"},
    {PUBLISH_REDIS_FAULT_WRONGPASS, "WRONGPASS ",
     "Redis refuses the user or the password: see [redis] username, password_file"},
    {PUBLISH_REDIS_FAULT_WRONGPASS, "ERR invalid password",
     "Redis refuses the password: see [redis] password_file"},
    {PUBLISH_REDIS_FAULT_WRONGPASS, "ERR wrong number of arguments for 'auth'",
     "Redis before 6.0 knows no users: leave the user name out of the configuration"},
    {PUBLISH_REDIS_FAULT_WRONGPASS, "ERR Client sent AUTH",
     "Redis knows no password: take it out of the configuration"},
    {PUBLISH_REDIS_FAULT_WRONGPASS, "ERR AUTH",
     "Redis knows no password: take it out of the configuration"},
    {PUBLISH_REDIS_FAULT_LOADING, "LOADING ", "Redis is loading its data"},
    {PUBLISH_REDIS_FAULT_MISCONF, "MISCONF ",
     "Redis can't save to disk and refuses to write: see its log"},
    {PUBLISH_REDIS_FAULT_NOREPLICAS, "NOREPLICAS ",
     "Redis refuses to write without enough good replicas"},
    {PUBLISH_REDIS_FAULT_WRONGTYPE, "WRONGTYPE ",
     "a key under [redis] prefix is somebody else's: delete it or set another prefix"},
    {PUBLISH_REDIS_FAULT_BUSY, "BUSY ", "Redis is busy running a script"},
    {PUBLISH_REDIS_FAULT_MASTERDOWN, "MASTERDOWN ",
     "this Redis is a replica that has lost its master"},
    {PUBLISH_REDIS_FAULT_CLUSTER, "MOVED ",
     "this is a node of a Redis Cluster, which is not supported"},
    {PUBLISH_REDIS_FAULT_CLUSTER, "ASK ",
     "this is a node of a Redis Cluster, which is not supported"},
    {PUBLISH_REDIS_FAULT_CLUSTER, "CROSSSLOT ",
     "this is a node of a Redis Cluster, which is not supported"},
    {PUBLISH_REDIS_FAULT_CLUSTER, "CLUSTERDOWN ",
     "this is a node of a Redis Cluster, which is not supported"},
    {PUBLISH_REDIS_FAULT_CLIENTS, "ERR max number of clients",
     "Redis takes no more clients: see its maxclients"},
    {PUBLISH_REDIS_FAULT_UNKNOWN_COMMAND, "ERR unknown command",
     "Redis does not know a command that refreshd needs (5.0 is the oldest that fits)"},
    {PUBLISH_REDIS_FAULT_UNKNOWN_COMMAND, "ERR unknown subcommand",
     "Redis does not know a command that refreshd needs (5.0 is the oldest that fits)"},
    {PUBLISH_REDIS_FAULT_UNKNOWN_COMMAND, "ERR Unknown Redis command",
     "Redis does not know a command that refreshd needs (5.0 is the oldest that fits)"},
    {PUBLISH_REDIS_FAULT_UNKNOWN_COMMAND, "Unknown Redis command",
     "Redis does not know a command that refreshd needs (5.0 is the oldest that fits)"},
    {PUBLISH_REDIS_FAULT_NOSCRIPT, "NOSCRIPT ", "Redis has lost the script"},
};

/** Redis 5 and 6 put the script's place before an error: "@user_script: 12: -OOM command …". */
static struct str unwrap(struct str message)
{
    struct str place = STR("@user_script: ");
    for (size_t i = 0; i + place.len < message.len; i++) {
        if (!str_starts_with(str_slice(message, i, message.len), place))
            continue;
        for (size_t at = i + place.len; at + 1 < message.len; at++) {
            if (message.data[at] == ' ')
                return str_slice(message, message.data[at + 1] == '-' ? at + 2 : at + 1,
                                 message.len);
        }
    }
    return message;
}

static const struct fault_row *find_row(struct str message)
{
    for (size_t i = 0; i < ARRAY_LEN(fault_rows); i++) {
        if (str_starts_with(message, str_c(fault_rows[i].word)))
            return &fault_rows[i];
    }
    return NULL;
}

enum publish_redis_fault publish_redis_fault_of(struct str message)
{
    const struct fault_row *row = find_row(unwrap(message));
    return row == NULL ? PUBLISH_REDIS_FAULT_OTHER : row->fault;
}

/** Without the arguments that "unknown command" quotes: they are events, or a password. */
static struct str harmless(struct str message)
{
    static const char *const quotes[] = {", with args", " with args"};
    for (size_t q = 0; q < ARRAY_LEN(quotes); q++) {
        for (size_t i = 0; i < message.len; i++) {
            if (str_starts_with(str_slice(message, i, message.len), str_c(quotes[q])))
                return str_slice(message, 0, i);
        }
    }
    return message;
}

enum { MESSAGE_SHOWN_MAX = 160 };

enum status publish_redis_fault_set(struct error *err, const char *doing, struct str message)
{
    struct str own = unwrap(message);
    const struct fault_row *row = find_row(own);
    if (str_eq(str_c(doing), STR("AUTH")))
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s", doing,
                         row != NULL ? row->text : "Redis refuses it");
    CLEANUP(buf_deinit) struct buf shown = {0};
    encoding_printable(str_trim(harmless(own)), MESSAGE_SHOWN_MAX, &shown);
    if (row == NULL)
        return error_set(err, STATUS_UNAVAILABLE, "%s: Redis answers: %s", doing, buf_c(&shown));
    return error_set(err, STATUS_UNAVAILABLE, "%s: %s (%s)", doing, row->text, buf_c(&shown));
}
