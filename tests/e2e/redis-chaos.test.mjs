// A load of changes while Redis goes through everything that a Redis can go through, in random order
// (docs/redis.md, "What you can rely on"). CHAOS_ROUNDS and CHAOS_SEED choose how many and which, CHAOS_TLS=1
// that it happens over TLS, CHAOS_SENTINEL=1 that the Redis is several, with sentinels: scripts/chaos-redis.
// A round's faults follow from its seed alone.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { createClient } from 'redis';

import { assertHashIsState, readLog, readStream } from './support/events.mjs';
import { CuttingProxy } from './support/cutting-proxy.mjs';
import { DEFAULT_SCOPES } from './support/provider.mjs';
import { SentinelSet } from './support/redis-sentinel.mjs';
import { eventually, sleep } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const TLS = process.env.CHAOS_TLS === '1';
const SENTINEL = process.env.CHAOS_SENTINEL === '1';
const CHOSEN = SENTINEL || TLS || process.env.CHAOS_ROUNDS !== undefined; // else both kinds, in short
const FAULTS_A_ROUND = 3;
const FAULTS_A_SENTINEL_ROUND = 2; // each waits for sentinels to make up their minds
const MEANWHILE = 0.25; // so often refreshd is killed in the middle of another fault
const PASSING = 4; // connections that come and go
const STEADY = 3; // connections that stay, to be refreshed throughout
const TOKEN_SECONDS = 6;
const LATE_MAX_MS = 2_000;
/** AddressSanitizer keeps freed memory, 256 MiB of it, and shadows what is in use. */
const rssMaxKib = (maps) => (maps.includes('/libasan.') ? 640 : 128) * 1024;
const WIDER = [...DEFAULT_SCOPES, 'contacts'];

/** mulberry32: small, and the same everywhere. */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KILLED = 'refreshd killed';

/** What may happen to a Redis: each fault is over, or undone, when its function returns. */
const singleFaults = {
  'killed, back with its data': async ({ redis }, ms) => {
    await redis.kill();
    await sleep(ms);
    await redis.start();
  },
  'killed, back empty': async (chaos, ms) => {
    await chaos.redis.kill();
    await chaos.redis.forget();
    chaos.lost();
    await sleep(ms);
    await chaos.redis.start();
  },
  'killed, back with what it had a while ago': async (chaos, ms) => {
    const { redis } = chaos;
    await redis.copyData();
    await sleep(ms);
    await redis.kill();
    await redis.takeCopiedData();
    chaos.hasLost = true;
    await redis.start();
  },
  stopped: async ({ redis }, ms) => {
    redis.freeze();
    await sleep(ms);
    redis.thaw();
  },
  'stopped for longer than a command may take': async ({ redis }) => {
    redis.freeze();
    await sleep(4_000);
    redis.thaw();
  },
  paused: async ({ command }, ms) => {
    await command('CLIENT', 'PAUSE', String(ms));
    await sleep(ms);
  },
  'a read-only replica': async ({ command }, ms) => {
    await command('REPLICAOF', '127.0.0.1', '1');
    await sleep(ms);
    await command('REPLICAOF', 'NO', 'ONE');
  },
  'out of memory': async ({ command }, ms) => {
    await command('CONFIG', 'SET', 'maxmemory', '1');
    await sleep(ms);
    await command('CONFIG', 'SET', 'maxmemory', '0');
  },
  'its clients killed': ({ command }) => command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
  'its scripts flushed': ({ command }) => command('SCRIPT', 'FLUSH'),
  'its stream deleted': async (chaos) => {
    await chaos.command('DEL', 'refreshd:events');
    chaos.lost();
  },
  'its hash deleted': ({ command }) => command('DEL', 'refreshd:needs_reconnect'),
  'its stream trimmed to nothing': (chaos) => chaos.trim(),
  emptied: async (chaos) => {
    await chaos.command('FLUSHALL');
    chaos.lost();
  },
  'cut off within a reply': ({ proxy }) => proxy.cutNextReply(),
  'cut off within a command': ({ proxy }) => proxy.cutNextCommand(),
  [KILLED]: (chaos) => chaos.killDaemon(),
};

/** What may happen to a set with sentinels; what replication had not carried over yet is lost in a failover. */
const sentinelFaults = {
  'master killed, a replica promoted': async ({ redis }, ms) => {
    const old = await redis.master();
    await old.kill();
    await redis.failedOver(old);
    await sleep(ms);
    await old.start();
  },
  'master killed, back before it is missed': async ({ redis }) => {
    const master = await redis.master();
    await master.kill();
    await master.start();
  },
  'failover ordered': ({ redis }) => redis.failOver(),
  'master stopped until another is named': async ({ redis }, ms) => {
    const old = await redis.master();
    old.freeze();
    try {
      await redis.failedOver(old);
      await sleep(ms);
    } finally {
      old.thaw();
    }
  },
  'a sentinel killed': async ({ redis }, ms) => {
    const [sentinel] = redis.sentinels;
    await sentinel.kill();
    await sleep(ms);
    await sentinel.start();
  },
  'a sentinel killed, and the master with it': async ({ redis }, ms) => {
    const [old, sentinel] = [await redis.master(), redis.sentinels.at(-1)];
    await sentinel.kill();
    await old.kill();
    await redis.failedOver(old);
    await sleep(ms);
    await sentinel.start();
    await old.start();
  },
  'a replica killed': async ({ redis }, ms) => {
    const [replica] = await redis.replicas();
    await replica.kill();
    await sleep(ms);
    await replica.start();
  },
};
for (const name of ['its clients killed', 'its scripts flushed', 'its stream deleted', KILLED]) sentinelFaults[name] = singleFaults[name];

