/**
 * libFuzzer over one session with a fake engine. The input is what a client says; bytes from 0xf0
 * on are steps of the world instead: an answer, a tick, an event, a drain.
 *
 *     fuzz_session -max_len=4096 corpus/session
 */
#include "common/memory.h"
#include "control/session.h"
#include "unit/control/fake_engine.h"

#include <stdlib.h>

struct peer {
    struct session *session;
    size_t unread;
    bool finished;
};

static void take_bytes(void *ctx, struct str bytes)
{
    struct peer *peer = ctx;
    peer->unread += bytes.len;
    if (peer->finished || bytes.len == 0 || bytes.data[bytes.len - 1] != '\n')
        abort(); /* nothing follows the last word, and a line is written whole */
}

static void take_finish(void *ctx)
{
    struct peer *peer = ctx;
    if (peer->finished)
        abort();
    peer->finished = true;
}

static size_t backlog(void *ctx)
{
    const struct peer *peer = ctx;
    return peer->unread;
}

static enum status reload(void *ctx UNUSED, struct error *ret_error UNUSED)
{
    return STATUS_OK;
}

/** One byte that is no text: something else than bytes from the client. */
static void step(struct engine *engine, struct control *control, struct peer *peer,
                 unsigned char what, struct now *now)
{
    switch (what % 8) {
    case 0:
        now->ms += 1000;
        session_tick(peer->session, *now);
        return;
    case 1:
        if (fake_engine_held(engine) > 0)
            fake_engine_resume(engine, what % fake_engine_held(engine));
        return;
    case 2:
        peer->unread = 0;
        session_drained(peer->session, *now);
        return;
    case 3:
        fake_engine_publish(engine, 40, 0);
        return;
    case 4:
        fake_engine_start_watch(engine);
        return;
    case 5:
        fake_engine_fail_watch(engine);
        return;
    case 6:
        session_half_close(peer->session, *now);
        return;
    default:
        control_drain(control, *now);
        return;
    }
}

/** Bytes from 0xf0 on are steps: the rarest in UTF-8. */
static void play(struct engine *engine, struct control *control, struct peer *peer,
                 struct str script)
{
    struct now now = {.ms = 1000000, .wall_ms = 1000000};
    while (script.len > 0) {
        unsigned char first = (unsigned char)script.data[0];
        if (first >= 0xf0) {
            step(engine, control, peer, first, &now);
            script = str_slice(script, 1, script.len);
            continue;
        }
        size_t len = 1;
        while (len < script.len && (unsigned char)script.data[len] < 0xf0)
            len++;
        session_feed(peer->session, str_slice(script, 0, len), now);
        script = str_slice(script, len, script.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer peer = {0};
    const struct access_rules rules = {.own_uid = 990};
    struct engine *engine = fake_engine_new();
    struct control *control = control_new(engine, &rules, (struct control_hooks){.reload = reload});
    const struct session_output output = {
        .ctx = &peer, .write = take_bytes, .finish = take_finish, .backlog = backlog};
    peer.session = session_new(control, &(struct session_peer){0}, output,
                               (struct now){.ms = 1000000, .wall_ms = 1000000});
    play(engine, control, &peer, (struct str){.data = (const char *)data, .len = size});
    session_free(peer.session);
    control_free(control);
    fake_engine_free(engine);
    return 0;
}
