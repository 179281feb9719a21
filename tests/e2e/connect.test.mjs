// authorize, the provider's own pages, complete: against a real authorization server.

import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { readLog } from './support/events.mjs';
import { answerOf, approve } from './support/person.mjs';
import { Program } from './support/program.mjs';
import { REFRESHCTL, cleanEnvironment } from './support/binaries.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const CALLBACK = 'http://127.0.0.1:9/callback';
// oidc-provider gives refresh tokens to whoever was asked for consent (OpenID Connect Core §11).
const options = { provider: { pages: true, accessTokenSeconds: 600 }, habits: { request: { authorize_params: { prompt: 'consent' } } } };

const refused = (code) => (error) => error.data?.code === code || assert.fail(`${code} wanted, got ${JSON.stringify(error.data)} ${error.message}`);

function authorize(world, connector, intent, more = {}) {
  return world.rpc.call('authorize', { connector: connector.id, intent, redirect_uri: CALLBACK, ...more });
}

const complete = (world, back, more = {}) => world.rpc.call('complete', { ...answerOf(back), ...more });

async function connectBy(world, connector, account, intent = 'connect', more = {}) {
  const { url } = await authorize(world, connector, intent, more);
  return complete(world, await approve(url, { account }));
}

const typesOf = async (world, subject) =>
  (await readLog(world.rpc)).filter((event) => event.subject === subject).map((event) => event.type);

scenario('a person approves at the provider and is connected with the account of the ID token', options, async (world) => {
  const connector = await world.addConnector({ id: 'cal' });
  const owner = { superagent: 'sa-1' };
  const flow = await authorize(world, connector, 'connect', { owner, connection: 'c-1' });
  assert.deepEqual(Object.keys(flow).sort(), ['expires_at', 'state', 'url']);
  assert.equal((await world.show('c-1')).state, 'pending');
  const query = new URL(flow.url).searchParams;
  assert.equal(query.get('code_challenge_method'), 'S256');
  assert.equal(query.get('state'), flow.state);
  assert.ok(query.get('nonce'));

  const back = await approve(flow.url, { account: 'ana' });
  assert.equal(back.searchParams.get('iss'), world.provider.issuer);
  const connection = await complete(world, back);
  assert.equal(connection.connection, 'c-1');
  assert.equal(connection.state, 'active');
  assert.deepEqual(connection.account, { id: 'ana' });
  assert.deepEqual(connection.scopes_granted, ['calendar.readonly', 'offline_access', 'openid']);
  assert.ok(await world.provider.accepts((await world.token('c-1')).access_token));
  const { outcome } = await world.rpc.call('refresh', { connection: 'c-1' });
  assert.equal(outcome, 'refreshed'); // the refresh token works, and the verifier did
  await assert.rejects(complete(world, back), refused('invalid_state'));
  assert.deepEqual(await typesOf(world, 'c-1'), ['connection.connected']);

  // What passed through the browser is nowhere to be read afterwards.
  const next = await authorize(world, connector, 'reconnect', { owner });
  const kept = [world.daemon.log, JSON.stringify(await world.rpc.call('list-audit', {}))];
  for (const file of await readdir(world.directory)) {
    if (file.startsWith('refreshd.db') && !file.endsWith('.lock')) kept.push(await readFile(join(world.directory, file), 'latin1'));
  }
  assert.ok(kept.length > 3, 'log, audit and the store’s files');
  for (const [name, secret] of Object.entries({ state: flow.state, next: next.state, code: back.searchParams.get('code') })) {
    for (const text of kept) assert.equal(text.includes(secret), false, name);
  }
});

scenario('a refusal, a stranger’s answer and an old state change nothing', options, async (world) => {
  const connector = await world.addConnector({ id: 'cal' });
  const owner = { superagent: 'sa-1' };
  await connectBy(world, connector, 'ana', 'connect', { owner, connection: 'c-1' });
  const before = await world.show('c-1');

  const denied = await authorize(world, connector, 'switch', { owner });
  const back = await approve(denied.url, { account: 'bo', refuse: true });
  assert.equal(back.searchParams.get('error'), 'access_denied');
  assert.equal((await complete(world, back)).generation, 1);

  const mixed = await authorize(world, connector, 'switch', { owner });
  const stranger = await approve(mixed.url, { account: 'bo' });
  await assert.rejects(complete(world, stranger, { iss: 'https://evil.example' }), refused('check_failed'));
  await assert.rejects(complete(world, stranger), refused('invalid_state'));

  const { iss, ...nameless } = answerOf(await approve((await authorize(world, connector, 'switch', { owner })).url, { account: 'bo' }));
  assert.ok(iss);
  await assert.rejects(world.rpc.call('complete', nameless), refused('check_failed')); // this server names itself always

  const flow = await authorize(world, connector, 'switch', { owner });
  const used = await approve(flow.url, { account: 'bo' });
  await assert.rejects(complete(world, used, { code: 'guess' }), refused('check_failed'));
  assert.deepEqual(await world.show('c-1'), before);
  assert.deepEqual(await typesOf(world, 'c-1'), ['connection.connected']);
});

