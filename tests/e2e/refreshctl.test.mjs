// The command line: every verb's shape, --json for programs, exit statuses for scripts.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { REFRESHCTL, cleanEnvironment } from './support/binaries.mjs';
import { Ctl } from './support/ctl.mjs';
import { readLog } from './support/events.mjs';
import { run } from './support/program.mjs';
import { newSecret } from './support/provider.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

scenario('from nothing to a served token with the command line alone', {}, async (world) => {
  const { ctl } = world.daemon;
  const { id: client, secret } = await world.provider.addClient({ id: 'by-hand' });
  const registered = await ctl.json(['register', 'crm', '--type', 'superagent', '--provider', 'oidc', '--client-id', client,
    '--client-secret-stdin', '--scopes', 'openid,offline_access,calendar.readonly', '--name', 'CRM'], { input: `${secret}\n` });
  assert.equal(registered.connector, 'crm');

  const grant = await world.provider.mintGrant({ client, account: 'ana' });
  const file = join(world.directory, 'import.json');
  await writeFile(file, JSON.stringify({ owner: { superagent: 'sa-1' }, account: grant.account, tokens: grant.tokens }), { mode: 0o600 });
  const { connection } = await ctl.json(['import', 'crm', '--params', file]);

  const served = await ctl.json(['token', connection]);
  assert.equal(served.access_token, grant.tokens.access_token);
  const plain = await ctl.run(['token', connection, '--quiet']);
  assert.equal(plain.stdout, `${grant.tokens.access_token}\n`);

  const refreshed = await ctl.json(['refresh', connection]);
  assert.equal(refreshed.connection.connection, connection);
  assert.equal(world.provider.refreshesOf(grant.grantId).length, 1);

  const list = await ctl.json(['list-connections', '--connector', 'crm']);
  assert.deepEqual(list.items.map((item) => item.connection), [connection]);
  const shown = await ctl.json(['show-connection', connection]);
  assert.equal(shown.state, 'active');
  const connectors = await ctl.json(['list-connectors']);
  assert.deepEqual(connectors.items.map((item) => item.connector), ['crm']);
  const events = await ctl.json(['list-events', '--after', '0']);
  assert.deepEqual(events.items, await readLog(world.rpc));
  const rescoped = await ctl.json(['rescope', 'crm', '--scopes', 'openid,offline_access,contacts']);
  assert.deepEqual([rescoped.added, rescoped.removed], [['contacts'], ['calendar.readonly']]);
  for (const verb of ['status', 'list-audit', 'rpc.discover']) assert.ok(await ctl.json([verb]), verb);
  assert.match((await ctl.run(['metrics'])).stdout, /^# (HELP|TYPE) /m);
  assert.equal((await ctl.json(['disconnect', connection, '--yes'])).state, 'disconnected');
});

scenario('people get tables and words, without colour where nobody looks', {}, async (world) => {
  const connector = await world.addConnector({ id: 'gcal', register: { name: 'Team calendar' } });
  const { id } = await world.connect(connector);
  const { ctl } = world.daemon;
  for (const args of [['list-connections'], ['list-connectors'], ['show-connection', id], ['show-connector', 'gcal'], ['status'], ['list-events', '--after', '0'], ['list-audit']]) {
    const { status, stdout, stderr } = await ctl.run(args);
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    assert.ok(stdout.trim().length > 0, args.join(' '));
    assert.equal(stdout.includes('\x1b['), false, `${args.join(' ')}: escape sequences in a pipe`);
    assert.throws(() => JSON.parse(stdout), args.join(' '));
  }
  assert.ok((await ctl.run(['list-connections'])).stdout.includes(id));
});

scenario('exit statuses tell scripts what happened', {}, async (world) => {
  const { ctl } = world.daemon;
  const connector = await world.addConnector({ id: 'gcal' });
  const dead = await world.connect(connector, { tokens: { expires_in: 2 } });
  await world.provider.revokeGrant(dead.grantId);
  // A dead grant's access token is served while it lasts.
  await eventually('the grant is dead and its token over', () => world.token(dead.id).then(() => false, (error) => error.data?.code === 'needs_reconnect'), { within: 20_000 });

  const expectations = [
    { name: 'done', args: ['status'], status: 0 },
    { name: 'answered with an error', args: ['show-connector', 'nobody'], status: 1, says: /nobody|unknown/ },
    { name: 'no such verb', args: ['frobnicate'], status: 2, says: /frobnicate/ },
    { name: 'a slip of the finger is understood', args: ['list-conections'], status: 2, says: /list-connections/ },
    { name: 'no such option', args: ['status', '--frobnicate'], status: 2, says: /frobnicate/ },
    { name: 'a parameter is missing', args: ['show-connector'], status: 2, says: /connector/ },
    { name: 'a secret on the command line is refused', args: ['rotate', 'gcal', '--client-secret=hunter2hunter2'], status: 2 },
    { name: 'a person has to reconnect', args: ['token', dead.id], status: 5, says: /reconnect/i },
  ];
  for (const { name, args, status, says } of expectations) {
    const result = await ctl.run(args);
    assert.equal(result.status, status, `${name}: ${result.stdout}${result.stderr}`);
    if (says) assert.match(result.stderr, says, name);
    if (status !== 0) assert.equal(result.stdout, '', `${name}: nothing on standard output`);
    assert.equal(result.stderr.includes('hunter2'), false, name);
  }
  const nobody = await new Ctl(join(world.directory, 'nobody.sock')).run(['status']);
  assert.equal(nobody.status, 3);
  assert.match(nobody.stderr, /nobody\.sock/);
});

scenario('output that can not be written is told, whatever the verb', {}, async (world) => {
  await world.connect(await world.addConnector({ id: 'gcal' }));
  const lines = [['status'], ['list-connections'], ['events'], ['events', '--follow'], ['metrics'], ['rpc.discover'], ['--version'], ['--help'], ['completion', 'bash']];
  for (const args of lines) {
    const words = [...(args[0].startsWith('--') ? [] : ['--socket', world.daemon.socket]), ...args];
    const { status, stderr } = await run('sh', ['-c', 'exec "$0" "$@" > /dev/full', REFRESHCTL, ...words], { env: cleanEnvironment(), input: '' });
    assert.equal(status, 1, args.join(' '));
    assert.match(stderr, /^refreshctl: can't write standard output: No space left on device$/m, args.join(' '));
  }
});

scenario('rotate takes the secret from standard input or a file and checks it by itself', {}, async (world) => {
  const { ctl } = world.daemon;
  const connector = await world.addConnector({ id: 'gcal' });
  const { grantId } = await world.connect(connector);

  const wrong = await ctl.run(['rotate', 'gcal', '--client-secret-stdin'], { input: `${newSecret()}\n` });
  assert.equal(wrong.status, 1, 'the default is to check where a connection exists');
  assert.match(wrong.stderr, /secret|refused|rejected|check/i);
  assert.equal((await world.rpc.call('show-connector', { connector: 'gcal' })).credential_version, 1);

  const secret = newSecret();
  await world.provider.setClientSecret(connector.client, secret);
  const file = join(world.directory, 'secret');
  await writeFile(file, `${secret}\n`, { mode: 0o600 });
  const rotated = await ctl.json(['rotate', 'gcal', '--client-secret-file', file]);
  assert.deepEqual([rotated.credential_version, rotated.checked], [2, true]);
  assert.equal(world.provider.refreshesOf(grantId).length, 1);
});

scenario('watch --jsonl prints one event a line until it is stopped', {}, async (world) => {
  const { Program } = await import('./support/program.mjs');
  const { REFRESHCTL, cleanEnvironment } = await import('./support/binaries.mjs');
  const connector = await world.addConnector({ id: 'gcal' });
  const watcher = new Program(REFRESHCTL, ['--socket', world.daemon.socket, 'watch', '--after', '0', '--jsonl'], { env: cleanEnvironment() });
  world.keep(watcher, () => watcher.kill());
  await world.connect(connector);
  await eventually('two lines', () => watcher.stdout.split('\n').length >= 3);
  const events = watcher.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(events, await readLog(world.rpc));
});

scenario('what nobody can read is no success: a closed, a full, and a left standard output', { redis: false }, async (world) => {
  const ctl = `'${REFRESHCTL}' --socket '${world.daemon.socket}'`;
  const shell = (line) => run('bash', ['-c', line], { env: cleanEnvironment(), input: '' });
  for (const [line, status, words] of [
    [`${ctl} status >&-`, 1, /standard output/],
    [`${ctl} --json status >&-`, 1, /standard output/],
    [`${ctl} status > /dev/full`, 1, /standard output/],
    [`${ctl} register x --type shared --provider oidc --client-id x --scopes a --client-secret-stdin <&-`, 2, /standard input/],
    [`${ctl} status | head -1`, 0, /^$/],
    [`${ctl} status 2>&-`, 0, /^$/],
  ]) {
    const ended = await shell(line);
    assert.equal(ended.status, status, `${line}: ${ended.stderr}`);
    assert.match(ended.stderr, words, line);
  }
  const { items } = await world.rpc.call('list-audit', { outcome: 'invalid_params' });
  assert.deepEqual(items, [], 'nothing of it went to the daemon');
});
