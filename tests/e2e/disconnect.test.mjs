// disconnect with revocation, against a real authorization server (docs/behaviour.md
// "Disconnecting"; RFC 7009).

import assert from 'node:assert/strict';

import { eventually, never } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const revoke = (world, { id }) => world.rpc.call('disconnect', { connection: id, revoke: true });

/** What whoever kept the refresh token would be told by the provider: "refreshed", or the error. */
async function fateOf(world, connector, { tokens }) {
  const basic = Buffer.from(`${connector.client}:${encodeURIComponent(connector.secret)}`).toString('base64');
  const response = await fetch(`${world.provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token }),
  });
  const body = await response.json();
  return response.ok ? 'refreshed' : body.error;
}

/** Looks only: presenting the token would rotate it. */
const isStored = async (world, { tokens }) => (await world.provider.oidc.RefreshToken.find(tokens.refresh_token)) !== undefined;

scenario('with revoke the refresh token is dead at the provider, without it lives on there', { redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'crm' });
  const [ended, left] = [await world.connect(connector), await world.connect(connector)];

  const answer = await revoke(world, ended);
  assert.deepEqual([answer.state, answer.revocation], ['disconnected', 'queued']);
  const kept = await world.rpc.call('disconnect', { connection: left.id });
  assert.deepEqual([kept.state, kept.revocation], ['disconnected', undefined]);

  await eventually('the refresh token is gone there', async () => !await isStored(world, ended));
  assert.equal(await fateOf(world, connector, ended), 'invalid_grant');
  assert.equal(await fateOf(world, connector, left), 'refreshed');
});

scenario('a provider that is down gets the revocation when it is back, after a restart and a kill -9 too', { redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'crm' });
  const connections = [await world.connect(connector), await world.connect(connector)];
  const revocations = world.provider.refuse('/token/revocation', 503);

  for (const connection of connections) assert.equal((await revoke(world, connection)).revocation, 'queued');
  await eventually('it is asked again by itself', () => revocations.refused >= 2 * connections.length, { within: 20_000 });
  await world.restart();
  await world.daemon.kill();
  await world.start();
  const asked = revocations.refused;
  await eventually('and by its next life', () => revocations.refused > asked, { within: 30_000 });
  for (const connection of connections) assert.ok(await isStored(world, connection), 'not revoked yet');

  revocations.stop();
  await eventually('both are gone there', async () => !(await Promise.all(connections.map((c) => isStored(world, c)))).some(Boolean),
    { within: 45_000 });
  for (const connection of connections) assert.equal(await fateOf(world, connector, connection), 'invalid_grant');
  const { granted } = revocations;
  await never('one more request', () => revocations.granted > granted, { during: 2_000 });
  assert.equal(granted, connections.length, 'each is revoked once');
});
