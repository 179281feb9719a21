/** The command line of refreshd. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "common/error.h"

enum command {
    COMMAND_RUN,
    COMMAND_CHECK,
    COMMAND_CLASSIFY,
    COMMAND_VERSION,
    COMMAND_HELP,
};

struct options {
    enum command command;
    const char *config;   /* file */
    const char *provider; /* with COMMAND_CLASSIFY: id of a profile, or a profile's file */
};

/** STATUS_INVALID: a usage error, err says which. Texts are argv's. */
MUST_CHECK enum status options_parse(int argc, char *const argv[], struct options *ret_options,
                                     struct error *err);
const char *options_help(void);

#endif
