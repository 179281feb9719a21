// The rights that docs/redis.md asks for: enough for everything that refreshd does in Redis, and what
// is missing is told in words (each of them: tests/unit/io/test_publish_redis_faults.c).

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { change } from './support/changes.mjs';
import { assertHashIsState, assertStreamIsLog, subscribe } from './support/events.mjs';
import { documentedUser, passwordOf } from './support/redis-rights.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const USER = 'refreshd';

/** refreshd logs in to Redis as the user of the documentation. */
async function begin(world) {
  world.command = (...words) => world.redis.with((client) => client.sendCommand(words));
  await world.command('ACL', 'SETUSER', ...documentedUser(USER));
  const passwordFile = join(world.directory, 'redis.password');
  await writeFile(passwordFile, `${passwordOf(USER)}\n`, { mode: 0o600 });
  await world.daemon.configure({
    redisUrl: world.redis.url,
    profiles: [await world.provider.profile()],
    settings: { redis: { username: USER, password_file: passwordFile } },
  });
  await world.start();
  world.connector = await world.addConnector({ id: 'calendar' });
}

async function assertAllIsThere(world) {
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
}

const refused = async (world) => (await world.command('ACL', 'LOG')).map((entry) => entry.join(' '));
const trouble = async (world) => (await world.rpc.call('status')).redis.last_error;

scenario('the documented user may do all that refreshd does', { start: false }, async (world) => {
  await begin(world);
  const { messages } = await subscribe(world.redis);
  await change(world);
  await assertAllIsThere(world);
  await eventually('the channels', () => messages.some(({ event }) => event.type === 'connection.needs_reconnect'));
  await world.command('SCRIPT', 'FLUSH');
  await world.connect(world.connector);
  await assertAllIsThere(world);
  await world.command('FLUSHALL'); // history again, and the hash rebuilt under another name
  await world.connect(world.connector);
  await assertAllIsThere(world);
  assert.deepEqual(await refused(world), []);
});

scenario('one right less is told, refreshing goes on, and nothing is missing when it is there again', {
  start: false, provider: { accessTokenSeconds: 4 },
}, async (world) => {
  await begin(world);
  await change(world);
  await assertAllIsThere(world);
  await world.command('ACL', 'SETUSER', USER, '-rename');
  await world.command('CLIENT', 'KILL', 'USER', USER);
  await eventually('status says so', async () => /the ACL user lacks a right \(docs\/redis\.md lists them\).*rename/i.test(await trouble(world)));
  const { stdout } = await world.daemon.ctl.run(['status']);
  assert.match(stdout, /the ACL user lacks a right/);
  await change(world);
  const before = world.provider.presentations.length;
  await eventually('refreshes', () => world.provider.presentations.length > before);
  await world.command('ACL', 'SETUSER', USER, '+rename');
  await assertAllIsThere(world);
  assert.equal((await world.rpc.call('status')).redis.connected, true);
});
