// How fast a backlog reaches Redis, what that does to the daemon's memory, and what Redis could take.

import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';

import { connectRedis } from '../e2e/support/redis.mjs';
import { eventually, sleep } from '../e2e/support/wait.mjs';
import { fillLog, redisBenchmark } from './parts.mjs';

const SAMPLE_EVERY_MS = 20;
const AWAY_MS = 1500; // long enough for the daemon to have found out that Redis is not there
const WITHIN_MS = 300_000;

/** VmRSS or VmHWM of a process, in KiB. */
async function memory(pid, name) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)[1]);
}

/** Rate between the first tenth and the last event. */
async function drain(redis, from, to) {
  const client = await connectRedis(redis.socket);
  const samples = [];
  try {
    await eventually('the backlog is drained', async () => {
      const log = await client.get('refreshd:log');
      samples.push({ ms: performance.now(), at: Number(log?.split(' ')[1] ?? 0) });
      return samples.at(-1).at >= to;
    }, { within: WITHIN_MS, every: SAMPLE_EVERY_MS });
    const first = samples.find(({ at }) => at >= from + (to - from) / 10);
    const last = samples.at(-1);
    return ((last.at - first.at) * 1000) / (last.ms - first.ms);
  } finally {
    client.destroy();
  }
}

/** Redis began with nothing: so many entries were ever added as the last has for a number, each once. */
async function assertWhole(redis, to) {
  const client = await connectRedis(redis.socket);
  const info = await client.xInfoStream('refreshd:events').finally(() => client.destroy());
  const [added, last] = [info['entries-added'], info['last-generated-id']];
  if (last !== `${to}-0` || (added !== undefined && added !== to)) throw new Error(`${added} entries were added to the stream up to ${last}, not ${to}`);
}

/** One entry's size, as redis-benchmark is to write it: {type, subject, event}. */
async function newestEntry(redis) {
  const client = await connectRedis(redis.socket);
  const [entry] = await client.xRevRange('refreshd:events', '+', '-', { COUNT: 1 }).finally(() => client.destroy());
  return entry.message;
}

/** The daemon and Redis are stopped; the store has a connection.refreshed to copy. */
export async function measureFast({ daemon, redis }, { events }) {
  const { to } = await fillLog(daemon.database, events);
  await redis.forget();
  await daemon.start();
  await sleep(AWAY_MS);
  const waiting = await memory(daemon.pid, 'VmHWM');
  await redis.start();
  const rate = await drain(redis, to - events, to);
  await assertWhole(redis, to);
  const drained = await memory(daemon.pid, 'VmHWM');
  const entry = await newestEntry(redis);
  await daemon.stop();
  const plain = await redisBenchmark(redis, { entry, requests: Math.min(events, 100_000), pipeline: 1 });
  const pipelined = await redisBenchmark(redis, { entry, requests: events, pipeline: 16 });
  return { rate, plain, pipelined, bytes: entry.event.length, waitingKib: waiting, grownKib: drained - waiting };
}
