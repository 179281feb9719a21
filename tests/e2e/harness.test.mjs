// The harness itself: a test that trusts a wrong provider or Redis proves nothing.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { get } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { makeCertificates } from './support/certificates.mjs';
import { Cleanup } from './support/cleanup.mjs';
import { HostileServer, answers } from './support/hostile.mjs';
import { Program } from './support/program.mjs';
import { parseMetrics } from './support/prometheus.mjs';
import { DEFAULT_SCOPES, Provider } from './support/provider.mjs';
import { Redis } from './support/redis.mjs';
import { RpcClient } from './support/rpc.mjs';
import { sleep } from './support/wait.mjs';

function tested(name, play) {
  test(name, { timeout: 60_000 }, async () => {
    const cleanup = new Cleanup();
    try {
      await play(cleanup);
    } finally {
      await cleanup.run();
    }
  });
}

async function startProvider(cleanup, options) {
  const provider = await Provider.start(options);
  return cleanup.add(provider, () => provider.stop());
}

async function refresh(provider, { id, secret }, refreshToken) {
  const response = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }),
  });
  return { status: response.status, body: await response.json() };
}

test('a chaos run of no rounds is an error, not a promise kept', () => {
  const script = fileURLToPath(new URL('../../scripts/chaos-redis', import.meta.url));
  for (const words of [['0'], ['rounds'], ['--rounds', '4'], ['--tls', '-5'], ['--sentinel', '0'], ['3', 'seed'], ['1', '2', '3']]) {
    const { status, stdout, stderr } = spawnSync(script, words, { encoding: 'utf8', timeout: 10_000 });
    assert.deepEqual([status, stdout], [64, ''], words.join(' '));
    assert.match(stderr, /^chaos-redis: .*expected .*see --help\n$/);
  }
});

tested('a minted grant refreshes, and each refresh token works once', async (cleanup) => {
  const provider = await startProvider(cleanup, { accessTokenSeconds: 7, rotate: true });
  const client = await provider.addClient({ id: 'crm' });
  const { tokens, grantId } = await provider.mintGrant({ client: 'crm', account: 'ana', scopes: DEFAULT_SCOPES });
  assert.equal(tokens.expires_in, 7);
  assert.ok(await provider.accepts(tokens.access_token));

  const first = await refresh(provider, client, tokens.refresh_token);
  assert.equal(first.status, 200);
  assert.equal(first.body.expires_in, 7);
  assert.equal(first.body.scope, DEFAULT_SCOPES.join(' '));
  assert.notEqual(first.body.refresh_token, tokens.refresh_token);
  assert.ok(await provider.accepts(first.body.access_token));

  const reuse = await refresh(provider, client, tokens.refresh_token);
  assert.deepEqual([reuse.status, reuse.body.error], [400, 'invalid_grant']);
  const successor = await refresh(provider, client, first.body.refresh_token);
  assert.equal(successor.body.error, 'invalid_grant', 'reuse revoked the whole grant');
  assert.deepEqual(provider.presentationsOf(grantId).map((p) => p.result), ['refreshed', 'invalid_grant', 'invalid_grant']);
});

tested('within its grace a rotated refresh token works again', async (cleanup) => {
  const provider = await startProvider(cleanup, { rotate: true, graceSeconds: 1 });
  const client = await provider.addClient({ id: 'crm' });
  const { tokens } = await provider.mintGrant({ client: 'crm', account: 'ana' });
  assert.equal((await refresh(provider, client, tokens.refresh_token)).status, 200);
  assert.equal((await refresh(provider, client, tokens.refresh_token)).status, 200);
  await sleep(1_100);
  assert.equal((await refresh(provider, client, tokens.refresh_token)).status, 400);
});

tested('without rotation the refresh token stays', async (cleanup) => {
  const provider = await startProvider(cleanup, { rotate: false });
  const client = await provider.addClient({ id: 'crm' });
  const { tokens } = await provider.mintGrant({ client: 'crm', account: 'ana' });
  for (let i = 0; i < 3; i += 1) assert.equal((await refresh(provider, client, tokens.refresh_token)).status, 200);
});

tested('a revoked grant, a changed secret and a reduced grant show at the next refresh', async (cleanup) => {
  const provider = await startProvider(cleanup, { rotate: false });
  const client = await provider.addClient({ id: 'crm' });
  const ana = await provider.mintGrant({ client: 'crm', account: 'ana' });
  const ben = await provider.mintGrant({ client: 'crm', account: 'ben' });

  await provider.revokeGrant(ana.grantId);
  assert.equal((await refresh(provider, client, ana.tokens.refresh_token)).body.error, 'invalid_grant');
  assert.equal(await provider.accepts(ana.tokens.access_token), false);

  await provider.reduceGrant(ben.grantId, ['openid', 'offline_access']);
  assert.equal((await refresh(provider, client, ben.tokens.refresh_token)).body.scope, 'openid offline_access');

  await provider.setClientSecret('crm', 'another-secret-of-the-same-client-0123456789');
  const refused = await refresh(provider, client, ben.tokens.refresh_token);
  assert.deepEqual([refused.status, refused.body.error], [401, 'invalid_client']);
  const again = { id: 'crm', secret: 'another-secret-of-the-same-client-0123456789' };
  assert.equal((await refresh(provider, again, ben.tokens.refresh_token)).status, 200);
});

