// How soon and how fast events reach Redis. scripts/bench-events runs this; see its --help.

import { parseArgs } from 'node:util';
import { join } from 'node:path';

import { makeCertificates } from '../e2e/support/certificates.mjs';
import { Cleanup } from '../e2e/support/cleanup.mjs';
import { measureFast } from './fast.mjs';
import { BenchDaemon, Endpoint, Redis } from './parts.mjs';
import { DoomingEndpoint, measureSoon, percentile } from './soon.mjs';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    probes: { type: 'string', default: '500' },
    'probe-rate': { type: 'string', default: '50' },
    'load-rate': { type: 'string', default: '300' },
    'max-beyond-ms': { type: 'string', default: '50' },
    'max-growth-mib': { type: 'string', default: '48' },
    'min-ratio': { type: 'string', default: '0.5' },
    quick: { type: 'boolean', default: false },
  },
});
const options = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? Number(value) : value]));
if (options.quick) Object.assign(options, { events: 20_000, probes: 40, 'load-rate': 100 });

const cleanup = new Cleanup();

async function prepare() {
  const directory = await cleanup.directory();
  const { caFile } = await makeCertificates(directory);
  const tokens = new Endpoint({ cert: join(directory, 'server.pem'), key: join(directory, 'server.key') });
  cleanup.add(tokens, () => tokens.stop());
  await tokens.start();
  const endpoint = new DoomingEndpoint();
  await endpoint.start();
  cleanup.add(endpoint, () => endpoint.stop());
  const redis = new Redis(join(directory, 'redis'));
  cleanup.add(redis, () => redis.stop());
  const daemon = new BenchDaemon(directory);
  cleanup.add(daemon, () => daemon.stop());
  const profile = (id, url) => ({ id, token_endpoint: url, token_endpoint_auth_methods_supported: ['client_secret_post'] });
  await daemon.prepare({
    redisUrl: redis.url,
    caFile,
    profiles: [profile('bench', tokens.url), profile('doomed', endpoint.url)],
  });
  await redis.start();
  await daemon.start();
  return { daemon, redis, endpoint, cleanup };
}

const COLUMNS = [
  ['verdict to answered', 'durable'],
  ['to XREAD', 'read'],
  ['to SUBSCRIBE', 'heard'],
  ['beyond the commit', 'beyond'],
];
const cell = (samples) => [0.5, 0.99, 1].map((part) => percentile(samples, part).toFixed(1)).join(' / ');

function printSoon(figures) {
  console.log(`\nhow soon, in ms: p50 / p99 / max of ${options.probes} grants, ${options['probe-rate']} a second`);
  console.log(''.padEnd(22) + COLUMNS.map(([title]) => title.padStart(22)).join(''));
  for (const [title, round] of [['nothing else', figures.quiet], [`${options['load-rate']} refreshes/s`, figures.loaded]]) {
    console.log(title.padEnd(22) + COLUMNS.map(([, name]) => cell(round[name]).padStart(22)).join(''));
  }
}

function printFast({ rate, plain, pipelined, bytes, waitingKib, grownKib }) {
  console.log(`\nhow fast: ${options.events} events of ${bytes} bytes`);
  console.log(`refreshd, from its store    ${rate.toFixed(0).padStart(8)} events/s`);
  for (const [title, other] of [['redis-benchmark XADD -P 1 ', plain], ['redis-benchmark XADD -P 16', pipelined]]) {
    console.log(`${title}  ${other.toFixed(0).padStart(8)} entries/s   refreshd / this: ${(rate / other).toFixed(2)}`);
  }
  console.log(`memory: ${(waitingKib / 1024).toFixed(1)} MiB while Redis was away, ${(grownKib / 1024).toFixed(1)} MiB more at most until drained`);
}

/** True: good enough. */
function judge(soon, fast) {
  const beyond = percentile(soon.loaded.beyond, 0.99);
  const rules = [[fast.grownKib <= options['max-growth-mib'] * 1024,
    `memory: ${(fast.grownKib / 1024).toFixed(1)} MiB more for the backlog, at most ${options['max-growth-mib']} wanted`]];
  if (!options.quick) {
    rules.push(
      [beyond <= options['max-beyond-ms'], `beyond the commit: p99 ${beyond.toFixed(1)} ms under load, at most ${options['max-beyond-ms']} wanted`],
      [fast.rate / fast.plain >= options['min-ratio'], `events/s: ${(fast.rate / fast.plain).toFixed(2)} of redis-benchmark's, at least ${options['min-ratio']} wanted`],
    );
  }
  for (const [good, text] of rules) console.log(`${good ? 'pass' : 'FAIL'}  ${text}`);
  return rules.every(([good]) => good);
}

async function bench() {
  const stage = await prepare();
  const soon = await measureSoon(stage, options);
  printSoon(soon);
  await stage.daemon.stop();
  await stage.redis.stop();
  const fast = await measureFast(stage, options);
  printFast(fast);
  if (options.quick) console.log('a quick run shows that the bench works; its times mean nothing');
  return judge(soon, fast);
}

const interrupted = new Promise((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => reject(new Error(`ended by ${signal}`)));
});
interrupted.catch(() => {});

try {
  process.exitCode = (await Promise.race([bench(), interrupted])) ? 0 : 1;
} catch (error) {
  console.error(`bench-events: ${error.message}`);
  process.exitCode = 2;
} finally {
  await cleanup.run();
  process.exit();
}
