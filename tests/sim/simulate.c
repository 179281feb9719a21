/* simulate [--seeds N] [--first SEED] [--days N]: that many lives, and what broke in them. */
#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(FILE *to, int status)
{
    fputs("simulate [--seeds N] [--first SEED] [--days N]\n"
          "Lives of the engine among fakes that fail, one for each seed. A seed that breaks an\n"
          "invariant is printed; --first SEED --seeds 1 repeats it, WORLD_LOG=1 with its log.\n",
          to);
    return status;
}

/* The same seed must live the same life. */
static bool is_repeatable(uint64_t seed, int64_t days, const struct sim_report *first)
{
    struct sim_report again = sim_run(seed, days);
    return again.trace == first->trace && strcmp(again.fault, first->fault) == 0;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, seeds = 20;
    int64_t days = 2;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout, 0);
        if (i + 1 == argc)
            return usage(stderr, 2);
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seeds") == 0)
            seeds = number;
        else if (strcmp(argv[i], "--first") == 0)
            first = number;
        else if (strcmp(argv[i], "--days") == 0)
            days = (int64_t)number;
        else
            return usage(stderr, 2);
    }
    size_t failed = 0, presented = 0, lost = 0;
    int crashes = 0;
    double years = 0;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        struct sim_report report = sim_run(seed, days);
        if (seed % 16 == 0 && report.fault[0] == '\0' && !is_repeatable(seed, days, &report))
            strcpy(report.fault, "determinism: the same seed lived another life");
        if (report.fault[0] != '\0') {
            printf("seed %" PRIu64 ": %s\n", seed, report.fault);
            fflush(stdout);
            failed++;
        }
        presented += report.presented;
        lost += report.lost;
        crashes += report.crashes;
        years += (double)report.connections * (double)report.lived_ms / (365.0 * (double)DAY);
    }
    printf("seeds %" PRIu64 " to %" PRIu64 ": %zu failed; %.1f grant-years, %zu presentations, "
           "%d crashes, %zu grants lost to lost answers\n",
           first, first + seeds - 1, failed, years, presented, crashes, lost);
    return failed > 0;
}
