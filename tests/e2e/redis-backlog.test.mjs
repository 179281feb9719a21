// A backlog of many batches goes to Redis while Redis has trouble of every kind that does not lose
// data: several batches are under way each time. Afterwards every event stands in the stream once, in
// order, was told by PUBLISH at most once, and the daemon's memory did not grow with the backlog.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { REFRESHD } from './support/binaries.mjs';
import { eventually, sleep } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const EVENTS = 40_000; // about 160 batches
const GROWTH_MAX_KIB = 48 * 1024; // 32 MiB of it the store's page cache
const FILL_LOG = join(dirname(REFRESHD), 'bench', 'fill_log');

const faults = [
  (redis) => redis.with((client) => client.sendCommand(['SCRIPT', 'FLUSH'])),
  (redis) => redis.with((client) => client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'])),
  async (redis) => {
    redis.freeze();
    await sleep(150);
    redis.thaw();
  },
  (redis) => redis.with(async (client) => {
    await client.configSet('maxmemory', '1');
    await sleep(50);
    await client.configSet('maxmemory', '0');
  }),
  (redis) => redis.with(async (client) => {
    await client.sendCommand(['REPLICAOF', '127.0.0.1', '1']);
    await sleep(50);
    await client.sendCommand(['REPLICAOF', 'NO', 'ONE']);
  }),
];

async function memoryPeakKib(pid) {
  return Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]);
}

const isSanitized = async (pid) => (await readFile(`/proc/${pid}/maps`, 'utf8')).includes('/libasan.');

/** What Redis has of the log: its last number. */
const lastOf = (redis) => redis.with(async (client) => Number((await client.get('refreshd:log'))?.split(' ')[1] ?? 0));

/** All sequence numbers of the stream, in its order. */
const readIds = (redis) => redis.with(async (client) => {
  const ids = [];
  for (;;) {
    const page = await client.xRange('refreshd:events', ids.length > 0 ? `(${ids.at(-1)}-0` : '-', '+', { COUNT: 5_000 });
    if (page.length === 0) return ids;
    ids.push(...page.map(({ id }) => Number.parseInt(id, 10)));
  }
});

scenario('a long backlog under one fault after another: each event once, in order, and bounded memory', {
  provider: { accessTokenSeconds: 4, rotate: false },
}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar', register: { policy: { refreshed_events: true } } });
  await world.connect(connector);
  await eventually('a refresh to copy', () => world.redis.with(async (client) => (
    await client.xRange('refreshd:events', '-', '+')).some(({ message }) => message.type === 'connection.refreshed')), { within: 20_000 });
  await world.daemon.stop();
  const { stdout } = await promisify(execFile)(FILL_LOG, [world.daemon.database, String(EVENTS)]);
  const { from, to } = JSON.parse(stdout);

  const heard = [];
  const listener = await world.redis.client();
  await listener.pSubscribe('refreshd:events:*', (message) => heard.push(Number(/"id":"(\d+)"/.exec(message)[1])));
  await world.start();
  const before = await memoryPeakKib(world.daemon.pid);
  let struck = 0;
  for (; (await lastOf(world.redis)) < to; struck += 1) {
    await faults[struck % faults.length](world.redis);
    await sleep(100);
    assert.ok(struck < 400, 'the backlog is never drained');
  }
  assert.ok(struck >= faults.length, `only ${struck} faults fell into the drain`);

  const ids = await readIds(world.redis);
  assert.deepEqual(ids, Array.from({ length: ids.at(-1) }, (_, i) => i + 1), 'no gap, no double, in order');
  assert.ok(ids.at(-1) >= to);
  assert.equal(new Set(heard).size, heard.length, 'PUBLISHed at most once');
  assert.ok(heard.filter((id) => id >= from && id <= to).length > 0);
  if (!await isSanitized(world.daemon.pid)) {
    const grown = await memoryPeakKib(world.daemon.pid) - before;
    assert.ok(grown < GROWTH_MAX_KIB, `${grown} KiB more`);
  }
  process.stdout.write(`${EVENTS} events through ${struck} faults\n`);
});
