// rescope asks each connection's person for the new scopes, and breaks nothing meanwhile
// (docs/behaviour.md "Rescope").

import assert from 'node:assert/strict';

import { readLog, readNeedsReconnect, streamEvent } from './support/events.mjs';
import { DEFAULT_SCOPES } from './support/provider.mjs';
import { eventually, never } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const WIDER = [...DEFAULT_SCOPES, 'contacts'];

const eventsOf = async (world, type) => (await readLog(world.rpc)).filter((event) => event.type === type);

async function eventsWhen(world, type, count) {
  await eventually(`${count} of ${type}`, async () => (await eventsOf(world, type)).length >= count, { within: 20_000 });
  return eventsOf(world, type);
}

async function connectedTwice(world) {
  const connector = await world.addConnector({ id: 'calendar', type: 'superagent' });
  return { connector, connections: [await world.connect(connector), await world.connect(connector)] };
}

scenario('one event per connection, with what is added, caused by the rescope; tokens still served and refreshed', {
  provider: { accessTokenSeconds: 6 },
}, async (world) => {
  const { connections } = await connectedTwice(world);
  const other = await world.connect(await world.addConnector({ id: 'other', type: 'shared' }));

  const result = await world.rpc.call('rescope', { connector: 'calendar', scopes: WIDER });
  assert.deepEqual([result.scopes_version, result.added, result.removed, result.affected], [2, ['contacts'], [], 2]);

  const rescoped = await streamEvent(world.redis, 'connector.rescoped', (e) => e.type === 'connector.rescoped');
  assert.deepEqual([rescoped.subject, rescoped.data.added, rescoped.data.removed], ['calendar', ['contacts'], []]);
  const events = await eventsWhen(world, 'connection.needs_reconnect', 2);
  assert.deepEqual(events.map((e) => e.subject).sort(), connections.map(({ id }) => id).sort());
  for (const { data } of events) {
    assert.deepEqual([data.class, data.reason, data.severity, data.grant_alive],
      ['permissions_changed', 'scopes_changed', 'action', true]);
    assert.deepEqual([data.added, data.removed], [['contacts'], []]);
    assert.equal(data.cause, rescoped.id);
    assert.deepEqual([...data.remedy.scopes].sort(), [...WIDER].sort());
  }

  const before = connections.map(({ grantId }) => world.provider.refreshesOf(grantId).length);
  for (const { id } of connections) assert.ok(await world.provider.accepts((await world.token(id, { min_valid_s: 0 })).access_token));
  await eventually('both are refreshed as before', () => connections
    .every(({ grantId }, i) => world.provider.refreshesOf(grantId).length > before[i]));
  for (const { id } of connections) {
    const shown = await world.show(id);
    assert.deepEqual([shown.state, shown.grant_alive], ['needs_reconnect', true]);
    assert.ok(await world.provider.accepts((await world.token(id)).access_token));
  }
  await never('an event more', async () => (await eventsOf(world, 'connection.needs_reconnect')).length > 2, { during: 2_000 });
  assert.equal((await world.show(other.id)).state, 'active');
});

scenario('restoring the old scopes clears it without a person: connection.recovered', {}, async (world) => {
  const { connections } = await connectedTwice(world);
  await world.rpc.call('rescope', { connector: 'calendar', scopes: WIDER });
  await eventsWhen(world, 'connection.needs_reconnect', 2);
  await world.rpc.call('rescope', { connector: 'calendar', scopes: [...DEFAULT_SCOPES].reverse() });
  const recovered = await eventsWhen(world, 'connection.recovered', 2);
  assert.deepEqual(recovered.map((e) => e.subject).sort(), connections.map(({ id }) => id).sort());
  await eventually('the hash is empty', async () => Object.keys(await readNeedsReconnect(world.redis)).length === 0);
  for (const { id } of connections) assert.equal((await world.show(id)).state, 'active');
});

scenario('order and duplicates mean nothing: the same set changes nothing', {}, async (world) => {
  await connectedTwice(world);
  const result = await world.rpc.call('rescope', { connector: 'calendar', scopes: [...DEFAULT_SCOPES, ...DEFAULT_SCOPES].reverse() });
  assert.deepEqual([result.scopes_version, result.added, result.removed, result.affected], [1, [], [], 0]);
  assert.equal((await eventsOf(world, 'connector.rescoped')).length, 0);
});

scenario('a change that only removes scopes is an advisory', {}, async (world) => {
  await connectedTwice(world);
  await world.rpc.call('rescope', { connector: 'calendar', scopes: ['openid', 'offline_access'] });
  for (const { data } of await eventsWhen(world, 'connection.needs_reconnect', 2)) {
    assert.deepEqual([data.reason, data.severity], ['scopes_changed', 'advisory']);
    assert.deepEqual([data.added, data.removed], [[], ['calendar.readonly']]);
  }
});

scenario('only_missing spares connections whose granted scopes cover the new ones', {}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar', type: 'superagent' });
  const narrow = await world.connect(connector);
  const wide = await world.connect(connector, { scopes: WIDER });
  await world.rpc.call('rescope', { connector: 'calendar', scopes: WIDER, only_missing: true });
  const [event] = await eventsWhen(world, 'connection.needs_reconnect', 1);
  assert.equal(event.subject, narrow.id);
  await never('the other too', async () => (await world.show(wide.id)).state !== 'active', { during: 1_500 });
});

scenario('a grant made after the rescope gets no event', {}, async (world) => {
  const { connector } = await connectedTwice(world);
  await world.rpc.call('rescope', { connector: 'calendar', scopes: WIDER });
  await eventsWhen(world, 'connection.needs_reconnect', 2);
  const late = await world.connect(connector, { scopes: WIDER });
  assert.equal((await world.show(late.id)).state, 'active');
  await never('an event for it', async () => (await eventsOf(world, 'connection.needs_reconnect')).length > 2, { during: 1_500 });
});
