/** The whole program behind main(). */
#ifndef DAEMON_H
#define DAEMON_H

/** Returns the exit status (exit_status.h). */
int daemon_main(int argc, char *argv[]);

#endif
