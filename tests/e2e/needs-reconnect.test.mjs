// A grant that died at the provider is said once, precisely, in all three places
// (docs/behaviour.md "States and reasons", "Events and Redis").

import assert from 'node:assert/strict';

import { readLog, readNeedsReconnect, readStream, streamEvent, subscribe } from './support/events.mjs';
import { eventually, never, sleep } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const TYPE = 'connection.needs_reconnect';

/** By connector type: who owns the connection, and who must reconnect it where (docs/behaviour.md
 * "Words"). */
const byType = [
  {
    type: 'shared',
    owner: { apps: ['crm'] },
    remedy: {
      actor: 'app_builder', actor_id: null, surface: 'app_dashboard',
      path: ['Integrations', 'My integrations', 'Team calendar', 'More actions', 'Reconnect'],
    },
  },
  {
    type: 'superagent',
    owner: { superagent: 'sa-1' },
    remedy: {
      actor: 'superagent_owner', actor_id: null, surface: 'superagent_tools',
      path: ['Tools', 'Apps connected', 'Team calendar', 'More actions', 'Reconnect'],
    },
  },
  {
    type: 'app_user',
    owner: { app: 'crm', user: 'u-77' },
    remedy: { actor: 'app_user', actor_id: 'u-77', surface: 'in_app', path: [], sign_in_required: true },
  },
];

/** Refreshes now; the answer (a dead grant) is the provider's, the error or result isn't looked at. */
const refreshNow = (world, id) => world.rpc.call('refresh', { connection: id }).catch(() => {});

for (const { type, owner, remedy } of byType) {
  scenario(`a grant revoked at the provider is told with reason and remedy: ${type}`, {}, async (world) => {
    const connector = await world.addConnector({ id: 'gcal', type, register: { name: 'Team calendar' } });
    const dead = await world.connect(connector, { owner, account: 'ana' });
    const alive = await world.connect(connector);
    const { messages } = await subscribe(world.redis);

    await world.provider.revokeGrant(dead.grantId);
    await refreshNow(world, dead.id);
    const event = await streamEvent(world.redis, TYPE, (e) => e.type === TYPE);

    assert.equal(event.specversion, '1.0');
    assert.equal(event.source, 'refreshd/e2e');
    assert.equal(event.subject, dead.id);
    assert.equal(event.datacontenttype, 'application/json');
    const { data } = event;
    assert.equal(data.connection, dead.id);
    assert.equal(data.connector, 'gcal');
    assert.equal(data.connector_type, type);
    assert.equal(data.provider, 'oidc');
    assert.deepEqual(data.owner, owner);
    assert.deepEqual(data.account, { id: 'ana', label: 'ana@example.com' });
    assert.equal(data.generation, 1);
    assert.equal(data.state, 'needs_reconnect');
    assert.ok(['active', 'retrying'].includes(data.previous_state), data.previous_state);
    assert.deepEqual([data.class, data.reason, data.severity], ['cannot_refresh', 'grant_rejected', 'action'],
      'a bare invalid_grant is never called revoked');
    assert.equal(data.grant_alive, false);
    assert.deepEqual([data.provider_error.status, data.provider_error.code], [400, 'invalid_grant']);
    assert.ok(Date.parse(data.token_usable_until) > Date.now());
    const { scopes, ...rest } = data.remedy;
    assert.deepEqual([...scopes].sort(), [...connector.scopes].sort());
    assert.equal(rest.action, 'reconnect');
    assert.equal(rest.app_hint, null);
    assert.equal(rest.field, null);
    for (const [name, value] of Object.entries(remedy)) assert.deepEqual(rest[name], value, `remedy.${name}`);

    const published = await eventually('the same by PUBLISH', () => messages.find((m) => m.channel === `refreshd:events:${TYPE}`));
    assert.deepEqual(published.event, event);
    assert.deepEqual(await readNeedsReconnect(world.redis), { [dead.id]: event });
    assert.equal((await world.show(alive.id)).state, 'active', 'nobody else notices');
  });
}

