// How soon a subscriber knows: from the token endpoint's verdict on a grant to XREAD and SUBSCRIBE.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';

import { connectRedis } from '../e2e/support/redis.mjs';
import { eventually, sleep } from '../e2e/support/wait.mjs';

const IMPORT_BATCH = 400; // connections on a line of the control socket
const NEEDS_RECONNECT = 'connection.needs_reconnect';
const STREAM = 'refreshd:events';

/** Says of every grant that its person has to sign in again, and remembers when it said so. */
export class DoomingEndpoint {
  at = new Map(); // refresh token → ms

  async start() {
    this.server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text) => { body += text; }).on('end', () => {
        const token = new URLSearchParams(body).get('refresh_token');
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end('{"error":"interaction_required"}');
        this.at.set(token, performance.now());
      });
    }).listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}/token`;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** When each connection's needs_reconnect was read from the stream and heard on its channel. */
class Subscriber {
  read = new Map();
  heard = new Map();
  #running = true;

  static async start(socket, cleanup) {
    const subscriber = new Subscriber();
    const [reader, listener] = [await connectRedis(socket), await connectRedis(socket)];
    cleanup.add(subscriber, () => subscriber.stop());
    subscriber.clients = [reader, listener];
    await listener.subscribe(`${STREAM}:${NEEDS_RECONNECT}`, (message) => {
      subscriber.heard.set(JSON.parse(message).subject, performance.now());
    });
    subscriber.reading = subscriber.#read(reader).catch((error) => { if (subscriber.#running) throw error; });
    return subscriber;
  }

  async #read(client) {
    let last = '$';
    while (this.#running) {
      const streams = await client.xRead({ key: STREAM, id: last }, { BLOCK: 1000, COUNT: 1000 });
      const now = performance.now();
      for (const { id, message } of streams?.[0].messages ?? []) {
        last = id;
        if (message.type === NEEDS_RECONNECT) this.read.set(message.subject, now);
      }
    }
  }

  async stop() {
    this.#running = false;
    for (const client of this.clients ?? []) client.destroy();
    await this.reading;
  }
}

async function importGrants(rpc, connector, names, lifetimeSeconds) {
  for (let n = 0; n < names.length; n += IMPORT_BATCH) {
    const connections = names.slice(n, n + IMPORT_BATCH).map((name) => ({
      connector,
      connection: name,
      owner: { app: 'bench', user: name },
      acting_user: name,
      tokens: { access_token: `access-${name}`, refresh_token: name, expires_in: lifetimeSeconds },
    }));
    const { results } = await rpc.call('import', { connections }, { within: 60_000 });
    const failed = results.find((result) => result.error);
    if (failed) throw new Error(`import failed: ${JSON.stringify(failed)}`);
  }
}

const namesOf = (word, count) => Array.from({ length: count }, (_, i) => `${word}-${i}`);

async function register(rpc, connector, policy = {}) {
  await rpc.call('register', {
    connector, type: 'app_user', provider: connector, client_id: `${connector}-client`, client_secret: 'bench-secret-0123456789', scopes: ['openid'], policy,
  });
}

/** Calls step() so many times a second, at even distances, until told to stop: stop(). */
function atRate(perSecond, step) {
  let running = true;
  const loop = (async () => {
    const began = performance.now();
    for (let n = 0; running; n += 1) {
      const wait = began + (n * 1000) / perSecond - performance.now();
      if (wait > 0) await sleep(wait);
      step(n);
    }
  })();
  return async () => {
    running = false;
    await loop;
  };
}

export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)];
}

/**
 * @loadRate refreshes a second of other connections meanwhile; 0: none
 * @returns figures in ms: durable (verdict → the caller's answer), read, heard (verdict → subscriber), beyond (answer → read)
 */
async function measureRound({ rpc, endpoint, subscriber, probes, probeRate, load, loadRate }) {
  const answered = new Map();
  const calls = [];
  const stopLoad = loadRate > 0
    ? atRate(loadRate, (n) => calls.push(rpc.call('refresh', { connection: load[n % load.length], force: true }, { within: 30_000 })))
    : async () => {};
  await sleep(loadRate > 0 ? 500 : 0);
  for (const [n, connection] of probes.entries()) {
    calls.push(rpc.call('refresh', { connection, force: true }, { within: 30_000 }).finally(() => answered.set(connection, performance.now())));
    if (n + 1 < probes.length) await sleep(1000 / probeRate);
  }
  await eventually('every probe is read and heard', () => probes.every((name) => subscriber.read.has(name) && subscriber.heard.has(name)),
    { within: 20_000 });
  await stopLoad();
  const outcomes = await Promise.all(calls);
  const refreshed = outcomes.filter(({ outcome }) => outcome === 'refreshed').length;
  if (refreshed !== calls.length - probes.length) throw new Error(`${refreshed} of ${calls.length - probes.length} refreshes of the load worked`);
  const over = (from, to) => probes.map((name) => to.get(name) - from.get(name));
  return {
    load: refreshed,
    durable: over(endpoint.at, answered),
    read: over(endpoint.at, subscriber.read),
    heard: over(endpoint.at, subscriber.heard),
    beyond: over(answered, subscriber.read),
  };
}

/** Both rounds: {quiet, loaded}. Redis and the daemon run. */
export async function measureSoon({ daemon, redis, endpoint, cleanup }, options) {
  const rpc = await daemon.connect();
  await register(rpc, 'doomed');
  await register(rpc, 'bench', { refreshed_events: true });
  const probes = namesOf('probe', 2 * options.probes);
  const load = namesOf('load', Math.max(50, options['load-rate']));
  await importGrants(rpc, 'doomed', probes, 36_000);
  await importGrants(rpc, 'bench', load, 36_000);
  const subscriber = await Subscriber.start(redis.socket, cleanup);
  const round = (from, loadRate) => measureRound({
    rpc, endpoint, subscriber, load, loadRate, probes: probes.slice(from, from + options.probes), probeRate: options['probe-rate'],
  });
  const figures = { quiet: await round(0, 0), loaded: await round(options.probes, options['load-rate']) };
  await subscriber.stop();
  return figures;
}