tested('an answer can be lost after the deed, or replaced', async (cleanup) => {
  const provider = await startProvider(cleanup, { rotate: true });
  const client = await provider.addClient({ id: 'crm' });
  const { tokens, grantId } = await provider.mintGrant({ client: 'crm', account: 'ana' });
  provider.fault = answers.tooMany(3);
  const response = await fetch(`${provider.issuer}/token`, { method: 'POST', body: new URLSearchParams({ refresh_token: tokens.refresh_token }) });
  assert.deepEqual([response.status, response.headers.get('retry-after')], [429, '3']);
  provider.fault = null;
  provider.dropAnswers = 1;
  await assert.rejects(refresh(provider, client, tokens.refresh_token));
  assert.deepEqual(provider.presentationsOf(grantId).map(({ result, delivered }) => [result, delivered]), [['fault', false], ['refreshed', false]]);
});

tested('https with a certificate of its own authority', async (cleanup) => {
  const certificates = await makeCertificates(await cleanup.directory());
  const provider = await startProvider(cleanup, { tls: certificates });
  const fetched = (options) => new Promise((resolve, reject) => {
    get(`${provider.issuer}/.well-known/openid-configuration`, options, (response) => {
      let body = '';
      response.on('data', (chunk) => { body += chunk; }).on('end', () => resolve(JSON.parse(body)));
    }).on('error', reject);
  });
  await assert.rejects(fetched({}), { code: /UNABLE_TO|SELF_SIGNED|UNKNOWN/ });
  const { readFile } = await import('node:fs/promises');
  const metadata = await fetched({ ca: await readFile(certificates.caFile) });
  const profile = await provider.profile();
  for (const [name, value] of Object.entries(profile)) {
    if (name.endsWith('endpoint')) assert.equal(metadata[name], value, name);
  }
});

tested('the hostile server keeps what it was asked', async (cleanup) => {
  const hostile = await HostileServer.start(answers.dropped());
  cleanup.add(hostile, () => hostile.stop());
  await assert.rejects(fetch(`${hostile.origin}/token`, { method: 'POST', body: 'a=b' }));
  assert.equal(hostile.requests[0].body, 'a=b');
  hostile.answer = answers.truncatedJson();
  await assert.rejects(fetch(`${hostile.origin}/token`).then((response) => response.text()));
});

tested('redis: what was acknowledged survives kill -9 where it should, and is gone where it should', async (cleanup) => {
  const redis = await Redis.start(await cleanup.directory(), { persistent: true });
  cleanup.add(redis, () => redis.stop());
  await redis.with((client) => client.xAdd('s', '1-0', { a: 'b' }));
  await redis.kill();
  await redis.start();
  assert.equal(await redis.with((client) => client.xLen('s')), 1);
  await redis.kill();
  await redis.forget();
  await redis.start();
  assert.equal(await redis.with((client) => client.xLen('s')), 0);
});

tested('a program ends with its parent, however that ends', async (cleanup) => {
  const directory = await cleanup.directory();
  const script = join(directory, 'parent.mjs');
  const module = new URL('./support/program.mjs', import.meta.url).href;
  await writeFile(script, `import { Program } from '${module}';
    const child = new Program('sleep', ['60']); console.log(child.pid); setInterval(() => {}, 1000);`);
  const parent = new Program(process.execPath, [script]);
  while (!parent.stdout.includes('\n')) await sleep(20);
  const child = Number(parent.stdout);
  assert.doesNotThrow(() => process.kill(child, 0));
  await parent.kill();
  await sleep(200);
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(child)]).stdout.toString();
  assert.ok(state === '' || state.startsWith('Z'), `the child is gone, or waits for init to notice: ${state}`);
});

tested('the JSON-RPC client: pipelining, errors, batches, notifications', async (cleanup) => {
  const path = join(await cleanup.directory(), 's');
  const server = createServer((socket) => {
    let rest = '';
    socket.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      const answer = ({ id, method }) => (method === 'bad'
        ? { jsonrpc: '2.0', id, error: { code: -32000, message: 'no', data: { code: 'exists' } } }
        : { jsonrpc: '2.0', id, result: method });
      for (const line of lines.reverse()) { // out of order on purpose
        const request = JSON.parse(line);
        const result = Array.isArray(request) ? request.map(answer) : answer(request);
        socket.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'event', params: {} })}\n${JSON.stringify(result)}\n`);
      }
    });
  });
  await new Promise((resolve) => { server.listen(path, resolve); });
  cleanup.add(server, () => server.close());
  const rpc = await RpcClient.connect(path);
  cleanup.add(rpc, () => rpc.close());
  assert.deepEqual(await Promise.all([rpc.call('a'), rpc.call('b')]), ['a', 'b']);
  await assert.rejects(rpc.call('bad'), (error) => error.data.code === 'exists');
  assert.deepEqual(await rpc.batch([['a'], ['b']]), ['a', 'b']);
  assert.ok(rpc.notifications.length >= 4);
});

test('the metrics reader takes what Prometheus takes and refuses what it refuses', () => {
  const good = `# HELP x_total Things.
# TYPE x_total counter
x_total{a="b\\"c",d="e"} 1
x_total 2e3
# TYPE h histogram
h_bucket{le="0.1"} 1
h_bucket{le="+Inf"} 2
h_sum 0.3
h_count 2
# TYPE g gauge
g NaN
`;
  assert.equal(parseMetrics(good).get('h').samples.length, 4);
  const bad = {
    'no newline at the end': 'x 1',
    'a value that is none': 'x one\n',
    'a label without quotes': 'x{a=b} 1\n',
    'a counter not named _total': '# TYPE x counter\nx 1\n',
    'a family in two places': 'x 1\ny 1\nx{a="b"} 1\n',
    'a series twice': 'x 1\nx 1\n',
    'a histogram without +Inf': '# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n',
    'buckets that fall': '# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
    'an unknown type': '# TYPE x thing\nx 1\n',
  };
  for (const [name, text] of Object.entries(bad)) assert.throws(() => parseMetrics(text), Error, name);
});
