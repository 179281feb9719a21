/**
 * Where the rows of connections were seen last, by id: a look by place costs half of a look by id.
 * Only hints: what is found there is compared with the id before it is believed. All are forgotten
 * when something is rolled back or a row is deleted, since another may come to stand at its place.
 *
 *     sqlite_places_note(places, connection.id, place);  // read, or listed
 *     int64_t place = sqlite_places_find(places, id);    // 0: look by id
 */
#ifndef IO_STORE_SQLITE_PLACES_H
#define IO_STORE_SQLITE_PLACES_H

#include "common/str.h"

/** Hints kept: more than a daemon has connections in its window and in flight. */
enum { SQLITE_PLACES_MAX = 8192 };

struct sqlite_places;

struct sqlite_places *sqlite_places_new(void);
void sqlite_places_free(struct sqlite_places *places);

void sqlite_places_note(struct sqlite_places *places, struct str id, int64_t place);
/** 0: not known. */
int64_t sqlite_places_find(const struct sqlite_places *places, struct str id);
void sqlite_places_forget(struct sqlite_places *places);

#endif
