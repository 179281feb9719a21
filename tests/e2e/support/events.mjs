// refreshd's events as Redis holds them (docs/redis.md): the stream, the channels, the hash.

import assert from 'node:assert/strict';

import { assertFitsSchema } from './event-schema.mjs';
import { eventually } from './wait.mjs';

const PREFIX = 'refreshd:';

/** The stream, whole: [{id, type, subject, event}]. */
export async function readStream(redis, prefix = PREFIX) {
  const entries = await redis.with((client) => client.xRange(`${prefix}events`, '-', '+'));
  return entries.map(({ id, message }) => ({
    id,
    type: message.type,
    subject: message.subject,
    event: JSON.parse(message.event),
  }));
}

/** The hash of connections that need a reconnect: {connection id: event}. */
export async function readNeedsReconnect(redis, prefix = PREFIX) {
  const hash = await redis.with((client) => client.hGetAll(`${prefix}needs_reconnect`));
  return Object.fromEntries(Object.entries(hash).map(([id, event]) => [id, JSON.parse(event)]));
}

/** Waits for an event in the stream that fits, and returns it; its schema allows it. */
export async function streamEvent(redis, what, fits, options) {
  const event = await eventually(`event in the stream: ${what}`, async () => {
    const found = (await readStream(redis)).find(({ event }) => fits(event));
    return found?.event;
  }, { within: 20_000, ...options });
  assertFitsSchema(event);
  return event;
}

/** Everything PUBLISHed from now on: {messages: [{channel, event, at}], close()}. */
export async function subscribe(redis, prefix = PREFIX) {
  const client = await redis.client();
  const messages = [];
  await client.pSubscribe(`${prefix}events:*`, (message, channel) => {
    messages.push({ channel, event: JSON.parse(message), at: Date.now() });
  });
  return { messages };
}

/** The whole log as the daemon holds it, page by page, each event as its schema says. */
export async function readLog(rpc) {
  const events = [];
  for (;;) {
    const { items } = await rpc.call('list-events', { after: Number(events.at(-1)?.id ?? 0), limit: 500 });
    if (items.length === 0) return events;
    items.forEach(assertFitsSchema);
    events.push(...items);
  }
}

/** Each sequence number of the log stands in the stream once, in order, without a gap. */
export async function assertStreamIsLog(redis, rpc, options) {
  let stream;
  let log; // both as they were when they met: a sweep may go on writing
  await eventually('the stream has caught up with the log', async () => {
    [stream, log] = [await readStream(redis), await readLog(rpc)];
    return log.length > 0 && stream.at(-1)?.id === `${log.at(-1).id}-0`;
  }, { within: 30_000, ...options });
  assert.deepEqual(log.map((event) => event.id), log.map((_, i) => String(i + 1)), 'the log has no gaps');
  assert.deepEqual(stream.map(({ id }) => id).slice(0, log.length), log.map((event) => `${event.id}-0`),
    'the stream has every number of the log, once, in order');
  assert.deepEqual(stream.map(({ event }) => event).slice(0, log.length), log, 'and says the same');
  return log;
}

/** The hash is what the connections' states say. */
export async function assertHashIsState(redis, rpc) {
  await eventually('the hash equals the state', async () => {
    const hash = Object.keys(await readNeedsReconnect(redis)).sort();
    const { items } = await rpc.call('list-connections', { state: 'needs_reconnect', limit: 1000 });
    const state = items.map((item) => item.connection).sort();
    assert.deepEqual(hash, state);
    return true;
  });
}
