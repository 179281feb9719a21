// Whatever Redis does, refreshing goes on, and every event arrives: in order, once, no gap
// (docs/redis.md).

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { assertHashIsState, assertStreamIsLog, readLog, readNeedsReconnect, readStream, subscribe } from './support/events.mjs';
import { DEFAULT_SCOPES } from './support/provider.mjs';
import { eventually, sleep } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const WIDER = [...DEFAULT_SCOPES, 'contacts'];

/** A connector under change: each round makes six events of four types. */
class Churn {
  constructor(world, connector) {
    this.world = world;
    this.connector = connector;
    this.connections = [];
  }

  static async begin(world) {
    const churn = new Churn(world, await world.addConnector({ id: 'calendar' }));
    churn.connections.push(await world.connect(churn.connector));
    return churn;
  }

  async round() {
    const { world } = this;
    this.connections.push(await world.connect(this.connector));
    const wide = this.wide ? DEFAULT_SCOPES : WIDER;
    this.wide = !this.wide;
    await world.rpc.call('rescope', { connector: 'calendar', scopes: wide });
    await sleep(100);
    await world.rpc.call('disconnect', { connection: this.connections.shift().id });
  }

  async rounds(n) {
    for (let i = 0; i < n; i += 1) await this.round();
  }
}

const options = { provider: { accessTokenSeconds: 4, rotate: false } };

async function assertRefreshingGoesOn(world) {
  const before = world.provider.presentations.length;
  await eventually('refreshes without Redis', () => world.provider.presentations.length > before, { within: 10_000 });
}

scenario('Redis stopped and started again with its data', options, async (world) => {
  const churn = await Churn.begin(world);
  await churn.rounds(2);
  await world.redis.stop();
  await churn.rounds(3);
  await assertRefreshingGoesOn(world);
  await world.redis.start();
  await churn.rounds(1);
  const log = await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
  assert.ok(log.length >= 20, `${log.length} events`);
});

scenario('Redis killed and started again with its data: nothing stands there twice', options, async (world) => {
  const churn = await Churn.begin(world);
  for (let i = 0; i < 3; i += 1) {
    await churn.rounds(1);
    await world.redis.kill();
    await churn.rounds(1);
    await world.redis.start();
  }
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
});

scenario('Redis killed and started again empty: it gets what the log holds', {
  ...options, redis: { persistent: false },
}, async (world) => {
  const churn = await Churn.begin(world);
  await churn.rounds(3);
  await assertStreamIsLog(world.redis, world.rpc);
  await world.redis.kill();
  await churn.rounds(1);
  await world.redis.start();
  await churn.rounds(1);
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
});

scenario('FLUSHALL while events flow: the stream and the hash come back, nobody is told twice by PUBLISH', options, async (world) => {
  const churn = await Churn.begin(world);
  const { messages } = await subscribe(world.redis);
  await churn.rounds(3);
  await assertStreamIsLog(world.redis, world.rpc);
  await world.redis.with((client) => client.flushAll());
  await churn.rounds(2);
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
  const ids = messages.map(({ event }) => Number(event.id));
  assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b), 'published at most once, in order');
});

scenario('FLUSHALL while nothing happens is noticed at the next event at the latest', options, async (world) => {
  const churn = await Churn.begin(world);
  await churn.rounds(1);
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
  await world.redis.with((client) => client.flushAll());
  await world.connect(churn.connector);
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
});

scenario('the hash deleted alone, while nothing happens, is made anew', options, async (world) => {
  const churn = await Churn.begin(world);
  await world.rpc.call('rescope', { connector: 'calendar', scopes: WIDER });
  await assertHashIsState(world.redis, world.rpc);
  const log = await assertStreamIsLog(world.redis, world.rpc);
  await world.redis.with((client) => client.del('refreshd:needs_reconnect'));
  await eventually('the hash names it again', async () => {
    assert.deepEqual(Object.keys(await readNeedsReconnect(world.redis)), [churn.connections[0].id]);
    return true;
  }, { within: 8_000 });
  assert.equal((await assertStreamIsLog(world.redis, world.rpc)).length, log.length, 'and nothing was told again');
  assert.match(world.daemon.log, /publish\.hash_lost/);
});

