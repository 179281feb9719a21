// Tokens are refreshed before they expire (docs/behaviour.md "Refreshing").

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';

import { readLog } from './support/events.mjs';
import { eventually, never, sleep } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

/**
 * For a lifetime L of 6 s and the default margin of 300 s, docs/behaviour.md "Refreshing"
 * gives b = L/2 = 3 s and a jitter of at most 0.1 L = 0.6 s.
 */
const LIFETIME = 6;
const EARLIEST = 3_000;
const LATEST = 3_600;
/** Import and answer are stamped in two processes, and a sanitizer build on a busy machine is slow. */
const EARLY_BY = 150;
const LATE_BY = 1_500;

/** Reads a connection's token as a busy caller does and fails as soon as the provider refuses it. */
async function readTokensWhile(world, connections, milliseconds) {
  const end = Date.now() + milliseconds;
  while (Date.now() < end) {
    for (const { id } of connections) {
      const { access_token: token } = await world.token(id, { min_valid_s: 0 });
      assert.ok(await world.provider.accepts(token), `a token handed out for ${id} is dead at the provider`);
    }
    await sleep(300);
  }
}

for (const rotate of [true, false]) {
  const title = rotate ? 'with rotation and reuse detection' : 'without rotation';
  scenario(`an access token is refreshed before it expires, each time, at its due time: ${title}`, {
    provider: { accessTokenSeconds: LIFETIME, rotate },
    redis: false,
  }, async (world) => {
    const connector = await world.addConnector({ id: 'calendar' });
    const imported = [];
    for (let i = 0; i < 5; i += 1) imported.push({ ...(await world.connect(connector)), at: Date.now() });

    await readTokensWhile(world, imported, 11_000);

    for (const { id, grantId, at } of imported) {
      const refreshes = world.provider.presentationsOf(grantId);
      assert.ok(refreshes.length >= 2, `${id} was refreshed ${refreshes.length} times in 11 s`);
      assert.deepEqual([...new Set(refreshes.map((p) => p.result))], ['refreshed']);
      const starts = [at, ...refreshes.map((p) => p.at)];
      for (let i = 1; i < starts.length; i += 1) {
        const age = starts[i] - starts[i - 1];
        assert.ok(age >= EARLIEST - EARLY_BY && age <= LATEST + LATE_BY, `refreshed at an age of ${age} ms`);
      }
      const state = await world.show(id);
      assert.equal(state.state, 'active');
    }
    const types = (await readLog(world.rpc)).map((event) => event.type);
    assert.deepEqual([...new Set(types)], ['connector.registered', 'connection.connected'],
      'a refresh is no event unless the connector asks for it');
  });
}

scenario('an imported connection says what it is and when it is refreshed next', {
  provider: { accessTokenSeconds: 600 },
  redis: false,
}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar', type: 'app_user' });
  const owner = { app: 'crm', user: 'u-77' };
  const before = Date.now();
  const { connection } = await world.connect(connector, { owner, account: 'ana' });

  assert.ok(connection.connection.length > 0);
  assert.equal(connection.connector, 'calendar');
  assert.equal(connection.connector_type, 'app_user');
  assert.equal(connection.provider, 'oidc');
  assert.deepEqual(connection.owner, owner);
  assert.deepEqual(connection.account, { id: 'ana', label: 'ana@example.com' });
  assert.equal(connection.generation, 1);
  assert.equal(connection.state, 'active');
  assert.deepEqual([...connection.scopes_asked].sort(), [...connector.scopes].sort());
  assert.deepEqual([...connection.scopes_granted].sort(), [...connector.scopes].sort());
  assert.ok(Math.abs(Date.parse(connection.expires_at) - (before + 600_000)) < 5_000, connection.expires_at);
  // b = max(300, min(480, 300)) = 300 s, jitter at most 60 s
  const dueIn = Date.parse(connection.next_refresh_at) - before;
  assert.ok(dueIn >= 299_000 && dueIn <= 365_000, `next refresh in ${dueIn} ms`);
});

scenario('a token near its end is refreshed on demand, a fresh one is not', { redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id, grantId, tokens } = await world.connect(connector);

  const served = await world.token(id);
  assert.equal(served.access_token, tokens.access_token);
  assert.equal(served.token_type, 'Bearer');
  assert.deepEqual([...served.scopes].sort(), [...connector.scopes].sort());
  assert.equal(world.provider.presentationsOf(grantId).length, 0, 'a fresh token costs no request');

  const { access_token: newer } = await world.token(id, { min_valid_s: 1_000 });
  assert.notEqual(newer, tokens.access_token, 'more validity than is left: the freshest there is');
  assert.ok(await world.provider.accepts(newer));
  assert.equal(world.provider.presentationsOf(grantId).length, 1);
});

