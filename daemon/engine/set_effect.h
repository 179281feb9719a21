/**
 * What one security event does: each connection of that account under that provider is marked as
 * suspected and refreshed at once; the refresh decides. Written together with the event's id, so
 * that it happens once.
 */
#ifndef ENGINE_SET_EFFECT_H
#define ENGINE_SET_EFFECT_H

#include "engine/catalog.h"
#include "oauth/security_event.h"

enum { SET_EFFECT_PAGE = 100, SET_EFFECT_TRIES_MAX = 8 };

/** @is_done  it is durable, now or from before; else the store did not take it: another time */
typedef void set_effect_done(void *user, bool is_done, struct now now);

/** All is copied. done() is called on a later turn, exactly once. */
void set_effect_start(struct engine *engine, struct str profile, struct str id,
                      const struct security_event *event, set_effect_done *done, void *user);

#endif