scenario('Redis frozen for some seconds (SIGSTOP)', options, async (world) => {
  const churn = await Churn.begin(world);
  await churn.rounds(1);
  world.redis.freeze();
  await churn.rounds(2);
  await assertRefreshingGoesOn(world);
  await sleep(4_000);
  world.redis.thaw();
  await churn.rounds(1);
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
});

scenario('a Redis that answers errors: read-only, then full', options, async (world) => {
  const churn = await Churn.begin(world);
  await churn.rounds(1);
  await world.redis.with((client) => client.sendCommand(['REPLICAOF', '127.0.0.1', '1']));
  await churn.rounds(1);
  await assertRefreshingGoesOn(world);
  await world.redis.with((client) => client.sendCommand(['REPLICAOF', 'NO', 'ONE']));
  await assertStreamIsLog(world.redis, world.rpc);
  await world.redis.with((client) => client.configSet('maxmemory', '1'));
  await churn.rounds(1);
  await world.redis.with((client) => client.configSet('maxmemory', '0'));
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
});

scenario('refreshd killed while Redis is down: the backlog survives both', options, async (world) => {
  const churn = await Churn.begin(world);
  await churn.rounds(1);
  await world.redis.stop();
  await churn.rounds(2);
  await world.daemon.kill();
  await world.start();
  await churn.rounds(1);
  await world.redis.start();
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
});

scenario('refreshd starts and refreshes without a Redis, and catches up when there is one', { ...options, start: false }, async (world) => {
  await world.redis.stop();
  await world.start();
  const churn = await Churn.begin(world);
  await churn.rounds(1);
  await assertRefreshingGoesOn(world);
  await world.redis.start();
  await assertStreamIsLog(world.redis, world.rpc);
});

scenario('an event keeps its number and its words between log, stream, channel and hash', options, async (world) => {
  const { messages } = await subscribe(world.redis);
  const churn = await Churn.begin(world);
  await world.rpc.call('rescope', { connector: 'calendar', scopes: WIDER });
  await eventually('needs_reconnect', async () => (await readLog(world.rpc)).some(({ type }) => type === 'connection.needs_reconnect'));
  const log = await assertStreamIsLog(world.redis, world.rpc);
  for (const { id, type, subject, event } of await readStream(world.redis)) {
    assert.deepEqual([id, type, subject], [`${event.id}-0`, event.type, event.subject]);
  }
  await eventually('all published', () => messages.length === log.length);
  assert.deepEqual(messages.map(({ event }) => event), log);
  assert.deepEqual(messages.map(({ channel }) => channel), log.map(({ type }) => `refreshd:events:${type}`));
  const last = log.filter(({ type }) => type === 'connection.needs_reconnect').at(-1);
  assert.deepEqual(await readNeedsReconnect(world.redis), { [churn.connections[0].id]: last });
});

scenario('a Redis over TCP, with a prefix, a user and a database of its own', {
  ...options,
  start: false,
  redis: { settings: ['--databases', '4'] },
}, async (world) => {
  await world.redis.with((client) => client.sendCommand(['ACL', 'SETUSER', 'rd', 'on', '>pw-of-rd', 'resetkeys', '~mine:*', 'resetchannels', '&mine:*', '-@all',
    ...'ping auth hello select client evalsha xadd hset hdel hgetall publish get set del rename'.split(' ').map((name) => `+${name}`),
    '+script|load', '+xinfo|stream']));
  const passwordFile = join(world.directory, 'redis.password');
  await writeFile(passwordFile, 'pw-of-rd\n', { mode: 0o600 });
  await world.daemon.configure({
    profiles: [await world.provider.profile()],
    settings: { redis: { url: `redis://127.0.0.1:${world.redis.port}/2`, prefix: 'mine:', username: 'rd', password_file: passwordFile } },
  });
  await world.start();
  await world.connect(await world.addConnector({ id: 'calendar' }));
  await eventually('the events in that database, under that prefix', () => world.redis.with(async (client) => {
    await client.select(2);
    return (await client.xLen('mine:events')) === 2;
  }));
});