scenario('a connection is found by connector and owner as well as by id', { redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'files', type: 'shared' });
  const { tokens } = await world.connect(connector, { owner: { apps: ['crm', 'sales'] } });
  for (const owner of [{ app: 'sales' }, { app: 'crm' }, { apps: ['sales', 'crm'] }]) {
    const { access_token: token } = await world.rpc.call('token', { connector: 'files', owner });
    assert.equal(token, tokens.access_token);
  }
});

scenario('refreshing goes on after a restart, with the tokens of before', {
  provider: { accessTokenSeconds: LIFETIME, rotate: true },
  redis: false,
}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id, grantId } = await world.connect(connector);
  await eventually('a first refresh', () => world.provider.refreshesOf(grantId).length === 1);
  await world.restart();
  await eventually('a refresh after the restart', () => world.provider.refreshesOf(grantId).length >= 2);
  assert.ok(await world.provider.accepts((await world.token(id)).access_token));
  assert.deepEqual([...new Set(world.provider.presentationsOf(grantId).map((p) => p.result))], ['refreshed']);
});

scenario('an answer with fewer scopes keeps the tokens and is said once, as an advisory', {}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id, grantId } = await world.connect(connector);
  await world.provider.reduceGrant(grantId, ['openid', 'offline_access']);
  await world.rpc.call('refresh', { connection: id });
  const events = async () => (await readLog(world.rpc)).filter((event) => event.type === 'connection.needs_reconnect');
  const [{ data }] = await eventually('the advisory', async () => {
    const found = await events();
    return found.length > 0 && found;
  }, { within: 20_000 });
  assert.deepEqual([data.class, data.reason, data.severity, data.grant_alive],
    ['permissions_changed', 'scopes_reduced', 'advisory', true]);
  const { access_token: token } = await world.token(id, { min_valid_s: 1_000 });
  assert.ok(await world.provider.accepts(token));
  await never('a second advisory for the same loss', async () => (await events()).length > 1, { during: 2_000 });
});

const keys = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};

const authentications = [
  { auth: 'client_secret_basic' },
  { auth: 'client_secret_basic', title: 'client_secret_basic with a secret full of reserved characters', secret: 'a:b%20c+d/e=f&g?h "\\~*!' },
  { auth: 'client_secret_post' },
  { auth: 'none' },
  { auth: 'client_secret_jwt' },
  { auth: 'private_key_jwt', algorithm: 'RS256' },
  { auth: 'private_key_jwt', algorithm: 'ES256' },
];

scenario('the client authenticates as its connector says', { redis: false }, async (world, t) => {
  for (const [i, { auth, algorithm, secret, title = algorithm ? `${auth} with ${algorithm}` : auth }] of authentications.entries()) {
    await t.test(title, async () => {
      const key = algorithm && keys[algorithm]();
      const connector = await world.addConnector({
        id: `auth-${i}`,
        auth,
        secret,
        ...(key && {
          jwk: { ...key.publicKey.export({ format: 'jwk' }), alg: algorithm, use: 'sig' },
          register: { private_key: key.privateKey.export({ format: 'pem', type: 'pkcs8' }) },
        }),
      });
      const { id, grantId } = await world.connect(connector);
      await world.rpc.call('refresh', { connection: id });
      assert.deepEqual(world.provider.presentationsOf(grantId).map((p) => p.result), ['refreshed']);
    });
  }
});

scenario('TLS: a server vouched for by the configured authority is trusted', { tls: true, redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id, grantId } = await world.connect(connector);
  await world.rpc.call('refresh', { connection: id });
  assert.equal(world.provider.refreshesOf(grantId).length, 1);
});

scenario('TLS: a server that nobody vouches for gets no refresh token', {
  tls: true,
  redis: false,
  settings: { http: { ca_file: undefined } },
}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id, tokens } = await world.connect(connector);
  await assert.rejects(world.token(id, { min_valid_s: 1_000 }), (error) => error.data?.code === 'provider_unavailable');
  assert.equal(world.provider.presentations.length, 0);
  assert.equal((await world.token(id)).access_token, tokens.access_token, 'what is still valid is served');
  assert.equal((await world.show(id)).state, 'retrying');
});
