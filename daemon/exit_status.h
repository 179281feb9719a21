/** How the process ends (docs/operations.md "Exit statuses"), after sysexits(3). */
#ifndef EXIT_STATUS_H
#define EXIT_STATUS_H

enum exit_status {
    EXIT_STATUS_OK = 0,
    EXIT_STATUS_FAILED = 1,
    EXIT_STATUS_USAGE = 64,
    EXIT_STATUS_STORE = 65,    /* not a store, damaged, or of a newer schema */
    EXIT_STATUS_NO_KEY = 66,   /* key file missing */
    EXIT_STATUS_SOFTWARE = 70, /* our own mistake */
    EXIT_STATUS_CREATE = 73,   /* directory or socket can't be made */
    EXIT_STATUS_IO = 74,       /* input or output at start */
    EXIT_STATUS_BUSY = 75,     /* another daemon has the store */
    EXIT_STATUS_DENIED = 77,   /* wrong key or loose modes */
    EXIT_STATUS_CONFIG = 78,   /* configuration, profile or key length */
};

#endif
