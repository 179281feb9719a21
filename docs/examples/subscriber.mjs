// A subscriber with a consumer group: several of these may run, each event goes to one of them, and
// one that dies leaves its work to the others. Needs Node.js >= 20, `npm install redis`, Redis >= 6.2.
//
//     REDIS_URL=redis://127.0.0.1:6379/0 node subscriber.mjs
//
// REDIS_SOCKET instead: a Unix socket. PREFIX: of [redis] prefix. GROUP, CONSUMER: who we are.
// LAST_FILE: where the number of the last event that was dealt with is kept.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import process from 'node:process';

import { createClient } from 'redis';

const {
  REDIS_URL, REDIS_SOCKET, PREFIX = 'refreshd:', GROUP = 'mailer', CONSUMER = hostname(), LAST_FILE = 'subscriber-mjs.last',
} = process.env;
const STREAM = `${PREFIX}events`;
const BATCH = 10;
const BLOCK_MS = 2_000;
const ABANDONED_MS = 60_000; // another consumer has had it for so long: it is dead

/** What to do about an event. Here: a line for each; yours may mail somebody. */
function handle({ id, type, subject, data }) {
  const { remedy, severity } = data;
  const what = type === 'connection.needs_reconnect' && severity === 'action'
    ? `ask ${remedy.actor} ${remedy.actor_id ?? ''} to reconnect ${subject}: ${data.reason}`
    : type;
  console.log(`${id}\t${subject}\t${what}`);
}

/* Redis hands out old entries again after it was emptied, and an entry that was handled and not
 * acknowledged when somebody died. The number of the last one that was dealt with tells. With more
 * than one consumer, keep the ids where all of them look: a table with a unique (source, id). */
let last = await readFile(LAST_FILE, 'utf8').then(Number, () => 0);

async function remember(id) {
  last = id;
  await writeFile(`${LAST_FILE}.new`, `${id}\n`);
  await rename(`${LAST_FILE}.new`, LAST_FILE);
}

async function deal(client, entries) {
  for (const { id, message } of entries) {
    const number = Number.parseInt(id, 10);
    if (message && number > last) { // no message: it was trimmed before anybody read it
      handle(JSON.parse(message.event));
      await remember(number);
    }
    await client.xAck(STREAM, GROUP, id);
  }
}

/** The group may be made before there is a stream, and is gone when Redis was emptied. */
async function makeGroup(client) {
  await client.xGroupCreate(STREAM, GROUP, `${last}-0`, { MKSTREAM: true }).catch((error) => {
    if (!error.message.startsWith('BUSYGROUP')) throw error;
  });
}

/** @from '0': what we were given and did not acknowledge; '>': what nobody was given yet */
async function read(client, from) {
  const streams = await client.xReadGroup(GROUP, CONSUMER, { key: STREAM, id: from }, { COUNT: BATCH, BLOCK: BLOCK_MS });
  return streams?.[0]?.messages ?? [];
}

async function work(client) {
  await makeGroup(client);
  for (let entries; (entries = await read(client, '0')).length > 0;) await deal(client, entries);
  let claimed = 0;
  while (!stopping) {
    if (Date.now() - claimed > ABANDONED_MS) {
      const { messages } = await client.xAutoClaim(STREAM, GROUP, CONSUMER, ABANDONED_MS, '0', { COUNT: BATCH });
      await deal(client, messages.filter(Boolean));
      claimed = Date.now();
    }
    await deal(client, await read(client, '>'));
  }
}

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { stopping = true; });

while (!stopping) {
  const client = createClient({
    ...(REDIS_SOCKET ? {} : { url: REDIS_URL ?? 'redis://127.0.0.1:6379/0' }),
    socket: { ...(REDIS_SOCKET && { path: REDIS_SOCKET }), reconnectStrategy: false },
  }).on('error', () => {}); // the pending command's promise tells
  try {
    await client.connect();
    await work(client);
  } catch (error) {
    console.error(`again in a second: ${error.message || error.code}`); // down, restarting, emptied (NOGROUP)
    await new Promise((resolve) => { setTimeout(resolve, 1_000); });
  }
  if (client.isOpen) client.destroy();
}