const MEANWHILE_KILLED = `, ${KILLED} meanwhile`;

/** A fault drawn by lot, alone or with a kill of refreshd in its midst. */
function draw(faults, random) {
  const names = Object.keys(faults);
  const name = names[Math.floor(random() * names.length)];
  return random() < MEANWHILE && name !== KILLED ? name + MEANWHILE_KILLED : name;
}

async function play(faults, name, chaos, random) {
  const [before, lasting, until] = [random() * 300, 200 + Math.floor(random() * 1_300), random()];
  await sleep(before);
  if (!name.endsWith(MEANWHILE_KILLED)) {
    await faults[name](chaos, lasting);
    return;
  }
  const kill = async () => {
    await sleep(until * lasting);
    await chaos.killDaemon();
  };
  await Promise.all([faults[name.slice(0, -MEANWHILE_KILLED.length)](chaos, lasting), kill()]);
}

class Chaos {
  #running = true;
  #changing = Promise.resolve();
  latest = 0; // how late a refresh was, in ms
  trimmedTo = 0; // entries up to here are rightly missing
  hasLost = false; // what was not acknowledged when Redis lost it may be PUBLISHed again

  constructor(world, proxy, connector) {
    Object.assign(this, { world, proxy, connector, redis: world.redis, connections: [] });
    this.command = (...words) => this.redis.with((client) => client.sendCommand(words));
  }

  /** What Redis has lost, it gets again from the log's beginning. */
  lost() {
    this.hasLost = true;
    this.trimmedTo = 0;
  }

  async trim() {
    const script = "if redis.call('EXISTS', KEYS[1]) == 0 then return false end "
      + "local info = redis.call('XINFO', 'STREAM', KEYS[1]) redis.call('XTRIM', KEYS[1], 'MAXLEN', 0) "
      + "for i = 1, #info, 2 do if info[i] == 'last-generated-id' then return info[i + 1] end end";
    const last = await this.command('EVAL', script, '1', 'refreshd:events');
    if (last) this.trimmedTo = Number.parseInt(last, 10);
  }

  async killDaemon() {
    this.pausedForRestart = true;
    await this.#changing.catch(() => {});
    await this.world.daemon.kill();
    await this.world.start();
    this.pausedForRestart = false;
  }

