#include "store/harness.h"

#include "store/cmocka_all.h"

static void wake(void *ctx)
{
    struct harness *h = ctx;
    pthread_mutex_lock(&h->mutex);
    h->wakes++;
    pthread_cond_signal(&h->woken);
    pthread_mutex_unlock(&h->mutex);
}

void harness_init_inbox(struct harness *h)
{
    *h = (struct harness){0};
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->woken, NULL);
    h->inbox = inbox_new(wake, h);
}

void harness_init(struct harness *h, const struct store_backend *backend)
{
    harness_init_inbox(h);
    h->backend = backend;
    h->ctx = backend->create(h->inbox, &h->port);
    assert_non_null(h->ctx);
}

void harness_restart(struct harness *h)
{
    h->backend->restart(h->ctx, h->inbox, &h->port);
}

void harness_deinit_inbox(struct harness *h)
{
    inbox_free(h->inbox);
    pthread_cond_destroy(&h->woken);
    pthread_mutex_destroy(&h->mutex);
}

void harness_deinit(struct harness *h)
{
    h->backend->destroy(h->ctx);
    harness_deinit_inbox(h);
}

static void count_up(struct completion *self, struct now now)
{
    (void)self;
    (void)now;
}

void harness_send_write(struct harness *h, struct store_write *write)
{
    write->completion.resume = count_up;
    h->port.write(h->port.ctx, write);
}

void harness_send_read(struct harness *h, struct store_read *read)
{
    read->completion.resume = count_up;
    h->port.read(h->port.ctx, read);
}

void harness_wait(struct harness *h, unsigned count)
{
    while (count > 0) {
        struct completion *done = inbox_take(h->inbox);
        if (done != NULL) {
            done->resume(done, (struct now){0});
            h->resumed++;
            count--;
            continue;
        }
        pthread_mutex_lock(&h->mutex);
        while (h->wakes == 0)
            pthread_cond_wait(&h->woken, &h->mutex);
        h->wakes = 0;
        pthread_mutex_unlock(&h->mutex);
    }
}

enum status harness_write(struct harness *h, struct store_write *write)
{
    harness_send_write(h, write);
    harness_wait(h, 1);
    return write->status;
}

enum status harness_read(struct harness *h, struct store_read *read)
{
    harness_send_read(h, read);
    harness_wait(h, 1);
    return read->status;
}

struct connection sample_connection(const char *id)
{
    return (struct connection){
        .id = str_c(id),
        .connector = STR("gcal"),
        .owner = {.app = STR("crm"), .user = str_c(id)},
        .account_id = STR("1093"),
        .account_label = STR("ana@example.com"),
        .account_verified = true,
        .phase = PHASE_CONNECTED,
        .created_ms = T0 - 5000,
        .requested_ms = T0 - 6000,
        .generation = 1,
        .sealed_access = STR("sealed\0access"),
        .sealed_refresh = STR("sealed refresh"),
        .refresh_print = STR("0123456789abcdef"),
        .token_type = STR("Bearer"),
        .issued_ms = T0,
        .lifetime_ms = 3600000,
        .expires_ms = T0 + 3600000,
        .scopes_asked = STR("calendar openid"),
        .scopes_granted = STR("openid"),
        .scopes_version = 1,
        .credential_version = 1,
        .due_ms = T0 + 60000,
        .last_success_ms = T0,
    };
}

struct connector sample_connector(const char *id)
{
    return (struct connector){
        .id = str_c(id),
        .name = STR("Google Calendar"),
        .type = CONNECTOR_APP_USER,
        .provider = STR("google"),
        .scopes = STR("calendar openid"),
        .scopes_version = 1,
        .credential_version = 1,
        .created_ms = T0,
    };
}

struct event_draft sample_event(const char *type, const char *subject)
{
    return (struct event_draft){
        .type = str_c(type),
        .subject = str_c(subject),
        .wall_ms = T0,
        .data = STR("{\"connection\":\"c-1\"}"),
    };
}

enum status put_connection(struct harness *h, const struct connection *connection)
{
    struct store_write *write = store_write_new(T0);
    store_write_put_connection(write, connection);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

enum status put_connector(struct harness *h, const struct connector *connector)
{
    struct store_write *write = store_write_new(T0);
    store_write_put_connector(write, connector);
    enum status status = harness_write(h, write);
    store_write_free(write);
    return status;
}

struct store_read *get_connection(struct harness *h, const char *id)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTIONS);
    read->ids = arena_alloc(&read->arena, sizeof(*read->ids));
    read->ids[0] = arena_copy(&read->arena, str_c(id));
    read->id_count = 1;
    (void)harness_read(h, read);
    return read;
}

int64_t append_event(struct harness *h, const struct event_draft *event, enum event_stamp stamp)
{
    struct store_write *write = store_write_new(T0);
    store_write_append_event(write, event, stamp);
    assert_int_equal(harness_write(h, write), STATUS_OK);
    int64_t seq = write->first_event_seq;
    store_write_free(write);
    return seq;
}

struct event_bounds get_bounds(struct harness *h)
{
    struct store_read *read = store_read_new(STORE_READ_EVENT_BOUNDS);
    assert_int_equal(harness_read(h, read), STATUS_OK);
    struct event_bounds bounds = read->bounds;
    store_read_free(read);
    return bounds;
}
