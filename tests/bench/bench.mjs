// Pairs of measurements, in turn: libcurl and nothing else, then refreshd, against the same endpoint.
// scripts/bench runs this; see its --help.

import { parseArgs } from 'node:util';
import { join } from 'node:path';

import { makeCertificates } from '../e2e/support/certificates.mjs';
import { Cleanup } from '../e2e/support/cleanup.mjs';
import { fillState, runRefreshd } from './drive.mjs';
import { BenchDaemon, Endpoint, Redis, pinSelf, runBare } from './parts.mjs';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '9' },
    connections: { type: 'string', default: '20000' },
    requests: { type: 'string', default: '60000' },
    'in-flight': { type: 'string', default: '32' },
    'min-rate': { type: 'string', default: '0.25' },
    'max-cpu': { type: 'string', default: '3.5' },
    quick: { type: 'boolean', default: false },
  },
});
const options = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? Number(value) : value]));
if (options.quick) Object.assign(options, { pairs: 1, connections: 500, requests: 1000 });

const cleanup = new Cleanup();
const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

async function prepare() {
  const directory = await cleanup.directory();
  const { caFile } = await makeCertificates(directory);
  const endpoint = new Endpoint({ cert: join(directory, 'server.pem'), key: join(directory, 'server.key') });
  cleanup.add(endpoint, () => endpoint.stop());
  await endpoint.start(); // for its port
  const redis = new Redis(join(directory, 'redis'));
  cleanup.add(redis, () => redis.stop());
  const daemon = new BenchDaemon(directory);
  cleanup.add(daemon, () => daemon.stop());
  await daemon.prepare({
    redisUrl: redis.url,
    caFile,
    profiles: [{ id: 'bench', token_endpoint: endpoint.url, token_endpoint_auth_methods_supported: ['client_secret_basic'] }],
    settings: { http: { max_in_flight: options['in-flight'] } },
  });
  return { endpoint, redis, daemon, caFile, directory: join(directory, 'filled'), connections: options.connections };
}

async function measurePair(stage) {
  await stage.endpoint.stop();
  await stage.endpoint.start();
  const bare = await runBare(stage.endpoint, stage.caFile, { requests: options.requests, inFlight: options['in-flight'] });
  await stage.endpoint.stop();
  await stage.endpoint.start();
  const refreshd = await runRefreshd(stage);
  return { bare, refreshd, rate: refreshd.rate / bare.rate, cpu: refreshd.cpu_us / bare.cpu_us };
}

const COLUMNS = [
  ['', 8, (pair) => pair.name],
  ['bare/s', 9, (pair) => pair.bare.rate.toFixed(0)],
  ['CPU us', 8, (pair) => pair.bare.cpu_us.toFixed(1)],
  ['refreshd/s', 12, (pair) => pair.refreshd.rate.toFixed(0)],
  ['CPU us', 8, (pair) => pair.refreshd.cpu_us.toFixed(1)],
  ['of store', 10, (pair) => pair.refreshd.store_us.toFixed(1)],
  ['rate ratio', 12, (pair) => pair.rate.toFixed(3)],
  ['CPU ratio', 11, (pair) => pair.cpu.toFixed(2)],
  ['commits', 9, (pair) => pair.refreshd.commits.toFixed(3)],
  ['handshakes', 12, (pair) => pair.refreshd.handshakes.toFixed(0)],
  ['answer ms', 11, (pair) => pair.refreshd.request_ms.toFixed(1)],
  ['durable ms', 12, (pair) => pair.refreshd.durable_ms.toFixed(1)],
];
const print = (cells) => console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(COLUMNS[i][1]) : cell.padStart(COLUMNS[i][1]))).join(''));
const printPair = (pair) => print(COLUMNS.map(([, , show]) => show(pair)));

/** Of each figure by itself: ratios too, so the last line's need not be quotients of each other. */
function medianPair(pairs) {
  const over = (pick) => median(pairs.map(pick));
  const side = (name) => Object.fromEntries(Object.keys(pairs[0][name]).map((key) => [key, over((pair) => pair[name][key])]));
  return { name: 'median', bare: side('bare'), refreshd: side('refreshd'), rate: over((pair) => pair.rate), cpu: over((pair) => pair.cpu) };
}

/** True: good enough. */
function judge({ rate, cpu }) {
  const rules = [
    [rate >= options['min-rate'], `refreshes/s: ${rate.toFixed(3)} of the bare client's, at least ${options['min-rate']} wanted`],
    [cpu <= options['max-cpu'], `CPU per refresh: ${cpu.toFixed(2)} of the bare client's, at most ${options['max-cpu']} wanted`],
  ];
  for (const [good, text] of rules) console.log(`${good ? 'pass' : 'FAIL'}  ${text}`);
  return rules.every(([good]) => good);
}

async function bench() {
  await pinSelf();
  const stage = await prepare();
  const { importsPerSecond } = await fillState(stage);
  console.log(`${options.connections} connections imported, ${importsPerSecond.toFixed(0)}/s; ${options['in-flight']} requests in flight`);
  print(COLUMNS.map(([title]) => title));
  const pairs = [];
  for (let n = 1; n <= options.pairs; n += 1) {
    const pair = { name: `pair ${n}`, ...await measurePair(stage) };
    printPair(pair);
    pairs.push(pair);
  }
  const middle = medianPair(pairs);
  printPair(middle);
  if (options.quick) {
    console.log('a quick run shows that the bench works; its figures mean nothing');
    return true;
  }
  return judge(middle);
}

const interrupted = new Promise((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => reject(new Error(`ended by ${signal}`)));
});
interrupted.catch(() => {});

try {
  process.exitCode = (await Promise.race([bench(), interrupted])) ? 0 : 1;
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 2;
} finally {
  await cleanup.run();
  process.exit();
}
