// rotate replaces a connector's secret and never disconnects anybody (docs/behaviour.md
// "Rotate").

import assert from 'node:assert/strict';

import { readLog, readNeedsReconnect, streamEvent } from './support/events.mjs';
import { newSecret } from './support/provider.mjs';
import { eventually, never } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const eventsOf = async (world, type) => (await readLog(world.rpc)).filter((event) => event.type === type);

async function statesOf(world, connector) {
  const { items } = await world.rpc.call('list-connections', { connector });
  return items.map(({ state }) => state);
}

scenario('a secret changed at the provider blocks the connector, blames nobody, and rotate heals it', {
  provider: { accessTokenSeconds: 12 },
}, async (world) => {
  const connector = await world.addConnector({ id: 'crm-sync', type: 'superagent', register: { name: 'CRM sync' } });
  const bystander = await world.addConnector({ id: 'other', type: 'shared' });
  const connections = [];
  for (let i = 0; i < 3; i += 1) connections.push(await world.connect(connector));
  const other = await world.connect(bystander);

  const secret = newSecret();
  await world.provider.setClientSecret(connector.client, secret);
  const rejected = await streamEvent(world.redis, 'credentials_rejected', (e) => e.type === 'connector.credentials_rejected');
  assert.equal(rejected.subject, 'crm-sync');
  assert.deepEqual([rejected.data.class, rejected.data.reason], ['setup', 'client_rejected']);
  const { remedy } = rejected.data;
  assert.deepEqual([remedy.action, remedy.actor, remedy.surface, remedy.field],
    ['rotate_credentials', 'workspace_admin', 'workspace_settings', 'Client Secret']);
  assert.deepEqual(remedy.path, ['Account settings', 'Connectors', 'CRM sync']);

  for (const { id, tokens } of connections) {
    assert.equal((await world.token(id)).access_token, tokens.access_token, 'served while it lasts');
  }
  await eventually('its connections are blocked', async () => (await statesOf(world, 'crm-sync')).every((state) => state === 'blocked'));
  const requests = world.provider.requestsOf(connector.client);
  await never('a stream of refused requests', () => world.provider.requestsOf(connector.client) > requests + 1, { during: 2_000 });
  assert.equal((await eventsOf(world, 'connector.credentials_rejected')).length, 1);

  const rotated = await world.rpc.call('rotate', { connector: 'crm-sync', client_secret: secret });
  assert.equal(rotated.credential_version, 2);
  assert.equal(rotated.connections, 3);
  await streamEvent(world.redis, 'credentials_recovered', (e) => e.type === 'connector.credentials_recovered');
  await eventually('all are active again', async () => (await statesOf(world, 'crm-sync')).every((state) => state === 'active'), { within: 30_000 });
  for (const { id } of connections) {
    const token = await eventually('a fresh token', () => world.token(id, { min_valid_s: 1 }), { within: 20_000 });
    assert.ok(await world.provider.accepts(token.access_token));
  }
  assert.equal((await world.show(other.id)).state, 'active');
  assert.deepEqual(await readNeedsReconnect(world.redis), {});
  const connectionEvents = (await readLog(world.rpc)).map(({ type }) => type).filter((type) => type.startsWith('connection.'));
  assert.deepEqual([...new Set(connectionEvents)], ['connection.connected'], 'not one event about a person');
});

scenario('rotate forces no refresh and moves no due time; the same secret again changes nothing', {}, async (world) => {
  const connector = await world.addConnector({ id: 'crm-sync' });
  const { id } = await world.connect(connector);
  const before = await world.show(id);
  const secret = newSecret();

  const first = await world.rpc.call('rotate', { connector: 'crm-sync', client_secret: secret });
  const second = await world.rpc.call('rotate', { connector: 'crm-sync', client_secret: secret });

  assert.equal(first.credential_version, 2);
  assert.equal(second.credential_version, 2);
  assert.equal((await world.show(id)).next_refresh_at, before.next_refresh_at);
  assert.equal(world.provider.presentations.length, 0);
  assert.equal((await eventsOf(world, 'connector.rotated')).length, 1);
  const shown = await world.rpc.call('show-connector', { connector: 'crm-sync' });
  assert.equal(shown.credential_version, 2);
  assert.equal(JSON.stringify(shown).includes(secret), false, 'a secret is never printed back');
});

scenario('rotate with check and a secret that the provider refuses changes nothing', {}, async (world) => {
  const connector = await world.addConnector({ id: 'crm-sync' });
  const { id, grantId } = await world.connect(connector);

  await assert.rejects(
    world.rpc.call('rotate', { connector: 'crm-sync', client_secret: newSecret(), check: true }),
    (error) => error.rpcCode === -32000 && error.data.code === 'check_failed',
  );
  const shown = await world.rpc.call('show-connector', { connector: 'crm-sync' });
  assert.equal(shown.credential_version, 1);
  assert.equal((await world.show(id)).state, 'active');
  await world.rpc.call('refresh', { connection: id });
  assert.equal(world.provider.refreshesOf(grantId).length, 1, 'the old secret still refreshes');
  const types = (await readLog(world.rpc)).map(({ type }) => type);
  assert.deepEqual(types, ['connector.registered', 'connection.connected']);
});

scenario('rotate with check proves a good secret by one refresh before it takes over', {}, async (world) => {
  const connector = await world.addConnector({ id: 'crm-sync' });
  const connections = [await world.connect(connector), await world.connect(connector), await world.connect(connector)];
  const secret = newSecret();
  await world.provider.setClientSecret(connector.client, secret);
  const rotated = await world.rpc.call('rotate', { connector: 'crm-sync', client_secret: secret, check: true });
  assert.equal(rotated.checked, true);
  assert.equal(rotated.credential_version, 2);
  const refreshed = connections.flatMap(({ grantId }) => world.provider.refreshesOf(grantId));
  assert.equal(refreshed.length, 1, 'the only refresh that it forces');
});

scenario('while the provider still wants the old secret, the retiring one serves, at one extra request in all', {}, async (world) => {
  const connector = await world.addConnector({ id: 'crm-sync' });
  const connections = [await world.connect(connector), await world.connect(connector), await world.connect(connector)];
  await world.rpc.call('rotate', { connector: 'crm-sync', client_secret: newSecret() });
  for (const { id, grantId } of connections) {
    await world.rpc.call('refresh', { connection: id });
    assert.equal(world.provider.refreshesOf(grantId).length, 1);
  }
  assert.equal(world.provider.requestsOf(connector.client), 4);
  assert.equal((await eventsOf(world, 'connector.credentials_rejected')).length, 0);
});

scenario('a rotation survives kill -9 as soon as it is acknowledged', {}, async (world) => {
  const connector = await world.addConnector({ id: 'crm-sync' });
  const { id, grantId } = await world.connect(connector);
  const secret = newSecret();
  await world.provider.setClientSecret(connector.client, secret);
  await world.rpc.call('rotate', { connector: 'crm-sync', client_secret: secret });
  await world.daemon.kill();
  await world.start();
  await world.rpc.call('refresh', { connection: id });
  assert.equal(world.provider.refreshesOf(grantId).length, 1);
});
