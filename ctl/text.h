/**
 * Text for people: how wide it is on a terminal, made harmless, and times as they are said. Pure.
 *
 *     text_width(STR("日本")) == 4
 *     text_relative(then_ms, now_ms, &out);   // "in 4 min", "2 h ago", "now"
 */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include "common/buf.h"

/**
 * Columns that UTF-8 text takes: combining marks none, East Asian wide and emoji two (Unicode
 * UAX #11), a byte that is no UTF-8 one. Escape sequences are not known here: measure, then paint.
 */
size_t text_width(struct str text);
/** Append count blanks. */
void text_pad(size_t count, struct buf *out);
/**
 * Append text that came from elsewhere so that it cannot move the cursor, recolour the terminal or
 * turn the reading direction: control and direction characters become \xNN.
 */
void text_clean(struct str text, struct buf *out);
/** "in 4 min", "2 h ago", "now": one unit, rounded to the nearest. */
void text_relative(int64_t then_ms, int64_t now_ms, struct buf *out);
/** "2026-11-23 02:08:00Z": what a person reads; UTC, no fraction. */
void text_time(int64_t wall_ms, struct buf *out);
/** "1 connection", "2 connections". */
void text_count(int64_t count, const char *singular, struct buf *out);
/**
 * Break text at blanks so that no line passes width columns; following lines are indented.
 * @column  where the first line already stands
 */
void text_wrap(struct str text, size_t column, size_t indent, size_t width, struct buf *out);

#endif
