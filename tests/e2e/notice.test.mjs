// Noticing early (docs/behaviour.md "Noticing early"): an API's report, checks between refreshes, an
// end told ahead, a transmitter's security events; each against a real authorization server.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { streamEvent } from './support/events.mjs';
import { SESSION_REVOKED, Transmitter } from './support/transmitter.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const TYPE = 'connection.needs_reconnect';
const sha256 = (token) => createHash('sha256').update(token).digest('hex');
/** Verdicts need not rest here: nothing else happens at this provider. */
const settings = { guard: { settle: '200ms' } };
const PROBED = { policy: { probe_every_s: 1 } };

const report = (world, connection, more) => world.rpc.call('report', { connection, status: 401, ...more });

function shown(name, event) {
  if (process.env.SHOW_EVENTS) process.stderr.write(`${name}: ${JSON.stringify(event, null, 1)}\n`);
}

scenario('a reported token is refreshed, and one that was replaced is to be fetched again', { settings }, async (world) => {
  const connector = await world.addConnector({ id: 'gcal' });
  const ana = await world.connect(connector);
  const old = { token_sha256: sha256(ana.tokens.access_token) };

  assert.deepEqual(await report(world, ana.id, old), { verdict: 'refreshed' });
  assert.deepEqual(await report(world, ana.id, old), { verdict: 'fetch_again' });
  const { access_token } = await world.token(ana.id);
  assert.notEqual(access_token, ana.tokens.access_token);
  assert.deepEqual(await world.rpc.call('report', { connection: ana.id, status: 403, www_authenticate: 'Bearer error="insufficient_scope"' }), { verdict: 'unknown' });
  const many = await Promise.all(Array.from({ length: 50 }, () => report(world, ana.id, { token_sha256: sha256(access_token) })));
  assert.ok(many.every(({ verdict }) => verdict === 'refreshed' || verdict === 'fetch_again'));
  assert.equal(world.provider.presentationsOf(ana.grantId).length, 2);
});

scenario('a revoked grant is noticed by a report', { settings }, async (world) => {
  const connector = await world.addConnector({ id: 'gcal' });
  const ana = await world.connect(connector);
  await world.provider.revokeGrant(ana.grantId);

  assert.deepEqual(await report(world, ana.id, { www_authenticate: 'Bearer error="invalid_token"' }), { verdict: 'needs_reconnect' });
  const event = await streamEvent(world.redis, TYPE, (e) => e.type === TYPE);
  shown('after_report', event);
  assert.equal(event.data.reason, 'grant_rejected');
  assert.equal(event.data.detail, 'after_report');
  assert.equal(event.data.token_usable_until, null);
  const told = await world.daemon.ctl.run(['report', ana.id, '401']);
  assert.equal(told.status, 5);
  assert.match(told.stdout, /needs_reconnect/);
});

const probes = [
  { name: 'introspection', profile: ({ userinfo_endpoint, ...rest }) => rest },
  { name: 'userinfo', profile: ({ introspection_endpoint, ...rest }) => rest },
];

for (const { name, profile } of probes) {
  scenario(`a revoked grant is noticed between refreshes by ${name}`, { start: false, settings }, async (world) => {
    await world.daemon.writeProfile(profile(await world.provider.profile()));
    await world.start();
    const connector = await world.addConnector({ id: 'gcal', register: PROBED });
    const ana = await world.connect(connector);
    await eventually('a check', async () => /refreshd_probes_total [1-9]/.test((await world.rpc.call('metrics')).text));
    assert.match((await world.rpc.call('metrics')).text, /refreshd_suspicions_total 0/);
    assert.equal(world.provider.presentationsOf(ana.grantId).length, 0);

    await world.provider.revokeGrant(ana.grantId);
    const event = await streamEvent(world.redis, TYPE, (e) => e.type === TYPE);
    assert.equal(event.data.connection, ana.id);
    assert.equal(event.data.detail, 'after_probe');
    assert.equal(world.provider.presentationsOf(ana.grantId).length, 1);
  });
}

scenario('the known end of a refresh token is told ahead, once', { settings }, async (world) => {
  const connector = await world.addConnector({ id: 'gcal' });
  const ana = await world.connect(connector, { tokens: { refresh_token_expires_in: 5 * 86_400 } });
  const event = await streamEvent(world.redis, 'connection.expiring', (e) => e.type === 'connection.expiring');
  shown('expiring', event);
  assert.equal(event.subject, ana.id);
  assert.equal(event.data.state, 'active');
  assert.equal(event.data.remedy.action, 'reconnect');
  assert.equal(event.data.severity, 'advisory');
  assert.match(event.data.refresh_expires_at, /^\d{4}-/);
  await world.restart();
  const { items } = await world.rpc.call('list-connections', { expiring: true });
  assert.deepEqual(items.map(({ connection }) => connection), [ana.id]);
  const { items: events } = await world.rpc.call('list-events', { after: 0, types: ['connection.expiring'] });
  assert.equal(events.length, 1);
});

scenario('a security event makes the grant refresh, and a forged one does not', { start: false, settings }, async (world) => {
  const transmitter = await Transmitter.start({ audience: 'refreshd' });
  world.keep(transmitter, () => transmitter.stop());
  const tokenFile = join(world.directory, 'events.token');
  await writeFile(tokenFile, `${transmitter.token}\n`, { mode: 0o600 });
  await world.daemon.writeProfile(await world.provider.profile({ security_events: transmitter.habit(tokenFile) }));
  await world.start();
  const connector = await world.addConnector({ id: 'gcal' });
  const ana = await world.connect(connector, { account: 'ana' });
  const ben = await world.connect(connector, { account: 'ben' });
  const of = (sub) => ({ format: 'iss_sub', iss: world.provider.issuer, sub });

  const first = await transmitter.deliver({ type: SESSION_REVOKED, subject: of('ana') });
  await eventually('an acknowledgement', () => transmitter.acknowledged.includes(first));
  await eventually('a refresh', () => world.provider.presentationsOf(ana.grantId).length === 1);
  assert.equal((await world.show(ana.id)).state, 'active');

  const foreign = await transmitter.deliver({ type: SESSION_REVOKED, subject: of('ben'), audience: 'somebody-else' });
  await eventually('a refusal', () => transmitter.refused.has(foreign));
  assert.equal(transmitter.refused.get(foreign).err, 'invalid_audience');

  await world.provider.revokeGrant(ben.grantId);
  await transmitter.deliver({ type: SESSION_REVOKED, subject: of('ben') });
  const event = await streamEvent(world.redis, TYPE, (e) => e.type === TYPE);
  assert.equal(event.data.connection, ben.id);
  assert.equal(event.data.detail, 'after_security_event');
  assert.equal(world.provider.presentationsOf(ben.grantId).length, 1);
});