scenario('a dead grant is said once, and its refresh token is never sent again, restarts included', {
  provider: { accessTokenSeconds: 4 },
}, async (world) => {
  const connector = await world.addConnector({ id: 'gcal' });
  const { id, grantId } = await world.connect(connector);
  await world.provider.revokeGrant(grantId);
  await streamEvent(world.redis, TYPE, (e) => e.type === TYPE);
  const requests = world.provider.presentations.length;

  const again = async () => (await readStream(world.redis)).filter((entry) => entry.type === TYPE).length > 1;
  await refreshNow(world, id);
  await never('said twice', again, { during: 2_500 });
  await world.restart();
  await refreshNow(world, id);
  await never('said twice', again, { during: 2_500 });
  assert.equal(world.provider.presentations.length, requests);
});

scenario('the access token of a dead grant is served while it lasts, then the error names reason and remedy', {}, async (world) => {
  const connector = await world.addConnector({ id: 'gcal', type: 'app_user' });
  const lasting = await world.connect(connector);
  const ending = await world.connect(connector, { tokens: { expires_in: 3 } });
  /* Both at once: a verdict settles for some seconds, and the shorter token is renewed meanwhile. */
  for (const { grantId } of [ending, lasting]) await world.provider.revokeGrant(grantId);
  await Promise.all([lasting, ending].map(({ id }) => refreshNow(world, id)));
  await eventually('both need a reconnect', async () => Object.keys(await readNeedsReconnect(world.redis)).length === 2, { within: 20_000 });

  assert.equal((await world.token(lasting.id)).access_token, lasting.tokens.access_token);
  const error = await eventually('the other is over', () => world.token(ending.id).then(() => null, (e) => e));
  assert.equal(error.data.code, 'needs_reconnect');
  assert.equal(error.data.reason, 'grant_rejected');
  assert.equal(error.data.remedy.action, 'reconnect');
  assert.equal(error.data.remedy.actor_id, ending.owner.user);
});

scenario('the same account grants again: the connection keeps its id and the hash forgets it', {}, async (world) => {
  const connector = await world.addConnector({ id: 'gcal' });
  const { id, grantId, owner, account } = await world.connect(connector, { account: 'ana' });
  await world.provider.revokeGrant(grantId);
  await refreshNow(world, id);
  await streamEvent(world.redis, TYPE, (e) => e.type === TYPE);

  const grant = await world.provider.mintGrant({ client: connector.client, account: 'ana' });
  const again = await world.rpc.call('import', world.importParams(connector, owner, grant, { connection: id, intent: 'reconnect' }));
  assert.equal(again.connection, id);
  assert.equal(again.generation, 2);
  assert.equal(again.state, 'active');
  assert.equal(again.account.id, account.id);
  const event = await streamEvent(world.redis, 'connection.reconnected', (e) => e.type === 'connection.reconnected');
  assert.equal(event.subject, id);
  assert.deepEqual(await readNeedsReconnect(world.redis), {});
  assert.equal((await world.token(id)).access_token, grant.tokens.access_token);
});

scenario('an access token that ends without a refresh token needs a reconnect when it ends, not before', {}, async (world) => {
  const connector = await world.addConnector({ id: 'gcal' });
  const began = Date.now();
  const { id, tokens } = await world.connect(connector, { tokens: { refresh_token: undefined, expires_in: 4 } });
  assert.equal((await world.token(id)).access_token, tokens.access_token);
  const event = await streamEvent(world.redis, TYPE, (e) => e.type === TYPE);
  assert.deepEqual([event.data.class, event.data.reason], ['cannot_refresh', 'refresh_token_missing']);
  assert.ok(Date.parse(event.time) - began >= 3_800, 'not before its end');
  assert.equal(world.provider.presentations.length, 0);
});

scenario('disconnect erases the tokens and says so', {}, async (world) => {
  const connector = await world.addConnector({ id: 'gcal', type: 'shared' });
  const { id } = await world.connect(connector);
  await world.rpc.call('disconnect', { connection: id });
  const event = await streamEvent(world.redis, 'connection.disconnected', (e) => e.type === 'connection.disconnected');
  assert.equal(event.subject, id);
  assert.equal(event.data.state, 'disconnected');
  await assert.rejects(world.token(id), (error) => error.data.code === 'not_connected');
  await sleep(500);
  const types = (await readLog(world.rpc)).map(({ type }) => type);
  assert.deepEqual(types, ['connector.registered', 'connection.connected', 'connection.disconnected']);
});
