/**
 * Bytes as text: hex, base64, base64url, form encoding; over libsodium where it has it. All append
 * to out and may set out->overflowed; a decoder that fails leaves out as it was.
 *
 *     buf_append(&body, STR("&refresh_token="));
 *     encoding_form(secret_str(token), &body); // body.secret is set
 */
#ifndef COMMON_ENCODING_H
#define COMMON_ENCODING_H

#include "common/buf.h"

/** Lower-case hex. */
void encoding_hex(struct str bytes, struct buf *out);
/** Either case, even length; appends the bytes. STATUS_INVALID else. */
MUST_CHECK enum status encoding_unhex(struct str text, struct buf *out);
/** RFC 4648 §4 with padding; §5 (base64url) without. */
void encoding_base64(struct str bytes, struct buf *out);
void encoding_base64url(struct str bytes, struct buf *out);
/** Takes padding or none. STATUS_INVALID else. */
MUST_CHECK enum status encoding_unbase64(struct str text, struct buf *out);
MUST_CHECK enum status encoding_unbase64url(struct str text, struct buf *out);
/** The 32 bytes of SHA-256 (FIPS 180-4), not as text. */
void encoding_sha256(struct str bytes, struct buf *out);
/** application/x-www-form-urlencoded, as RFC 6749 appendix B wants it (space is '+'). */
void encoding_form(struct str text, struct buf *out);
/** The other way round; STATUS_INVALID on a broken escape. */
MUST_CHECK enum status encoding_unform(struct str text, struct buf *out);
/** One URI component (RFC 3986 §2.3 unreserved stay, space is %20). */
void encoding_uri_component(struct str text, struct buf *out);
/** Text fit for one log line or error: printable UTF-8 (no controls, no bidirectional overrides),
 * other bytes as \xNN; at most max bytes, cut between characters. */
void encoding_printable(struct str text, size_t max, struct buf *out);

#endif
