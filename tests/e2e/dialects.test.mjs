// Authorization servers that bend OAuth their own way, each as odd as some real one: what is asked
// of them on the wire, and what their answers do to a connection.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { readLog } from './support/events.mjs';
import { eventually, never } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

/** A token endpoint that is `answer(request)`: {method, url, headers, body} → {status, headers, body}. */
async function serve(world, answer) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const seen = { method: request.method, url: new URL(request.url, 'http://x'), headers: request.headers, body: Buffer.concat(chunks).toString() };
    requests.push(seen);
    const { status = 200, headers = { 'content-type': 'application/json' }, body = '' } = answer(seen, requests.length);
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.keep(server, () => { server.closeAllConnections(); server.close(); });
  return { requests, origin: `http://127.0.0.1:${server.address().port}` };
}

/** One connection of a connector whose provider is that server. */
async function connect(world, id, origin, { habits, metadata, register, tokens, config } = {}) {
  await world.rpc.call('register', {
    connector: id,
    type: 'superagent',
    client_id: 'client',
    client_secret: 's3cret',
    scopes: ['read', 'write'],
    profile: { id, token_endpoint: `${origin}/token`, token_endpoint_auth_methods_supported: ['client_secret_post'], ...metadata, ...(habits && { habits }) },
    ...register,
  });
  const { connection } = await world.rpc.call('import', {
    connector: id,
    owner: { superagent: 'sa-1' },
    tokens: { access_token: 'AT-0', refresh_token: 'RT-0', expires_in: 600, ...tokens },
    ...(config && { config }),
  });
  return connection;
}

const refresh = (world, connection) => world.rpc.call('refresh', { connection }).catch((error) => error);
const form = (request) => Object.fromEntries(new URLSearchParams(request.body));

scenario('odd servers', { provider: false, redis: false }, async (world, t) => {
  await t.test('an access token that renews itself by GET, under the server\'s own names', async () => {
    const { requests, origin } = await serve(world, (_, n) => ({ body: { access_token: `AT-${n}`, token_type: 'bearer', expires_in: 600 } }));
    const id = await connect(world, 'renewing', origin, {
      habits: {
        request: { method: 'GET', presents: 'access_token', endpoint: `${origin}/renew`, omitted_params: ['client_id', 'client_secret'], extra_params: { grant_type: 'renew_token', access_token: '{access_token}' } },
        refresh_token: { rotation: 'never' },
      },
      tokens: { refresh_token: undefined },
    });
    await refresh(world, id);
    await refresh(world, id);
    assert.deepEqual(requests.map(({ method, url }) => [method, url.pathname, url.searchParams.get('access_token')]),
      [['GET', '/renew', 'AT-0'], ['GET', '/renew', 'AT-1']]);
    assert.equal((await world.token(id)).access_token, 'AT-2');
  });

  await t.test('JSON both ways, tokens nested and renamed, an end in ISO 8601', async () => {
    const end = new Date(Date.now() + 7_200_000).toISOString();
    const { requests, origin } = await serve(world, () => ({ status: 201, body: { code: 0, data: { token: 'AT-1', refreshToken: 'RT-1', expiresAt: end } } }));
    const id = await connect(world, 'nested', origin, {
      habits: {
        request: { body_format: 'json', renamed_params: { client_id: 'app_id', client_secret: 'secret' }, extra_headers: { 'X-Request': '{uuid}' } },
        response: { nesting: ['data'], success_marker: { code: 0 }, renamed_fields: { access_token: 'token', refresh_token: 'refreshToken' }, expires: 'absolute_iso8601:expiresAt' },
      },
    });
    await refresh(world, id);
    await refresh(world, id);
    assert.deepEqual(JSON.parse(requests[1].body), { grant_type: 'refresh_token', refresh_token: 'RT-1', app_id: 'client', secret: 's3cret' });
    assert.match(requests[0].headers['x-request'], /^[0-9a-f-]{36}$/);
    assert.notEqual(requests[0].headers['x-request'], requests[1].headers['x-request'], 'a fresh one each time');
    assert.ok(Math.abs(Date.parse((await world.show(id)).expires_at) - Date.parse(end)) < 2_000);
  });

  await t.test('no scope is sent, since it would narrow the grant for good', async () => {
    const { requests, origin } = await serve(world, () => ({ body: { access_token: 'AT-1', token_type: 'BEARER', expires_in: '600' } }));
    const id = await connect(world, 'narrowing', origin);
    await refresh(world, id);
    assert.deepEqual(form(requests[0]), { grant_type: 'refresh_token', refresh_token: 'RT-0', client_id: 'client', client_secret: 's3cret' });
  });

  await t.test('a refusal under 200 in the server\'s own words', async () => {
    const { origin } = await serve(world, () => ({ body: { ok: false, error: 'token_gone' } }));
    const id = await connect(world, 'under-200', origin, {
      habits: { response: { success_marker: { ok: true } }, errors: [{ match: { error: 'token_gone' }, class: 'grant_dead', means: 'access_revoked' }] },
    });
    await refresh(world, id);
    const { state, reason } = await eventually('the person is asked', async () => {
      const shown = await world.show(id);
      return shown.state === 'needs_reconnect' && shown;
    }, { within: 20_000 });
    assert.deepEqual([state, reason], ['needs_reconnect', 'access_revoked']);
  });

  await t.test('an empty 400 for everything disconnects nobody', async () => {
    const { requests, origin } = await serve(world, () => ({ status: 400, headers: {} }));
    const id = await connect(world, 'silent', origin);
    await refresh(world, id);
    assert.ok(requests.length >= 1);
    await never('a verdict', async () => (await world.show(id)).state === 'needs_reconnect', { during: 1_500 });
    assert.equal((await world.token(id)).access_token, 'AT-0', 'what is still valid is served');
  });

  await t.test('a wrong client told in the challenge alone is nobody\'s fault but the connector\'s', async () => {
    const { origin } = await serve(world, () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="as", error="invalid_client", error_description="Unknown client"' } }));
    const id = await connect(world, 'challenging', origin);
    await refresh(world, id);
    const { state, reason } = await eventually('it is blocked', async () => {
      const shown = await world.show(id);
      return shown.state === 'blocked' && shown;
    });
    assert.deepEqual([state, reason], ['blocked', 'client_rejected']);
  });

  await t.test('a variable of one connection goes where its connector\'s does not', async () => {
    const { requests, origin } = await serve(world, () => ({ body: { access_token: 'AT-1', expires_in: 600 } }));
    const id = await connect(world, 'per-tenant', origin, {
      metadata: { token_endpoint: `${origin}/{tenant}/token` },
      habits: { vars: { tenant: { pattern: '[a-z]+', per: 'connection' } } },
      config: { tenant: 'ours' },
    });
    await refresh(world, id);
    assert.equal(requests[0].url.pathname, '/ours/token');
    assert.deepEqual((await world.show(id)).config, { tenant: 'ours' });
    await assert.rejects(
      world.rpc.call('import', { connector: 'per-tenant', owner: { superagent: 'sa-2' }, tokens: { access_token: 'A' }, config: { tenant: '../x' } }),
      (error) => error.rpcCode === -32602 && error.data.path === 'config',
    );
  });

  const asked = (await readLog(world.rpc)).filter(({ type }) => type === 'connection.needs_reconnect').map(({ data }) => data.connector);
  assert.deepEqual(asked, ['under-200']);
});
