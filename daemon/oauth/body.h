/**
 * The bytes of an answer as a JSON object, whatever the server called them: JSON is known by its
 * first byte, since Content-Type is wrong too often, and a form becomes an object of texts.
 *
 *     json = NULL;
 *     kind = body_parse(text, content_type, &json, &fault);   // BODY_OTHER, "json_truncated"
 */
#ifndef OAUTH_BODY_H
#define OAUTH_BODY_H

#include "oauth/profile_data.h"

/** @ret_json   set with BODY_OBJECT, the caller's to free
 *  @ret_fault  static text: why it is no object, for all kinds but BODY_OBJECT */
enum body_kind body_parse(struct str text, struct str content_type, struct json **ret_json,
                          const char **ret_fault);

#endif
