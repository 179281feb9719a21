// The control socket speaks JSON-RPC 2.0, line by line (docs/protocol.md).

import assert from 'node:assert/strict';

import { readLog } from './support/events.mjs';
import { eventually, never } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const METHODS = [
  'register', 'unregister', 'import', 'token', 'refresh', 'rotate', 'rescope', 'disconnect', 'list-connectors', 'show-connector',
  'list-connections', 'show-connection', 'list-events', 'watch', 'status', 'metrics', 'reload', 'list-audit', 'rpc.discover',
];

scenario('rpc.discover describes every method in OpenRPC', { redis: false }, async (world) => {
  const document = await world.rpc.call('rpc.discover');
  assert.match(document.openrpc, /^1\.\d+\.\d+$/);
  assert.ok(document.info.title && document.info.version);
  const byName = new Map(document.methods.map((method) => [method.name, method]));
  for (const name of METHODS) {
    const method = byName.get(name);
    assert.ok(method, `${name} is missing`);
    assert.ok(Array.isArray(method.params) && method.result?.name, name);
    for (const param of method.params) assert.ok(param.name && param.schema, `${name}: ${JSON.stringify(param)}`);
  }
  const rotate = byName.get('rotate');
  assert.equal(rotate.paramStructure, 'by-name');
  assert.equal(rotate.params.find(({ name }) => name === 'connector').required, true);
});

scenario('requests are pipelined; a slow one does not hold up those behind it', {}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id } = await world.connect(connector);
  world.provider.latency.before = 1_000;
  const order = [];
  await Promise.all([
    world.token(id, { min_valid_s: 1_000 }).then(() => order.push('slow')),
    world.rpc.call('status').then(() => order.push('quick')),
  ]);
  assert.deepEqual(order, ['quick', 'slow']);
});

scenario('a batch is answered by a batch, without its notifications', { redis: false }, async (world) => {
  const rpc = await world.daemon.connect();
  rpc.raw(JSON.stringify([
    { jsonrpc: '2.0', id: 'a', method: 'status' },
    { jsonrpc: '2.0', method: 'status' },
    { jsonrpc: '2.0', id: 'b', method: 'frobnicate' },
    7,
  ]));
  const answers = await rpc.nextLine();
  assert.equal(answers.length, 3);
  assert.ok(answers.find(({ id }) => id === 'a').result);
  assert.equal(answers.find(({ id }) => id === 'b').error.code, -32601);
  assert.equal(answers.find(({ id }) => id === null).error.code, -32600);
});

scenario('a notification is carried out and not answered', { redis: false }, async (world) => {
  await world.addConnector({ id: 'calendar' });
  const rpc = await world.daemon.connect();
  rpc.notify('rescope', { connector: 'calendar', scopes: ['openid'] });
  await rpc.call('status');
  await eventually('it was carried out', async () => (await world.rpc.call('show-connector', { connector: 'calendar' })).scopes_version === 2);
  assert.equal(rpc.lines.length, 1);
});

scenario('a client that half-closes after its last request still gets every answer', {}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const { id } = await world.connect(connector);
  world.provider.latency.before = 500;
  const rpc = await world.daemon.connect();
  const calls = [rpc.call('token', { connection: id, min_valid_s: 1_000 }), rpc.call('status'), rpc.call('token', { connection: id })];
  rpc.halfClose();
  for (const result of await Promise.all(calls)) assert.ok(result);
  await eventually('then the daemon closes too', () => rpc.closed);
});

scenario('a request in many pieces and many requests in one piece', { redis: false }, async (world) => {
  const rpc = await world.daemon.connect();
  for (const byte of '{"jsonrpc":"2.0","id":"slow","method":"status"}\r\n') rpc.bytes(byte);
  assert.equal((await rpc.nextLine()).id, 'slow');
  const ids = Array.from({ length: 50 }, (_, i) => `n${i}`);
  rpc.bytes(ids.map((id) => `{"jsonrpc":"2.0","id":"${id}","method":"status"}\n`).join(''));
  await eventually('all answered', () => rpc.lines.length === 51);
  assert.deepEqual(rpc.lines.slice(1).map(({ id }) => id).sort(), [...ids].sort());
});

scenario('one import of many connections answers for each', { redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const good = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const grant = await world.provider.mintGrant({ client: connector.client, account: `acc-${i}` });
    return world.importParams(connector, { superagent: `many-${i}` }, grant);
  }));
  const twice = good[3];
  const { results } = await world.rpc.call('import', { connections: [...good, twice] });
  assert.equal(results.length, 21);
  for (const result of results.slice(0, 20)) assert.equal(result.state, 'active');
  assert.equal(results[20].error.data.code, 'exists');
});

