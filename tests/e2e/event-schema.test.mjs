// Every type of event that the code can send has a schema and an example, and they agree.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertFitsSchema, codeTypes, documentedEvents, schemaTypes } from './support/event-schema.mjs';

test('every type that the code can send has a schema, and no other', () => {
  assert.deepEqual(schemaTypes(), codeTypes());
});

test('every type has an example in docs/events.md', () => {
  assert.deepEqual([...new Set(documentedEvents().map(({ type }) => type))].sort(), codeTypes());
});

test('every example fits its schema', () => {
  for (const event of documentedEvents()) assertFitsSchema(event);
});

const broken = [
  ['a missing member', (event) => delete event.data.remedy],
  ['a member that the schema does not name', (event) => { event.data.more = 1; }],
  ['another member of the envelope', (event) => { event.more = 1; }],
  ['a number as id', (event) => { event.id = 10; }],
  ['a time without milliseconds', (event) => { event.time = '2026-11-23T12:44:04Z'; }],
  ['a reason that is none of the closed set', (event) => { event.data.reason = 'expired'; }],
  ['a remedy without its path', (event) => delete event.data.remedy.path],
  ['needs_reconnect without a remedy', (event) => { event.data.remedy = null; }],
];
for (const [what, spoil] of broken) {
  test(`${what} is noticed`, () => {
    const event = documentedEvents().find(({ type }) => type === 'connection.needs_reconnect');
    spoil(event);
    assert.throws(() => assertFitsSchema(event), { name: 'AssertionError' });
  });
}
