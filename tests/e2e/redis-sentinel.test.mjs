// Redis by its sentinels (docs/redis.md, "Sentinel"): the master is found, each failover is followed,
// and what a failover has lost is there again, under the same numbers.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';

import { change } from './support/changes.mjs';
import { assertHashIsState, assertStreamIsLog, readLog, readStream } from './support/events.mjs';
import { freePort } from './support/ports.mjs';
import { documentedUser, passwordOf } from './support/redis-rights.mjs';
import { SentinelSet } from './support/redis-sentinel.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const OPTIONS = { redis: false, start: false };

/** A set of Redis and sentinels, and refreshd that was given the sentinels' addresses. */
async function begin(world, { set = {}, url = {}, redis = {} } = {}) {
  world.set = world.keep(...await SentinelSet.start(world.directory, set));
  await world.daemon.configure({
    redisUrl: world.set.url(url),
    profiles: [await world.provider.profile()],
    settings: { redis },
  });
  await world.start();
  world.connector = await world.addConnector({ id: 'calendar' });
}

async function assertAllIsThere(world) {
  await assertStreamIsLog(world.set, world.rpc);
  await assertHashIsState(world.set, world.rpc);
}

const redisStatus = async (world) => (await world.rpc.call('status')).redis;

async function assertConnectedTo(world, node) {
  await eventually('refreshd is at the master', async () => (await redisStatus(world)).address === `127.0.0.1:${node.port}`);
}

