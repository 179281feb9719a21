// A provider that errs about everybody at once, and one that says nothing: over real sockets
// (docs/behaviour.md "The mass-failure guard", "Pacing").

import assert from 'node:assert/strict';

import { readLog } from './support/events.mjs';
import { HostileServer, answers } from './support/hostile.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const json = { 'content-type': 'application/json' };
const invalidGrant = answers.plain(400, json, '{"error":"invalid_grant"}');

/** Grants tokens that live so long to whoever asks. */
const grants = (seconds) => (_request, response) => {
  response.writeHead(200, json);
  response.end(JSON.stringify({ access_token: `at-${Math.random()}`, token_type: 'Bearer', expires_in: seconds }));
};

const PEOPLE = 12;
const SETTINGS = { guard: { settle: '1s', window: '15min', hold: '2s, 5s, 9s' } };

/** Twelve people whose tokens come from a server that errs on purpose. */
async function givenPeople(world, { seconds = 600 } = {}) {
  const server = world.keep(await HostileServer.start(grants(seconds)), () => server.stop());
  await world.daemon.writeProfile(server.profile('erring'));
  await world.start();
  await world.rpc.call('register', {
    connector: 'gcal', type: 'superagent', provider: 'erring', client_id: 'client', client_secret: 'secret', scopes: ['read'],
  });
  const ids = [];
  for (let i = 0; i < PEOPLE; i += 1) {
    const { connection } = await world.rpc.call('import', {
      connector: 'gcal',
      owner: { superagent: `sa-${i}` },
      tokens: { access_token: `at-${i}`, refresh_token: `rt-${i}`, expires_in: seconds },
    });
    ids.push(connection);
  }
  return { server, ids };
}

const count = (log, type) => log.filter((event) => event.type === type).length;
const states = async (world, ids) => Promise.all(ids.map(async (id) => (await world.show(id)).state));
const refreshAll = (world, ids) => ids.map((id) => world.rpc.call('refresh', { connection: id }, { within: 30_000 }).catch(() => {}));

scenario('a provider that errs about everybody: told once, nobody reconnects for nothing', { provider: false, settings: SETTINGS, start: false }, async (world) => {
  const { server, ids } = await givenPeople(world);
  server.answer = invalidGrant;
  const refreshes = refreshAll(world, ids);
  await eventually('the operator is told', async () => count(await readLog(world.rpc), 'provider.suspect') === 1);
  const status = await world.rpc.call('status', {});
  assert.equal(status.holds.length, 1);
  assert.equal(status.holds[0].connector, 'gcal');
  await Promise.all(refreshes);
  assert.ok((await states(world, ids)).every((state) => state === 'retrying'));
  const shown = await world.show(ids[0]);
  assert.equal(shown.verdict.reason, 'grant_rejected');
  assert.equal(shown.verdict.held, true);
  assert.equal((await world.token(ids[0])).access_token, 'at-0');

  await world.daemon.kill(); // in the middle of the hold
  await world.start();
  server.answer = grants(600);
  await eventually('all are well', async () => (await states(world, ids)).every((state) => state === 'active'), { within: 20_000 });
  await eventually('that is told', async () => count(await readLog(world.rpc), 'provider.recovered') === 1, { within: 15_000 });
  const log = await readLog(world.rpc);
  assert.equal(count(log, 'provider.suspect'), 1);
  assert.equal(count(log, 'connection.needs_reconnect'), 0);
  const suspect = log.find((event) => event.type === 'provider.suspect');
  assert.deepEqual(Object.keys(suspect.data).sort(), ['connector', 'held', 'provider', 'until', 'window_s']);
});

scenario('one that means it: every one is told at the end of the hold, and none is asked about again', { provider: false, settings: SETTINGS, start: false }, async (world) => {
  const { server, ids } = await givenPeople(world);
  server.answer = invalidGrant;
  await Promise.all(refreshAll(world, ids));
  await eventually('all are told', async () => (await states(world, ids)).every((state) => state === 'needs_reconnect'), { within: 25_000 });
  const log = await readLog(world.rpc);
  assert.equal(count(log, 'provider.suspect'), 1);
  assert.equal(count(log, 'connection.needs_reconnect'), PEOPLE);
  assert.equal(count(log, 'connection.recovered'), 0);
  const bodies = server.requests.map(({ body }) => new URLSearchParams(body).get('refresh_token'));
  for (let i = 0; i < PEOPLE; i += 1) assert.ok(bodies.filter((token) => token === `rt-${i}`).length <= 4, 'one, and three times in the hold');
});

scenario('confirm and clear end a hold at once', {
  provider: false, settings: { guard: { settle: '1s', hold: '1h' } }, start: false,
}, async (world) => {
  const { server, ids } = await givenPeople(world);
  server.answer = invalidGrant;
  await Promise.all(refreshAll(world, ids));
  server.answer = grants(600);
  assert.ok((await world.rpc.call('clear', { connector: 'gcal' })).held >= PEOPLE - 4);
  await eventually('nobody is held', async () => {
    const shown = await Promise.all(ids.map((id) => world.show(id)));
    return shown.every(({ state, verdict }) => state === 'active' && verdict === null);
  });
  server.answer = invalidGrant;
  await Promise.all(refreshAll(world, ids));
  assert.ok((await world.rpc.call('confirm', { connector: 'gcal' })).held >= PEOPLE - 4);
  await eventually('all are told', async () => (await states(world, ids)).every((state) => state === 'needs_reconnect'));
});

scenario('a provider that never answers changes nothing for another, nor for the socket', { provider: { accessTokenSeconds: 8 }, start: false }, async (world) => {
  const { server } = await givenPeople(world, { seconds: 4 });
  const connector = await world.addConnector({ id: 'well' });
  const well = [];
  for (let i = 0; i < 5; i += 1) well.push(await world.connect(connector));
  server.answer = answers.silent();

  const began = Date.now();
  const times = [];
  while (Date.now() - began < 20_000) {
    const at = performance.now();
    const { expires_at: end } = await world.token(well[times.length % well.length].id);
    times.push(performance.now() - at);
    assert.ok(Date.parse(end) > Date.now(), 'a fresh token');
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  times.sort((a, b) => a - b);
  assert.ok(times[Math.floor(times.length * 0.99)] < 250, `p99 ${times[Math.floor(times.length * 0.99)]} ms`);
  const { providers } = await world.rpc.call('status', {});
  const silent = providers.find(({ provider }) => provider === 'erring');
  assert.ok(silent.limit < 64 || silent.breaker !== 'closed', JSON.stringify(silent));
  const log = await readLog(world.rpc);
  assert.equal(count(log, 'connection.needs_reconnect'), 0);
});
