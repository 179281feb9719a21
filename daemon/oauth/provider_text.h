/**
 * What a provider wrote, made fit for a log line, an event, a person: printable, on one line, cut,
 * and without anything that equals a secret.
 *
 *     provider_text_clean(STR("Refresh token\ninvalid: abc123"), verdict.provider_message,
 *                         sizeof(verdict.provider_message));
 *     oauth_scrub(secrets, 2, verdict.provider_message);   // "Refresh token invalid: ***"
 */
#ifndef OAUTH_PROVIDER_TEXT_H
#define OAUTH_PROVIDER_TEXT_H

#include "common/str.h"

/** Control and other unprintable characters become blanks, runs of blanks one; cut to size - 1. */
void provider_text_clean(struct str text, char *to, size_t size);

/** An error word as a reason: lower case, `_` for all that is no letter or digit. */
void provider_text_word(struct str text, char *to, size_t size);

#endif
