/** What the fake store's files share. */
#ifndef SUPPORT_FAKE_STORE_STATE_H
#define SUPPORT_FAKE_STORE_STATE_H

#include "support/fake_store.h"
#include "support/fake_tree.h"

enum { FAKE_STORE_FAULTS_MAX = 8 };

struct fake_row {
    struct fake_node by_id, by_due;
    struct connection connection;
    struct str attempt_print; /* set with connection.attempt_id */
    struct arena arena;
};

struct fake_owner {
    struct fake_node by_key;
    struct str connector, key;
    struct fake_row *row;
    struct arena arena;
};

struct fake_connector_row {
    struct connector connector;
    struct arena arena;
};

struct fake_credential_row {
    struct credential credential;
    struct arena arena;
};

struct fake_event {
    struct stored_event event;
    struct arena arena;
};

struct fake_request {
    struct store_write *write; /* one of both */
    struct store_read *read;
};

struct fake_store {
    struct fake_clock *clock;
    struct inbox *inbox;
    int64_t latency_ms;
    bool is_cut;
    struct fake_request *queue;
    size_t queue_head, queue_count, queue_capacity;
    bool is_working;
    struct fake_store_fault faults[FAKE_STORE_FAULTS_MAX];
    size_t fault_count;
    int failing_reads;
    struct fake_store_odds odds;
    struct fake_store_hooks hooks;
    struct store_health health;

    struct fake_tree by_id, by_due, owners;
    struct fake_connector_row **connectors;
    size_t connector_count;
    struct fake_credential_row **credentials;
    size_t credential_count;
    struct fake_event **events;
    size_t event_count, event_capacity;
    int64_t last, published, purged;
    int64_t last_commit_ms;
    struct audit_entry *audit;
    size_t audit_count;
    int64_t audit_last;
    struct fake_row *leaving; /* while a write is looked at: who lets go of apps in it */
    struct str *rescues;
    size_t rescue_count;
    struct str *metas; /* name, value, name, value */
    size_t meta_count;
    struct revocation *revocations; /* of any order */
    size_t revocation_count;
    struct token_use *token_uses; /* likewise */
    size_t token_use_count;
    struct flow *flows; /* likewise */
    size_t flow_count;
    struct fake_seen {
        struct str source, id;
        int64_t until_ms;
    } * seen;
    size_t seen_count;
    struct arena arena; /* of audit, rescues, metas, revocations and token uses */
};

/* fake_store_rows.c: NULL where there is none */
struct fake_row *fake_store_row(const struct fake_store *store, struct str id);
struct fake_owner *fake_store_owner(const struct fake_store *store, struct str connector,
                                    struct str key);
struct fake_connector_row *fake_store_connector_row(const struct fake_store *store, struct str id);
void fake_store_put_connection(struct fake_store *store, const struct connection *c);
/** With its keys; frees it. */
void fake_store_drop_row(struct fake_store *store, struct fake_row *row);
/** All but the newest `keep` of a connection. */
void fake_store_drop_rescues(struct fake_store *store, struct str connection, size_t keep);
void fake_store_note_read(struct fake_store *store, const struct store_op *op);
/** No other connection, but for the one that leaves, has a key of this one's owner. */
bool fake_store_keys_are_free(struct fake_store *store, const struct connection *c);

/* fake_store_check.c */
/** STATUS_CONFLICT: write->error says why. */
enum status fake_store_check(struct fake_store *store, struct store_write *write);

/* fake_store_log.c */
void fake_store_append_event(struct fake_store *store, struct store_write *write,
                             const struct store_op *op);
/** The numbers of a write's events go into the records that they are stamped into. */
void fake_store_stamp(struct fake_store *store, const struct store_write *write);
void fake_store_restart_log(struct fake_store *store, const struct store_op *op);
void fake_store_purge_events(struct fake_store *store, int64_t before_wall_ms);

/* fake_store_write.c, fake_store_read.c */
/** All of it, or nothing and why. */
enum status fake_store_apply(struct fake_store *store, struct store_write *write);
void fake_store_answer(struct fake_store *store, struct store_read *read);
void fake_store_wipe(struct fake_store *store);

#endif