scenario('reconnect is for the same account, switch for another, whose old grant ends where asked', options, async (world) => {
  const connector = await world.addConnector({ id: 'cal' });
  const owner = { superagent: 'sa-1' };
  await connectBy(world, connector, 'ana', 'connect', { owner, connection: 'c-1' });
  const old = (await world.token('c-1')).access_token;
  await assert.rejects(connectBy(world, connector, 'bo', 'reconnect', { owner }), refused('account_mismatch'));
  assert.equal((await world.show('c-1')).generation, 1);
  assert.equal((await connectBy(world, connector, 'ana', 'reconnect', { owner })).generation, 2);

  const third = await world.token('c-1');
  const switched = await connectBy(world, connector, 'bo', 'switch', { owner, revoke: true });
  assert.deepEqual([switched.account.id, switched.generation], ['bo', 3]);
  await eventually('the old grant is revoked at the provider', async () => !(await world.provider.accepts(third.access_token)));
  assert.ok(await world.provider.accepts(old)); // another grant than the one that was replaced
  assert.ok(await world.provider.accepts((await world.token('c-1')).access_token));
  assert.deepEqual(await typesOf(world, 'c-1'), ['connection.connected', 'connection.reconnected', 'connection.switched']);
});

scenario('flows survive a restart of the daemon', options, async (world) => {
  const connector = await world.addConnector({ id: 'cal' });
  const { url } = await authorize(world, connector, 'connect', { owner: { superagent: 'sa-1' }, connection: 'c-1' });
  await world.restart();
  assert.equal((await complete(world, await approve(url, { account: 'ana' }))).state, 'active');
});

// ---- refreshctl ----

/** refreshctl, begun, with the address that it prints. */
async function begin(world, args, environment = {}) {
  const program = new Program(REFRESHCTL, ['--socket', world.daemon.socket, ...args], { env: { ...cleanEnvironment(), ...environment } });
  world.keep(program, () => program.stop());
  const url = await eventually('the address is printed', () => /https?:\/\/\S+/.exec(program.stderr)?.[0]);
  return { program, url };
}

scenario('refreshctl waits on the loopback for whoever approves', options, async (world) => {
  const connector = await world.addConnector({ id: 'cal' });
  const first = await begin(world, ['connect', connector.id, '--owner', 'superagent=sa-1', '--connection', 'c-1', '--no-browser']);
  const back = await approve(first.url, { account: 'ana' });
  // What does not belong here is turned away, and holds nothing up.
  for (const path of ['/', '/favicon.ico', '/callback', '/callback?state=guess&code=x']) {
    assert.equal((await fetch(new URL(path, back))).status, 404, path);
  }
  const page = await fetch(back);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /You can close this window/);
  assert.equal((await first.program.exited()).status, 0);
  assert.match(first.program.stdout, /^Connected ana as c-1\nPermissions: calendar\.readonly, offline_access, openid\n/);

  const denied = await begin(world, ['switch', 'c-1', '--no-browser']);
  const no = await fetch(await approve(denied.url, { account: 'bo', refuse: true }));
  assert.match(await no.text(), /Nothing was changed/);
  assert.equal((await denied.program.exited()).status, 1);
  assert.match(denied.program.stderr, /not approved: access_denied/);

  const other = await begin(world, ['reconnect', 'c-1', '--no-browser']);
  assert.match(await (await fetch(await approve(other.url, { account: 'bo' }))).text(), /Nothing was changed/);
  assert.equal((await other.program.exited()).status, 1);
  assert.match(other.program.stderr, /another account/);
  assert.equal((await world.show('c-1')).generation, 1);
});

scenario('refreshctl opens the browser that the environment names', options, async (world) => {
  const connector = await world.addConnector({ id: 'cal' });
  const seen = join(world.directory, 'seen');
  const browser = join(world.directory, 'browser');
  await writeFile(browser, `#!/bin/sh\nprintf %s "$1" >"${seen}"\n`, { mode: 0o755 });
  const { program, url } = await begin(world, ['connect', connector.id, '--owner', 'superagent=sa-1', '--json'], { BROWSER: browser });
  assert.equal(await eventually('the browser has the address', () => readFile(seen, 'utf8').catch(() => '')), url);
  await fetch(await approve(url, { account: 'ana' }));
  assert.equal((await program.exited()).status, 0);
  assert.equal(JSON.parse(program.stdout).account.id, 'ana');
});

scenario('refreshctl gives up in time, or when it is interrupted, and says that nothing changed', options, async (world) => {
  const connector = await world.addConnector({ id: 'cal' });
  const owner = ['--owner', 'superagent=sa-1', '--no-browser'];
  const late = await begin(world, ['connect', connector.id, ...owner, '--wait-s', '1']);
  assert.equal((await late.program.exited()).status, 1);
  assert.match(late.program.stderr, /nobody approved in time/);
  await assert.rejects(complete(world, await approve(late.url, { account: 'ana' })), refused('invalid_state'));

  const interrupted = await begin(world, ['connect', connector.id, ...owner]);
  interrupted.program.signal('SIGINT');
  assert.equal((await interrupted.program.exited()).signal, 'SIGINT');
  assert.match(interrupted.program.stderr, /interrupted: nothing was changed/);

  const personal = await world.addConnector({ id: 'gcal', type: 'app_user' });
  const refusal = await world.daemon.ctl.run(['connect', personal.id, '--owner', 'app=crm,user=ana', '--no-browser']);
  assert.equal(refusal.status, 1, refusal.stderr);
  assert.match(refusal.stderr, /personal/); // a person connects in the app
});