/** Takes connections and never says a word. */
async function startSilent(world) {
  const sockets = new Set();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  world.keep(server, () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

// Most of the time is spent waiting for sentinels to make up their minds.
describe('Redis by its sentinels', { concurrency: 3 }, () => {
  scenario('the master is found though the first sentinels are dead and silent, and followed through kill, order and stop', OPTIONS, async (world) => {
    const dead = await freePort();
    await begin(world, { url: { before: [`127.0.0.1:${dead}`, `127.0.0.1:${await startSilent(world)}`] } });
    const { set } = world;
    const first = await set.master();
    await change(world);
    await assertAllIsThere(world);
    await assertConnectedTo(world, first);

    await first.kill();
    await change(world); // nobody takes these yet
    const second = await set.failedOver(first);
    await assertAllIsThere(world);
    await assertConnectedTo(world, second);
    await first.start();
    await set.settled();

    const third = await set.failOver();
    await change(world);
    await assertAllIsThere(world);
    await assertConnectedTo(world, third);
    await set.settled();

    third.freeze();
    await change(world);
    const fourth = await set.failedOver(third);
    await assertAllIsThere(world);
    await assertConnectedTo(world, fourth);
    third.thaw();
    await change(world);
    await set.settled();
    await assertAllIsThere(world);

    const { master_changes: changes, last_error: error, lag_events: lag } = await redisStatus(world);
    assert.deepEqual({ changes, error, lag }, { changes: 3, error: null, lag: 0 });
    assert.match(world.daemon.log, /another Redis is the master now/);
    const { text } = await world.rpc.call('metrics');
    assert.match(text, /^refreshd_redis_master_changes_total 3$/m);
  });

  scenario('what the old master had acknowledged and no replica had: the new one gets it again', OPTIONS, async (world) => {
    await begin(world, { set: { replicas: 1 } });
    const { set } = world;
    const [master, [replica]] = [await set.master(), await set.replicas()];
    await change(world);
    await assertAllIsThere(world);

    // Replication breaks off, as it may; the master goes on alone.
    await replica.with((client) => client.sendCommand(['CONFIG', 'SET', 'masteruser', 'nobody', 'masterauth', 'nothing']));
    await master.with((client) => client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'replica']));
    await change(world);
    await assertAllIsThere(world);
    const acknowledged = (await readLog(world.rpc)).length;
    const replicated = (await readStream(replica)).length;
    assert.ok(replicated < acknowledged, `${replicated} of ${acknowledged} were replicated`);

    await master.kill();
    await replica.with((client) => client.sendCommand(['CONFIG', 'SET', 'masteruser', '', 'masterauth', '']));
    assert.equal(await set.failedOver(master), replica);
    await assertAllIsThere(world);
    assert.match(world.daemon.log, /Redis has lost events/);
    await change(world);
    await master.start();
    await set.settled();
    await assertAllIsThere(world);
  });

  scenario('a master that was replaced and lives on is left within seconds', OPTIONS, async (world) => {
    await begin(world, { set: { replicas: 1 } });
    const { set } = world;
    const old = await set.master();
    await change(world);
    await assertAllIsThere(world);
    await assertConnectedTo(world, old);
    // The sentinels can't tell it: it goes on taking what it is sent.
    await old.with((client) => client.sendCommand(['ACL', 'SETUSER', 'default', '-replicaof', '-slaveof']));
    const next = await set.failOver();
    await eventually('refreshd has left it', async () => (await redisStatus(world)).address === `127.0.0.1:${next.port}`, { within: 10_000 });
    await change(world);
    await assertAllIsThere(world);
    await old.with((client) => client.sendCommand(['ACL', 'SETUSER', 'default', '+replicaof', '+slaveof']));
    await set.settled();
    await assertAllIsThere(world);
  });

  scenario('the documented users suffice, at the sentinels and at Redis', OPTIONS, async (world) => {
    const passwordFile = join(world.directory, 'redis.password');
    const sentinelFile = join(world.directory, 'sentinel.password');
    await writeFile(passwordFile, `${passwordOf('refreshd')}\n`, { mode: 0o600 });
    await writeFile(sentinelFile, 'wrong\n', { mode: 0o600 });
    await begin(world, {
      set: { replicas: 1 },
      redis: { username: 'refreshd', password_file: passwordFile, sentinel_username: 'finder', sentinel_password_file: sentinelFile },
    });
    const { set } = world;
    await eventually('status says so', async () => /sentinel at 127\.0\.0\.1:\d+: it refuses the user or the password/.test((await redisStatus(world)).last_error));
    for (const node of set.nodes) await node.with((client) => client.sendCommand(['ACL', 'SETUSER', ...documentedUser('refreshd')]));
    for (const sentinel of set.sentinels) await sentinel.command('ACL', 'SETUSER', ...documentedUser('finder'));
    await writeFile(sentinelFile, `${passwordOf('finder')}\n`);
    await change(world);
    await assertAllIsThere(world);
    await assertConnectedTo(world, await set.master());
    await set.failOver();
    await change(world);
    await assertAllIsThere(world);
    for (const node of set.nodes) assert.deepEqual(await node.with((client) => client.sendCommand(['ACL', 'LOG'])), []);
    for (const sentinel of set.sentinels) {
      const refused = (await sentinel.command('ACL', 'LOG')).filter(({ reason }) => reason !== 'auth'); // the wrong password
      assert.deepEqual(refused, []);
    }
  });

  scenario('a name that no sentinel knows, and sentinels that are gone, are told in words', { ...OPTIONS, provider: { accessTokenSeconds: 4 } }, async (world) => {
    await begin(world, { set: { replicas: 1 }, url: { name: 'evnets' } });
    const { set } = world;
    await world.connect(world.connector);
    await eventually('the name', async () => /no master "evnets" by the sentinels: sentinel at 127\.0\.0\.1:\d+: it knows no master of that name/.test((await redisStatus(world)).last_error));
    const { stdout } = await world.daemon.ctl.run(['status']);
    assert.match(stdout, /no master "evnets"/);
    const before = world.provider.presentations.length;
    await eventually('refreshes', () => world.provider.presentations.length > before);

    await world.daemon.configure({ redisUrl: set.url(), profiles: [await world.provider.profile()] });
    await world.restart();
    await assertAllIsThere(world);
    const master = await set.master();
    for (const sentinel of set.sentinels) await sentinel.kill();
    await eventually('the sentinels', async () => /no master "events" by the sentinels: .*Connection refused/.test((await redisStatus(world)).last_error));
    await world.connect(world.connector);
    const { connected, address } = await redisStatus(world);
    assert.deepEqual({ connected, address }, { connected: true, address: `127.0.0.1:${master.port}` });
    await eventually('events go on', async () => (await readStream(master)).length === (await readLog(world.rpc)).length);
    for (const sentinel of set.sentinels) await sentinel.start();
    await eventually('nothing to complain of', async () => (await redisStatus(world)).last_error === null);
    await assertAllIsThere(world);
  });
});
