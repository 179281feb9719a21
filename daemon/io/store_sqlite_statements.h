/** The SQL, named. What lists a record's columns is written from its table of columns. */
#ifndef IO_STORE_SQLITE_STATEMENTS_H
#define IO_STORE_SQLITE_STATEMENTS_H

#include "common/buf.h"

#include <sqlite3.h>

enum sqlite_sql {
    SQL_BEGIN_WRITE,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVEPOINT,
    SQL_SAVEPOINT_BACK,
    SQL_SAVEPOINT_END,

    SQL_META_GET,
    SQL_META_PUT,

    SQL_CONNECTION_FACTS, /* what an update has to know of the row as it is */
    SQL_CONNECTION_INSERT,
    SQL_CONNECTION_UPDATE,
    SQL_CONNECTION_REFRESH, /* of one that was read and is otherwise as it was */
    SQL_CONNECTION_BY_ID,
    SQL_CONNECTION_AT, /* where it was seen */
    SQL_CONNECTION_BY_OWNER,
    SQL_CONNECTION_STAMP,
    SQL_OWNER_PUT,
    SQL_OWNER_DROP,
    SQL_TALLY_ADD,
    SQL_TALLY_INSERT,
    SQL_TALLY_CLEAN,
    SQL_TALLY_LIVE, /* is any of a connector's connections connected? */
    SQL_TALLY_READ,
    SQL_DUE,
    SQL_DUE_OF,       /* of a connector that has many of all connections */
    SQL_DUE_OF_SMALL, /* of one that has few */
    SQL_TALLY_SHARE,  /* of one connector, of all */
    SQL_ALERTS,

    SQL_ATTEMPT_OPEN,
    SQL_ATTEMPT_OPEN_AT, /* where it stands is known */
    SQL_ATTEMPT_CLOSE,
    SQL_ATTEMPT_CLOSE_AT,
    SQL_ATTEMPT_DROP, /* whichever it is */
    SQL_ATTEMPTS,

    SQL_CONNECTOR_INSERT,
    SQL_CONNECTOR_UPDATE,
    SQL_CONNECTORS,
    SQL_CONNECTOR_DELETE,
    SQL_CONNECTOR_DROP_ATTEMPTS,
    SQL_CONNECTOR_DROP_RESCUES,
    SQL_CONNECTOR_INDEX_EVENTS, /* the chains end with their connections */
    SQL_CONNECTOR_DROP_OWNERS,
    SQL_CONNECTOR_DROP_CONNECTIONS,
    SQL_CONNECTOR_DROP_TALLY,
    SQL_CONNECTOR_DROP_CREDENTIALS,
    SQL_CONNECTOR_DROP_ACCOUNTS,
    SQL_ACCOUNT_PUT,
    SQL_ACCOUNT_DROP,
    SQL_CONNECTIONS_BY_ACCOUNT,
    SQL_NOTE_READ,
    SQL_SEEN_PUT,
    SQL_SEEN,
    SQL_SEEN_PURGE,
    SQL_CONNECTOR_DROP_REVOCATIONS,
    SQL_CONNECTOR_DROP_FLOWS,
    SQL_CONNECTOR_STAMP_ROTATED,
    SQL_CONNECTOR_STAMP_RESCOPED,
    SQL_CREDENTIAL_PUT,
    SQL_CREDENTIALS,

    SQL_LOG_LAST,
    SQL_LOG_STATE,
    SQL_LOG_PUBLISHED,
    SQL_EVENT_APPEND,
    SQL_EVENTS,
    SQL_EVENTS_OF_SUBJECT,
    SQL_EVENT_WALL,
    SQL_EVENT_FIRST_WAITING,
    SQL_RENUMBER_AWAY,
    SQL_RENUMBER_BACK,
    SQL_RENUMBER_CHAINS,
    SQL_RENUMBER_LAST_EVENTS,
    SQL_RENUMBER_ALERTS,
    SQL_RENUMBER_CONNECTORS,
    SQL_RENUMBER_LAST,
    SQL_PURGE_BOUND,
    SQL_PURGE,
    SQL_PURGE_NOTE,

    SQL_AUDIT_APPEND,
    SQL_AUDIT,
    SQL_AUDIT_PURGE,
    SQL_TOKEN_USE_ADD,
    SQL_TOKEN_USES,
    SQL_TOKEN_USE_PURGE,
    SQL_FLOW_INSERT,
    SQL_FLOW_TAKE,
    SQL_FLOW_BY_PRINT,
    SQL_FLOW_COUNT,
    SQL_FLOW_FIRST_END,
    SQL_FLOW_PURGE,
    SQL_FLOWS_DROP,
    SQL_PENDING_FIRST,
    SQL_PENDING_OVER,
    SQL_PENDING_DROP,

    SQL_REVOCATION_PUT,
    SQL_REVOCATION_DROP,
    SQL_REVOCATIONS,
    SQL_RESCUE_APPEND,
    SQL_RESCUE_TRIM,
    SQL_RESCUE_DROP,
    SQL_COUNT,
};

/** SQLite's code. */
int sqlite_statement_prepare(sqlite3 *handle, enum sqlite_sql sql, sqlite3_stmt **ret);

/** "SELECT <a connection> FROM connection c …": its columns, version, attempt's id and start. */
void sqlite_statement_select_connection(bool without_sealed, struct buf *out);

#endif
