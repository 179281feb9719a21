// refreshctl discover: a server's own metadata becomes a profile that loads and refreshes.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { REFRESHCTL, REFRESHD, cleanEnvironment } from './support/binaries.mjs';
import { run } from './support/program.mjs';
import { scenario } from './support/world.mjs';

const discover = (...args) => run(REFRESHCTL, ['discover', ...args], { env: cleanEnvironment() });

scenario('the metadata of oidc-provider makes a profile that passes --check and refreshes', { redis: false, start: false }, async (world) => {
  const { issuer } = world.provider;
  const file = join(world.daemon.providers, 'found.json');
  const { status, stderr } = await discover(issuer, '--allow-plain-loopback', '--id', 'found', '--output', file);
  assert.equal(status, 0, stderr);
  const profile = JSON.parse(await readFile(file, 'utf8'));
  assert.equal(profile.id, 'found');
  assert.equal(profile.issuer, issuer);
  assert.equal(profile.token_endpoint, `${issuer}/token`);
  assert.equal(profile.revocation_endpoint, `${issuer}/token/revocation`);
  assert.equal(profile.jwks_uri, `${issuer}/jwks`);
  assert.ok(profile.token_endpoint_auth_methods_supported.includes('client_secret_basic'));
  assert.deepEqual(profile.sources, [`${issuer}/.well-known/oauth-authorization-server`]);

  const check = await run(REFRESHD, ['--check', '--config', world.daemon.configFile], { env: cleanEnvironment() });
  assert.equal(check.status, 0, check.stderr);
  await world.start();
  const connector = await world.addConnector({ id: 'calendar', register: { provider: 'found' } });
  const { id, grantId } = await world.connect(connector);
  await world.rpc.call('refresh', { connection: id });
  assert.equal(world.provider.refreshesOf(grantId).length, 1);

  const again = await discover(issuer, '--allow-plain-loopback', '--output', file);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /exists and is left as it is/);
});

/** Answers with `documents` by path, {status, body} or the body alone; counts what was asked. */
async function serve(world, documents) {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    const { status = 200, headers = {}, body = '' } = documents(`http://127.0.0.1:${server.address().port}`)[request.url] ?? { status: 404 };
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.keep(server, () => { server.closeAllConnections(); server.close(); });
  return { issuer: `http://127.0.0.1:${server.address().port}`, asked };
}

const OAUTH = '/.well-known/oauth-authorization-server';
const OPENID = '/.well-known/openid-configuration';

scenario('what discover refuses, and says why', { provider: false, redis: false, start: false }, async (world, t) => {
  const good = (origin) => ({ issuer: origin, token_endpoint: `${origin}/token` });
  const cases = [
    ['a document of RFC 8414 is enough', (o) => ({ [OAUTH]: { body: good(o) } }), 0, /"token_endpoint": "http/],
    ['the other place is asked where the first has none', (o) => ({ [OPENID]: { body: good(o) } }), 0, /openid-configuration/],
    ['another issuer is refused, and no other place asked', (o) => ({ [OAUTH]: { body: { ...good(o), issuer: `${o}/other` } }, [OPENID]: { body: good(o) } }), 1, /expected the issuer/],
    ['a redirect is not followed', (o) => ({ [OAUTH]: { status: 302, headers: { location: '/elsewhere' } }, [OPENID]: { status: 302, headers: { location: '/elsewhere' } }, '/elsewhere': { body: good(o) } }), 1, /expected status 200, got 302/],
    ['a page is no metadata', () => ({ [OAUTH]: { body: '<html></html>' }, [OPENID]: { body: '<html></html>' } }), 1, /expected JSON/],
    ['a page in the first place says nothing of the other', (o) => ({ [OAUTH]: { body: '<html></html>' }, [OPENID]: { body: good(o) } }), 0, /openid-configuration/],
    ['no token endpoint', (o) => ({ [OAUTH]: { body: { issuer: o } } }), 1, /token_endpoint: expected/],
    ['a token endpoint in the clear elsewhere', (o) => ({ [OAUTH]: { body: { issuer: o, token_endpoint: 'http://as.example.com/token' } } }), 1, /token_endpoint: expected https:\/\//],
    ['more than a megabyte', (o) => ({ [OAUTH]: { body: { ...good(o), x: 'x'.repeat(2 * 1024 * 1024) } } }), 1, /at most 1 MiB/],
    ['nothing anywhere', () => ({}), 1, /expected status 200, got 404/],
  ];
  for (const [name, documents, wanted, says] of cases) {
    await t.test(name, async () => {
      const { issuer } = await serve(world, documents);
      const { status, stdout, stderr } = await discover(issuer, '--allow-plain-loopback');
      assert.equal(status, wanted, stdout + stderr);
      assert.match(stdout + stderr, says);
    });
  }
  await t.test('plain http needs leave', async () => {
    const { issuer, asked } = await serve(world, (o) => ({ [OAUTH]: { body: good(o) } }));
    const { status, stderr } = await discover(issuer);
    assert.equal(status, 1);
    assert.match(stderr, /issuer: expected https:\/\//);
    assert.deepEqual(asked, []);
  });
  await t.test('nobody there', async () => {
    const { status, stderr } = await discover('http://127.0.0.1:9', '--allow-plain-loopback');
    assert.equal(status, 1);
    assert.match(stderr, /127\.0\.0\.1/);
  });
  await t.test('usage', async () => {
    assert.equal((await discover()).status, 2);
    assert.equal((await discover('https://a.example', '--nonsense')).status, 2);
    assert.match((await discover('--help')).stdout, /metadata/);
  });
  await t.test('--json', async () => {
    const { issuer } = await serve(world, (o) => ({ [OAUTH]: { body: good(o) } }));
    const { stdout } = await discover(issuer, '--allow-plain-loopback', '--json');
    assert.equal(JSON.parse(stdout).issuer, issuer);
    await writeFile(join(world.directory, 'out.json'), stdout);
  });
});

scenario('TLS is verified', { tls: true, redis: false, start: false }, async (world) => {
  const { issuer } = world.provider;
  const bare = await discover(issuer);
  assert.equal(bare.status, 1);
  assert.match(bare.stderr, /certificate/i);
  const trusted = await discover(issuer, '--ca-file', join(world.directory, 'ca.pem'));
  assert.equal(trusted.status, 0, trusted.stderr);
  assert.equal(JSON.parse(trusted.stdout).token_endpoint, `${issuer}/token`);
});