  /** Changes go on until stop(): a grant comes, scopes change to and fro, a grant goes. */
  begin() {
    this.load = this.#loop(async () => {
      this.#changing = this.#change();
      await this.#changing;
    }, 60);
    this.look = this.#loop(() => this.#lookForLate(), 400);
  }

  async #loop(step, pause) {
    while (this.#running) {
      if (!this.pausedForRestart) {
        await step().catch((error) => {
          if (!this.pausedForRestart && this.#running) throw error;
        });
      }
      await sleep(pause);
    }
  }

  async #change() {
    const { world } = this;
    this.connections.push(await world.connect(this.connector));
    this.wide = !this.wide;
    await world.rpc.call('rescope', { connector: 'calendar', scopes: this.wide ? WIDER : DEFAULT_SCOPES });
    if (this.connections.length > PASSING) {
      await world.rpc.call('disconnect', { connection: this.connections[0].id });
      this.connections.shift();
    }
  }

  async #lookForLate() {
    const { items } = await this.world.rpc.call('list-connections', { limit: 1000 });
    for (const { state, grant_alive: alive, next_refresh_at: due } of items) {
      if (state !== 'disconnected' && alive && due) this.latest = Math.max(this.latest, Date.now() - Date.parse(due));
    }
  }

  async stop() {
    this.#running = false;
    await Promise.all([this.load, this.look]);
  }

  /** The stream is the log since the last loss, word for word; the hash is the state. */
  async check() {
    const { world } = this;
    await eventually('the stream has caught up', async () => {
      const [stream, log] = [await this.redis.with((client) => client.xInfoStream('refreshd:events')), await readLog(world.rpc)];
      return stream['last-generated-id'] === `${log.at(-1)?.id}-0`;
    }, { within: 40_000, every: 200 });
    await assertHashIsState(this.redis, world.rpc);
    const log = await readLog(world.rpc);
    assert.deepEqual(log.map(({ id }) => Number(id)), log.map((_, i) => i + 1), 'the log has no gap');
    const expected = log.filter(({ id }) => Number(id) > this.trimmedTo);
    const stream = await readStream(this.redis);
    assert.deepEqual(stream.map(({ id }) => id), expected.map(({ id }) => `${id}-0`), 'no gap, no double');
    assert.deepEqual(stream.map(({ event }) => event), expected, 'and the same words');
    const rss = Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${world.daemon.pid}/status`, 'utf8'))[1]);
    const maps = await readFile(`/proc/${world.daemon.pid}/maps`, 'utf8');
    assert.ok(rss < rssMaxKib(maps), `${rss} KiB resident`);
    assert.ok(this.latest < LATE_MAX_MS, `a refresh was ${this.latest} ms late`);
    return { events: log.length, rss, late: this.latest };
  }
}

/** Hears the channels, through all restarts; how often it heard each event. */
async function listen(world) {
  const heard = new Map();
  const client = world.keep(
    createClient({ socket: { path: world.redis.socket, reconnectStrategy: () => 50 } }).on('error', () => {}),
    () => client.destroy(),
  );
  await client.connect();
  await client.pSubscribe('refreshd:events:*', (message) => {
    const { id } = JSON.parse(message);
    heard.set(id, (heard.get(id) ?? 0) + 1);
  });
  return heard;
}

function assertHeardOnce(heard) {
  const twice = [...heard].filter(([, times]) => times > 1).map(([id]) => id);
  assert.deepEqual(twice, [], 'PUBLISHed at most once');
}

/** Rounds of changes and faults, each ended by a look at what was promised. */
async function rounds(world, connector, { count, faults, each, proxy, heard, settled = () => {} }) {
  const chaos = new Chaos(world, proxy, connector);
  const steady = [];
  for (let i = 0; i < STEADY; i += 1) steady.push(await world.connect(connector));
  const began = Date.now();
  for (let round = 0; round < count; round += 1) {
    const random = randomOf(SEED + round);
    const names = Array.from({ length: each }, () => draw(faults, random));
    const played = new Chaos(world, proxy, connector);
    Object.assign(played, { connections: chaos.connections, wide: chaos.wide, trimmedTo: chaos.trimmedTo });
    played.begin();
    try {
      for (const name of names) {
        await play(faults, name, played, random);
        await settled();
      }
      await sleep(200);
      await played.stop();
      const { events, rss, late } = await played.check();
      if (played.hasLost) heard?.clear();
      else if (heard) assertHeardOnce(heard);
      process.stdout.write(`round ${round} (CHAOS_SEED=${SEED + round}): ${names.join('; ')}: ${events} events, ${rss} KiB, ${Math.max(late, 0)} ms late\n`);
    } catch (error) {
      await played.stop().catch(() => {});
      error.message = `CHAOS_SEED=${SEED + round} CHAOS_ROUNDS=1: ${names.join('; ')}: ${error.message}`;
      throw error;
    }
    Object.assign(chaos, { connections: played.connections, wide: played.wide, trimmedTo: played.trimmedTo });
  }
  const lifetimes = Math.floor((Date.now() - began) / 1000 / TOKEN_SECONDS);
  for (const { grantId } of steady) {
    const times = world.provider.refreshesOf(grantId).length;
    assert.ok(times >= lifetimes - 1, `refreshed ${times} times in ${lifetimes} lifetimes`);
  }
  process.stdout.write(`each steady connection was refreshed at least ${Math.max(lifetimes - 1, 0)} times\n`);
}

const provider = { accessTokenSeconds: TOKEN_SECONDS, rotate: false };
const countOr = (usual) => Number(process.env.CHAOS_ROUNDS ?? usual);

if (!SENTINEL) {
  const count = countOr(5);
  scenario(`chaos: ${count} rounds, CHAOS_SEED=${SEED}`, { provider, redis: { tls: TLS }, start: false }, async (world) => {
    const proxy = world.keep(...await CuttingProxy.start(TLS ? world.redis.tlsPort : world.redis.port, { tls: TLS }));
    await world.daemon.configure({
      redisUrl: proxy.url, profiles: [await world.provider.profile()], settings: { redis: world.redis.clientSettings },
    });
    await world.start();
    const connector = await world.addConnector({ id: 'calendar' });
    const heard = await listen(world);
    await rounds(world, connector, { count, faults: singleFaults, each: FAULTS_A_ROUND, proxy, heard });
  });
}

if (SENTINEL || !CHOSEN) {
  const count = countOr(1);
  scenario(`chaos with sentinels: ${count} rounds, CHAOS_SENTINEL=1 CHAOS_SEED=${SEED}`, { provider, redis: false, start: false }, async (world) => {
    world.redis = world.keep(...await SentinelSet.start(world.directory));
    await world.daemon.configure({ redisUrl: world.redis.url(), profiles: [await world.provider.profile()] });
    await world.start();
    const connector = await world.addConnector({ id: 'calendar' });
    await rounds(world, connector, {
      count, faults: sentinelFaults, each: FAULTS_A_SENTINEL_ROUND, settled: () => world.redis.settled(),
    });
  });
}
