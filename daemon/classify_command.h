/** `refreshd --classify PROVIDER`: what answers mean, one JSON object a line in and out. */
#ifndef CLASSIFY_COMMAND_H
#define CLASSIFY_COMMAND_H

/**
 * Reads standard input to its end, writes to standard output. A line that is no answer object gets
 * {"error": …} in its place, so that lines in and out correspond.
 *
 * @provider  id of a built-in profile, or the path of a profile's file (it ends in ".json")
 * Returns the exit status: 78 no such profile or a faulty one, 65 at least one line was no answer.
 */
int classify_command(const char *provider);

#endif
