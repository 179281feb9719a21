// refreshd under closed-loop load: N connections, all overdue, drained as fast as it can. What it did
// is read from its own counters, what it cost from /proc.

import { readFile, readdir } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';

import { RpcClient } from '../e2e/support/rpc.mjs';
import { sleep } from '../e2e/support/wait.mjs';
import { copyState } from './parts.mjs';

const BATCH = 400; // connections on a line: a line has at most 1 MiB
const IMPORTS_PER_S = 1000; // it can do more; the tokens must not be due before the last is in
const SAMPLE_EVERY_MS = 50; // what a sample costs is in the daemon's figures
const TICKS_PER_S = 100; // of /proc/PID/stat, on every Linux that matters

const token = (letter, length, n) => letter.repeat(length - 10) + String(n).padStart(10, '0');

function connectionParams(n, lifetimeSeconds) {
  return {
    connector: 'bench',
    owner: { app: 'bench', user: `user-${n}` },
    acting_user: `user-${n}`,
    account: { id: `account-${n}`, label: `user-${n}@example.com` },
    tokens: {
      access_token: token('a', 1200, n),
      refresh_token: token('r', 512, n),
      expires_in: lifetimeSeconds,
      scope: 'openid calendar.readonly mail.send',
    },
  };
}

async function importAll(rpc, connections, lifetimeSeconds) {
  for (let n = 0; n < connections; n += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, connections - n) }, (_, i) => connectionParams(n + i, lifetimeSeconds));
    const { results } = await rpc.call('import', { connections: batch }, { within: 60_000 });
    const failed = results.find((result) => result.error);
    if (failed) throw new Error(`import failed: ${JSON.stringify(failed)}`);
  }
}

/** The value of a sample without labels, or with these. */
function metric(text, name) {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`refreshd_${name} `));
  if (!line) throw new Error(`metrics has no refreshd_${name}`);
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}

/** Of a process (/proc/PID) or one of its threads (/proc/PID/task/TID). */
async function cpuSeconds(directory) {
  const stat = await readFile(`${directory}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the first is field 3
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

async function findThread(pid, name) {
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const directory = `/proc/${pid}/task/${task}`;
    if ((await readFile(`${directory}/comm`, 'latin1')).trim() === name) return directory;
  }
  throw new Error(`refreshd has no thread ${name}`);
}

async function takeSample(rpc, pid, storeThread) {
  const { text } = await rpc.call('metrics');
  return {
    wallSeconds: performance.now() / 1000,
    cpuSeconds: await cpuSeconds(`/proc/${pid}`),
    storeSeconds: await cpuSeconds(storeThread),
    durable: metric(text, 'answer_durable_seconds_count'),
    refreshed: metric(text, 'refreshes_total{outcome="refreshed"}'),
    commits: metric(text, 'store_commits_total'),
    published: metric(text, 'events_published_total'),
    lag: metric(text, 'outbox_events'),
    durableSeconds: metric(text, 'answer_durable_seconds_sum'),
    requestSeconds: metric(text, 'token_request_seconds_sum'),
  };
}

/** Starts a daemon on an empty store, imports, waits until all are due, and stops it: the state every round begins with. */
export async function fillState({ daemon, redis, directory, connections }) {
  await redis.start();
  await daemon.start();
  const rpc = await daemon.connect();
  await rpc.call('register', {
    connector: 'bench',
    type: 'app_user',
    provider: 'bench',
    client_id: 'bench-client',
    client_secret: 'bench-secret-0123456789',
    scopes: ['openid', 'calendar.readonly', 'mail.send'],
    policy: { refreshed_events: true },
  });
  const spanSeconds = 4 + connections / IMPORTS_PER_S;
  const begin = performance.now();
  await importAll(rpc, connections, Math.ceil(2 * spanSeconds)); // due at half its life, and a tenth of jitter
  const importSeconds = (performance.now() - begin) / 1000;
  await daemon.stop();
  await redis.save();
  await redis.stop();
  await copyState(daemon.directory, directory);
  await sleep(Math.max(0, spanSeconds * 1.25 - importSeconds) * 1000);
  return { importsPerSecond: connections / importSeconds };
}

async function samplesUntilDrained(rpc, pid, connections) {
  const storeThread = await findThread(pid, 'refreshd-store');
  const samples = [];
  let lastChange = performance.now();
  for (;;) {
    const sample = await takeSample(rpc, pid, storeThread);
    if (sample.durable !== samples.at(-1)?.durable) lastChange = performance.now();
    if (performance.now() - lastChange > 20_000) {
      throw new Error(`refreshd stands still at ${sample.durable} of ${connections} refreshes`);
    }
    samples.push(sample);
    if (sample.durable >= connections && sample.lag === 0) return samples;
    await sleep(SAMPLE_EVERY_MS);
  }
}

/** Rates between the first twentieth and the last refresh; CPU up to the last event in Redis. */
function summarise(samples, connections) {
  const first = samples.find((sample) => sample.durable >= connections / 20);
  const last = samples.find((sample) => sample.durable >= connections);
  const end = samples.at(-1);
  const measured = end.durable - first.durable;
  return {
    refreshes: end.refreshed,
    rate: (last.durable - first.durable) / (last.wallSeconds - first.wallSeconds),
    cpu_us: ((end.cpuSeconds - first.cpuSeconds) * 1e6) / measured,
    store_us: ((end.storeSeconds - first.storeSeconds) * 1e6) / measured,
    commits: (end.commits - first.commits) / measured,
    published: end.published,
    durable_ms: (end.durableSeconds / end.durable) * 1000,
    request_ms: (end.requestSeconds / end.durable) * 1000,
  };
}

/** One round. Everything that was due must have been refreshed exactly once, and told in Redis. */
export async function runRefreshd({ daemon, redis, endpoint, directory, connections }) {
  await copyState(directory, daemon.directory);
  await redis.start();
  await daemon.start();
  const rpc = await RpcClient.connect(daemon.socket);
  const samples = await samplesUntilDrained(rpc, daemon.pid, connections);
  rpc.close();
  await daemon.stop();
  await redis.stop();
  const served = await endpoint.stop();
  const result = { ...summarise(samples, connections), handshakes: served.connections };
  if (result.refreshes !== connections || served.requests !== connections || served.refused !== 0) {
    throw new Error(`${connections} connections were due, ${result.refreshes} refreshed, `
      + `${served.requests} requests answered, ${served.refused} refused\n${daemon.log}`);
  }
  if (result.published < connections) throw new Error(`only ${result.published} events reached Redis`);
  return result;
}
