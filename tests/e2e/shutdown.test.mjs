// SIGTERM finishes what is in flight, answers what was asked, and loses nothing
// (docs/operations.md "Start and stop").

import assert from 'node:assert/strict';

import { assertStreamIsLog } from './support/events.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const strict = { rotate: true, accessTokenSeconds: 600 };

scenario('refreshes in flight at SIGTERM are finished and kept: no refresh token is ever sent twice', { provider: strict }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const connections = [];
  for (let i = 0; i < 10; i += 1) connections.push(await world.connect(connector));
  world.provider.latency.after = 1_500; // rotated at the provider, the answer still on its way
  for (const { id } of connections) world.rpc.call('refresh', { connection: id }).catch(() => {});
  await eventually('requests in flight', () => world.provider.presentations.length >= 3);

  await world.daemon.stop(); // fails unless it ends by itself with status 0
  world.provider.latency.after = 0;
  await world.start();

  for (const { id } of connections) {
    await world.rpc.call('refresh', { connection: id });
    assert.equal((await world.show(id)).state, 'active');
  }
  const presented = world.provider.presentations.map(({ token }) => token);
  assert.equal(new Set(presented).size, presented.length, 'a refresh token was presented twice');
  await assertStreamIsLog(world.redis, world.rpc);
});

scenario('whoever asked before SIGTERM gets an answer', { provider: strict, redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id, tokens } = await world.connect(connector);
  world.provider.latency.before = 1_000;
  const asked = world.token(id, { min_valid_s: 1_000 });
  await eventually('the request reached the provider', () => world.provider.inFlight > 0);
  const stopped = world.daemon.stop();
  const { access_token: token } = await asked;
  assert.notEqual(token, tokens.access_token);
  assert.ok(await world.provider.accepts(token));
  await stopped;
});

scenario('events not yet in Redis at SIGTERM are there after the next start', { provider: strict }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  await world.redis.stop();
  for (let i = 0; i < 5; i += 1) await world.connect(connector);
  await world.daemon.stop();
  await world.redis.start();
  await world.start();
  const log = await assertStreamIsLog(world.redis, world.rpc);
  assert.equal(log.length, 6);
});

scenario('a Redis that is frozen, callers who wait and a watcher hold a stop up for seconds alone', { provider: strict }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const connections = [];
  for (let i = 0; i < 20; i += 1) connections.push(await world.connect(connector));
  await world.rpc.call('watch', {});
  await world.redis.freeze();
  await world.rpc.call('disconnect', { connection: connections.pop().id, revoke: true }); // and an event for Redis
  world.provider.latency.before = 2_000;
  const asked = connections.flatMap(({ id }) => [1, 2].map(() => world.token(id, { min_valid_s: 1_000 })));
  const settled = Promise.allSettled(asked);
  await eventually('requests in flight', () => world.provider.inFlight > 0);

  const began = Date.now();
  await world.daemon.stop();
  const took = Date.now() - began;
  const answers = await settled;
  assert.ok(took < 12_000, `2 s for the provider and 2 s for Redis, on a machine with other things to do: ${took} ms`);
  const unanswered = answers.filter(({ reason }) => reason !== undefined && reason.data?.code === undefined);
  assert.deepEqual(unanswered, [], 'whoever asked got an answer');

  world.redis.thaw();
  world.provider.latency.before = 0;
  await world.start();
  await assertStreamIsLog(world.redis, world.rpc);
});

scenario('the socket is gone after the end, and a left-over one is no obstacle', { provider: strict, redis: false }, async (world) => {
  await world.daemon.kill(); // leaves its socket behind
  await world.start();
  assert.ok(await world.rpc.call('status'));
});
