// What is only a fault never sends anybody to reconnect (docs/behaviour.md "States and
// reasons").

import assert from 'node:assert/strict';

import { readLog } from './support/events.mjs';
import { HostileServer, answers } from './support/hostile.mjs';
import { freePort } from './support/ports.mjs';
import { Provider } from './support/provider.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const faults = [
  { name: '503 from a load balancer', answer: answers.unavailable() },
  { name: '500 that says invalid_grant', answer: answers.errorWithDeadGrant() },
  { name: '429 with Retry-After', answer: answers.tooMany(3), notBefore: 3_000 },
  { name: '429 with Retry-After as a date', answer: answers.tooMany(new Date(Date.now() + 6_000).toUTCString()) },
  { name: 'HTML with status 200', answer: answers.html() },
  { name: 'JSON that ends in the middle', answer: answers.truncatedJson() },
  { name: 'an empty 400', answer: answers.emptyBadRequest() },
  { name: 'an error of which nobody has heard', answer: answers.plain(400, { 'content-type': 'application/json' }, '{"error":"computer_says_no"}') },
  { name: 'a connection dropped after the request was read', answer: answers.dropped() },
  { name: 'no answer at all', answer: answers.silent(), once: true },
];

scenario('faults of the provider are waited out: no reconnect, the valid token served, fresh again afterwards', {
  provider: false,
  settings: { refresh: { backoff_max: '2s' } },
  start: false,
}, async (world, t) => {
  const rows = [];
  for (const [i, fault] of faults.entries()) {
    const provider = await world.addProvider({ id: `fault-${i}`, rotate: false, accessTokenSeconds: 600 });
    await world.daemon.writeProfile(await provider.profile());
    rows.push({ ...fault, id: `fault-${i}`, provider });
  }
  await world.start();

  await Promise.all(rows.map((row) => t.test(row.name, async () => {
    const { provider, answer, notBefore, once } = row;
    const connector = await world.addConnector({ id: row.id, provider });
    const { id, tokens } = await world.connect(connector);
    provider.fault = answer;

    world.rpc.call('refresh', { connection: id }, { within: 90_000 }).catch(() => {}); // its answer may say so
    await eventually('a first try', () => provider.presentations.length >= 1);
    assert.equal((await world.token(id)).access_token, tokens.access_token, 'what is still valid is served');
    if (!once) await eventually('a second try', () => provider.presentations.length >= 2, { within: 20_000 });
    if (notBefore) {
      const [first, second] = provider.presentations;
      assert.ok(second.at - first.at >= notBefore - 50, `tried again after ${second.at - first.at} ms`);
    }
    const shown = await world.show(id);
    assert.ok(['active', 'retrying'].includes(shown.state), shown.state);
    assert.equal((await world.token(id)).access_token, tokens.access_token);

    provider.fault = null;
    const fresh = await eventually('a fresh token after the fault', async () => {
      const token = await world.token(id, { min_valid_s: 0 });
      return token.access_token !== tokens.access_token && token;
    }, { within: 35_000, every: 200 });
    assert.ok(await provider.accepts(fresh.access_token));
    assert.equal((await world.show(id)).state, 'active');
  })));

  const types = new Set((await readLog(world.rpc)).map(({ type }) => type));
  assert.deepEqual([...types].sort(), ['connection.connected', 'connector.registered']);
});

scenario('a redirect of the token endpoint is not followed: the other origin sees nothing', { redis: false }, async (world) => {
  const other = await HostileServer.start(answers.plain(200, {}, '{}'));
  world.keep(other, () => other.stop());
  const connector = await world.addConnector({ id: 'calendar' });
  const { id, tokens } = await world.connect(connector);
  world.provider.fault = answers.redirect(`${other.origin}/token`);
  world.rpc.call('refresh', { connection: id }).catch(() => {});
  await eventually('two tries', () => world.provider.presentations.length >= 2, { within: 20_000 });
  assert.equal(other.requests.length, 0);
  assert.equal((await world.token(id)).access_token, tokens.access_token);
});

scenario('nobody listening at the token endpoint is no verdict; a caller who needs more is told so', {
  provider: false, redis: false, start: false,
}, async (world) => {
  const port = await freePort();
  const before = await Provider.start({ id: 'away', port });
  await world.daemon.writeProfile(await before.profile());
  await world.start();
  const connector = await world.addConnector({ id: 'calendar', provider: before });
  const { id, tokens } = await world.connect(connector);
  await before.stop();

  assert.equal((await world.token(id)).access_token, tokens.access_token);
  await assert.rejects(world.token(id, { min_valid_s: 1_000 }), (error) => error.data?.code === 'provider_unavailable');
  assert.ok(['active', 'retrying'].includes((await world.show(id)).state));
});

scenario('an answer lost on the way of a provider that forgives a repeat costs nothing', {
  provider: { rotate: true, graceSeconds: 30 },
  habits: { refresh_token: { rotation: 'always', replay: 'window:30' } },
}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id, grantId } = await world.connect(connector);
  world.provider.dropAnswers = 1;
  world.rpc.call('refresh', { connection: id }).catch(() => {});
  await eventually('presented again', () => world.provider.refreshesOf(grantId).length >= 2, { within: 20_000 });
  await eventually('active', async () => (await world.show(id)).state === 'active');
  const token = await world.token(id);
  assert.ok(await world.provider.accepts(token.access_token));
});

scenario('an answer lost on the way of a provider that forgives nothing is called rotation_lost', {
  provider: { rotate: true },
}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id } = await world.connect(connector);
  world.provider.dropAnswers = 1;
  world.rpc.call('refresh', { connection: id }).catch(() => {});
  const event = await eventually('the verdict', async () => (await readLog(world.rpc))
    .find(({ type }) => type === 'connection.needs_reconnect'), { within: 30_000 });
  assert.deepEqual([event.data.class, event.data.reason], ['cannot_refresh', 'rotation_lost']);
});

scenario('a connection kept alive that died gets one presentation, not a silent second one', {
  provider: { rotate: true },
}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const first = await world.connect(connector);
  const second = await world.connect(connector);
  await world.rpc.call('refresh', { connection: first.id }); // leaves a kept-alive connection behind
  world.provider.fault = answers.dropped();
  world.rpc.call('refresh', { connection: second.id }).catch(() => {});
  await eventually('presented', () => world.provider.presentationsOf(second.grantId).length >= 1);
  // libcurl's own repeat comes within milliseconds; ours after half a second.
  const deadline = Date.now() + 300;
  while (Date.now() < deadline) {
    assert.equal(world.provider.presentationsOf(second.grantId).length, 1);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
});
