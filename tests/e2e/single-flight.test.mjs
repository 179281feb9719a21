// Never two token requests for one connection at a time (docs/behaviour.md "Refreshing").

import assert from 'node:assert/strict';

import { scenario } from './support/world.mjs';

/** So many clients with so many requests each, all on the wire before the first answer. */
async function callAtOnce(world, clients, each, method, params) {
  const connections = await Promise.all(Array.from({ length: clients }, () => world.daemon.connect()));
  return Promise.allSettled(connections.flatMap((rpc) => Array.from({ length: each }, () => rpc.call(method, params))));
}

scenario('1,000 simultaneous `token` calls for one expired token are one request and 1,000 answers', { redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  world.provider.latency.before = 1_500; // so that all of them meet the same refresh
  const expired = { expires_in: undefined, expires_at: new Date(Date.now() - 60_000).toISOString() };
  const { id, grantId, tokens } = await world.connect(connector, { tokens: expired });

  const answers = await callAtOnce(world, 20, 50, 'token', { connection: id });

  const served = answers.map(({ status, value, reason }) => (status === 'fulfilled' ? value.access_token : reason.message));
  assert.equal(served.length, 1_000);
  assert.deepEqual(new Set(served).size, 1, `different answers: ${[...new Set(served)].slice(0, 3)}`);
  assert.notEqual(served[0], tokens.access_token);
  assert.ok(await world.provider.accepts(served[0]));
  assert.equal(world.provider.presentationsOf(grantId).length, 1, 'one request');
});

scenario('`token` and `refresh` join the same refresh', { redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id, grantId } = await world.connect(connector);
  world.provider.latency.before = 800;
  const calls = [
    world.rpc.call('refresh', { connection: id }),
    world.token(id, { min_valid_s: 1_000 }),
    world.rpc.call('refresh', { connection: id }),
    world.token(id, { min_valid_s: 1_000 }),
  ];
  const [, first, , second] = await Promise.all(calls);
  assert.equal(first.access_token, second.access_token);
  assert.equal(world.provider.presentationsOf(grantId).length, 1);
});

scenario('one slow connection keeps no other waiting', { redis: false }, async (world) => {
  const slow = await world.addProvider({ id: 'slow', accessTokenSeconds: 600 });
  await world.daemon.writeProfile(await slow.profile());
  await world.rpc.call('reload');
  const stuck = await world.connect(await world.addConnector({ id: 'stuck', provider: slow }));
  const quick = await world.connect(await world.addConnector({ id: 'quick' }));
  slow.latency.before = 5_000;

  const pending = world.token(stuck.id, { min_valid_s: 1_000 });
  const began = Date.now();
  await world.token(quick.id, { min_valid_s: 1_000 });
  const took = Date.now() - began;
  assert.ok(took < 3_000, `the other provider's refresh took ${took} ms`);
  await pending;
});
