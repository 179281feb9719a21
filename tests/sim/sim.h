/**
 * One seed, one life: connectors, people and their grants over days of virtual time, with lost
 * answers, crashes, a store that fails, a Redis that forgets; then peace, in which all must come
 * right. What must hold at every instant is checked at every instant (sim_check.c).
 *
 *     struct sim_report report = sim_run(seed, 2);
 *     if (report.fault[0] != '\0') …   // says what broke and when; the same seed breaks again
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "support/world.h"

enum {
    SIM_FAULT_MAX = 400,
    SIM_CALLS_MAX = 32,
    SIM_CONNECTORS_MAX = 3,
    SIM_PRESENTATIONS_MAX = 40
};

struct sim_report {
    char fault[SIM_FAULT_MAX]; /* empty: all held */
    uint64_t trace;
    int crashes;
    size_t connections, presented, refreshed, lost, events;
    int64_t lived_ms;
};

struct sim {
    struct world *world;
    struct fake_random random; /* of what people and fate do */
    struct fake_random faults; /* of what fails */
    bool is_peace;             /* faults have stopped */
    size_t connector_count;
    int secrets[SIM_CONNECTORS_MAX]; /* how often each was rotated */
    size_t next_person;
    struct world_call *tokens[SIM_CALLS_MAX]; /* token calls whose answers are to be checked */
    int64_t redis_floor;                      /* what stood in the log when Redis lost its data */
    struct sim_report report;
};

struct sim_report sim_run(uint64_t seed, int64_t days);

/** The first violation stands. */
void sim_fail(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
/** Hooks into the world, for the whole life. */
void sim_check_begin(struct sim *sim);
/** What must hold once faults have stopped for long enough. */
void sim_check_end(struct sim *sim);
/** The grant whose token the store holds for a connection; NULL: none is held. */
struct fake_grant *sim_grant_of(const struct sim *sim, const struct connection *connection,
                                int64_t *ret_serial);

#endif