scenario('lists are paged by cursor, each item once', { redis: false }, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const all = [];
  for (let i = 0; i < 7; i += 1) all.push((await world.connect(connector, { owner: { superagent: `sa-${i}` } })).id);
  const seen = [];
  let cursor;
  do {
    const page = await world.rpc.call('list-connections', { limit: 3, ...(cursor && { cursor }) });
    assert.ok(page.items.length <= 3);
    seen.push(...page.items.map(({ connection }) => connection));
    cursor = page.next_cursor;
  } while (cursor);
  assert.deepEqual([...seen].sort(), [...all].sort());
  const one = await world.rpc.call('list-connections', { owner: { superagent: 'sa-2' } });
  assert.deepEqual(one.items.map(({ connection }) => connection), [all[2]]);
});

scenario('watch tells every event from any number on, without a gap, old ones and new ones', {}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  for (let i = 0; i < 5; i += 1) await world.connect(connector);
  const rpc = await world.daemon.connect();
  const { watching } = await rpc.call('watch', { after: 2 });
  assert.equal(watching, true);
  for (let i = 0; i < 5; i += 1) await world.connect(connector);
  const log = await readLog(world.rpc);
  await eventually('all of them', () => rpc.notifications.length >= log.length - 2);
  assert.deepEqual(rpc.notifications.map(({ method }) => method), log.slice(2).map(() => 'event'));
  assert.deepEqual(rpc.notifications.map(({ params }) => params), log.slice(2));
});

scenario('watch without a number tells what comes from now on; a filter by type holds', {}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  await world.connect(connector);
  const [everything, disconnects] = [await world.daemon.connect(), await world.daemon.connect()];
  await everything.call('watch');
  await disconnects.call('watch', { types: ['connection.disconnected'] });
  const { id } = await world.connect(connector);
  await world.rpc.call('disconnect', { connection: id });
  await eventually('both', () => everything.notifications.length === 2 && disconnects.notifications.length === 1);
  assert.deepEqual(everything.notifications.map(({ params }) => params.type), ['connection.connected', 'connection.disconnected']);
  assert.equal(disconnects.notifications[0].params.type, 'connection.disconnected');
  await never('a pushed line for a client that did not ask', () => world.rpc.notifications.length > 0, { during: 300 });
});

scenario('who did what is on record, and no secret with it', {}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  await world.rpc.call('rotate', { connector: 'calendar', client_secret: 'a-new-secret-that-nobody-may-read' });
  await world.connect(connector);
  const { items } = await world.rpc.call('list-audit', { limit: 100 });
  const text = JSON.stringify(items);
  for (const method of ['register', 'rotate', 'import']) assert.ok(text.includes(method), method);
  assert.ok(items.every((item) => item.uid === process.getuid() && item.pid > 0), text);
  assert.equal(text.includes('a-new-secret'), false);
});

scenario('reload takes in a new profile; a broken one changes nothing and is told', { redis: false }, async (world) => {
  const second = await world.addProvider({ id: 'second' });
  await assert.rejects(world.addConnector({ id: 'files', provider: second }));
  await world.daemon.writeProfile(await second.profile());
  await world.rpc.call('reload');
  await world.addConnector({ id: 'files', provider: second });
  await world.daemon.writeProfile({ id: 'odd', token_endpoint: 7 });
  await assert.rejects(world.rpc.call('reload'), (error) => /odd\.json/.test(error.message));
  assert.ok(await world.rpc.call('status'));
});

scenario('each reload names the keys that take a restart, until they are as they were', { redis: false }, async (world) => {
  const named = () => world.daemon.log.split('\n').filter((line) => /reload\.fixed.*\[redis\] url/.test(line)).length;
  await world.daemon.configure({ redisUrl: 'redis://127.0.0.1:1/0', profiles: [await world.provider.profile()] });
  for (const times of [1, 2]) {
    assert.deepEqual((await world.rpc.call('reload')).needs_restart, ['[redis] url']);
    await eventually(`named ${times} times`, () => named() === times);
  }
  assert.match((await world.daemon.ctl.run(['reload'])).stdout, /restart refreshd for \[redis\] url/);
  await world.daemon.configure({ profiles: [await world.provider.profile()] });
  assert.deepEqual((await world.rpc.call('reload')).needs_restart, []);
  await eventually('all four are done', () => world.daemon.log.match(/reload\.done/g)?.length === 4);
  assert.equal(named(), 3);
});
