/** refreshctl's exit statuses, as refreshctl(1) documents them. */
#ifndef CTL_EXIT_H
#define CTL_EXIT_H

enum ctl_exit {
    CTL_EXIT_OK = 0,
    CTL_EXIT_ERROR = 1,     /* the daemon answered with an error, or output can't be written */
    CTL_EXIT_USAGE = 2,     /* the command line is at fault, nothing was sent */
    CTL_EXIT_NO_DAEMON = 3, /* nobody answers at the socket */
    CTL_EXIT_FORBIDDEN = 4, /* this user may not */
    CTL_EXIT_NEEDS_RECONNECT = 5, /* a person has to reconnect first */
};

#endif
