// Each bad request gets a clear error that says what was expected; the daemon goes on and the
// others do not notice (docs/protocol.md "Limits", "Errors").

import assert from 'node:assert/strict';

import { readLog } from './support/events.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const request = (method, params, id = 1) => JSON.stringify({ jsonrpc: '2.0', id, method, params });
const nested = (depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** Sent as they are on a connection of their own. `closes`: the daemon ends that connection. */
const lines = [
  { name: 'broken JSON', line: '{"jsonrpc":"2.0","id":1,"method":', code: -32700 },
  { name: 'not JSON at all', line: 'GET / HTTP/1.1', code: -32700 },
  { name: 'bytes that are no UTF-8', line: Buffer.from([0x22, 0xff, 0xfe, 0x22]), code: -32700 },
  { name: 'single quotes', line: "{'jsonrpc':'2.0','id':1,'method':'status'}", code: -32700 },
  { name: 'a member twice', line: '{"jsonrpc":"2.0","id":1,"method":"status","method":"metrics"}', code: [-32700, -32600] },
  { name: 'a number out of range', line: '{"jsonrpc":"2.0","id":1,"method":"list-events","params":{"after":1e999}}', code: [-32700, -32602] },
  { name: 'something behind the object', line: `${request('status')} x`, code: -32700 },
  { name: 'a text instead of an object', line: '"status"', code: -32600 },
  { name: 'an empty batch', line: '[]', code: -32600 },
  { name: 'no method', line: '{"jsonrpc":"2.0","id":1}', code: -32600 },
  { name: 'a method that is a number', line: '{"jsonrpc":"2.0","id":1,"method":7}', code: -32600 },
  { name: 'another version', line: '{"jsonrpc":"1.0","id":1,"method":"status"}', code: -32600 },
  { name: 'an unknown method', line: request('frobnicate'), code: -32601 },
  { name: 'a method of JavaScript objects', line: request('constructor'), code: -32601 },
  { name: 'parameters by position', line: request('token', ['c-1']), code: -32602 },
  { name: 'a line of 2 MiB', line: request('token', { connection: 'x'.repeat(2 * 1024 * 1024) }), word: 'too_large', closes: true },
  { name: 'depth 100', line: request('import', { tokens: JSON.parse(nested(100)) }), closes: true, code: [-32700, -32600, -32000] },
];

const connectorOf = (changes) => ({
  connector: 'fresh', type: 'shared', provider: 'oidc', client_id: 'client-x', client_secret: 'secret-of-client-x', scopes: ['openid'], ...changes,
});

/** Parameters that don't fit: −32602 with data.path and data.expected. */
const parameters = [
  { name: 'no connector at all', method: 'show-connector', params: {}, path: 'connector' },
  { name: 'a connector that is a number', method: 'show-connector', params: { connector: 7 }, path: 'connector' },
  { name: 'an unknown parameter', method: 'show-connector', params: { connector: 'gcal', verbose: true }, path: 'verbose' },
  { name: 'min_valid_s as text', method: 'token', params: { connection: 'ID', min_valid_s: 'long' }, path: 'min_valid_s' },
  { name: 'min_valid_s negative', method: 'token', params: { connection: 'ID', min_valid_s: -1 }, path: 'min_valid_s' },
  { name: 'scopes as text', method: 'rescope', params: { connector: 'gcal', scopes: 'openid' }, path: 'scopes' },
  { name: 'a scope that is a number', method: 'rescope', params: { connector: 'gcal', scopes: ['openid', 7] }, path: 'scopes[1]' },
  { name: 'an unknown type', method: 'register', params: connectorOf({ type: 'private' }), path: 'type' },
  { name: 'an empty secret', method: 'rotate', params: { connector: 'gcal', client_secret: '' }, path: 'client_secret' },
  { name: 'an empty secret at register', method: 'register', params: connectorOf({ client_secret: '' }), path: 'client_secret' },
  { name: 'an unknown provider', method: 'register', params: connectorOf({ provider: 'nobody' }), path: 'provider' },
  {
    name: 'a profile with http://',
    method: 'register',
    params: connectorOf({
      provider: undefined,
      profile: { id: 'plain', issuer: 'http://auth.example.com', authorization_endpoint: 'http://auth.example.com/auth', token_endpoint: 'http://auth.example.com/token' },
    }),
    path: /profile/,
    expected: /https/,
  },
  { name: 'tokens missing', method: 'import', params: { connector: 'gcal', owner: { app: 'crm', user: 'u-1' }, acting_user: 'u-1' }, path: 'tokens' },
  { name: 'an empty access token', method: 'import', tokens: { access_token: '', expires_in: 60 }, path: 'tokens.access_token' },
  { name: 'a lifetime as text', method: 'import', tokens: { access_token: 'a', expires_in: '60' }, path: 'tokens.expires_in' },
  { name: 'an expired access token without a refresh token', method: 'import', tokens: { access_token: 'a', expires_at: '2020-01-01T00:00:00Z' }, path: /^tokens/ },
];

/** Well formed and refused: −32000 with data.code. */
const refusals = [
  { name: 'an unknown connector', method: 'show-connector', params: { connector: 'nobody' }, word: 'unknown_connector' },
  { name: 'rotate of an unknown connector', method: 'rotate', params: { connector: 'nobody', client_secret: 'x' }, word: 'unknown_connector' },
  { name: 'an unknown connection', method: 'token', params: { connection: 'c-0000' }, word: 'unknown_connection' },
  { name: 'an owner of another type', method: 'import', owner: { superagent: 'sa-1' }, word: 'invalid_owner' },
  { name: 'an owner with half of its members', method: 'import', owner: { app: 'crm' }, word: 'invalid_owner' },
  { name: 'a duplicate import', method: 'import', owner: { app: 'crm', user: 'u-77' }, word: 'exists' },
  { name: 'a connector that has connections is unregistered', method: 'unregister', params: { connector: 'gcal' }, word: ['conflict', 'exists'] },
];

scenario('bad input gets a clear error, and nothing else happens', {}, async (world, t) => {
  const connector = await world.addConnector({ id: 'gcal', type: 'app_user' });
  const { id, tokens } = await world.connect(connector, { owner: { app: 'crm', user: 'u-77' } });
  const log = await readLog(world.rpc);
  const bystander = await world.daemon.connect();

  for (const { name, line, code, word, closes } of lines) {
    await t.test(name, async () => {
      const rpc = await world.daemon.connect();
      if (Buffer.isBuffer(line)) {
        rpc.bytes(line);
        rpc.raw('');
      } else {
        rpc.raw(line);
      }
      const { error, jsonrpc, id: answered } = await rpc.nextLine();
      assert.equal(jsonrpc, '2.0');
      assert.ok(answered === null || answered === 1);
      assert.ok(error.message.length > 0);
      if (code) assert.ok([code].flat().includes(error.code), JSON.stringify(error));
      if (word) assert.deepEqual([error.code, error.data.code], [-32000, word]);
      if (closes) await eventually('the connection is closed', () => rpc.closed);
      else assert.ok(await rpc.call('status'), 'the same connection goes on');
    });
  }

  const importOf = ({ owner = { app: 'crm', user: 'u-1' }, tokens: given = { access_token: 'a', refresh_token: 'b', expires_in: 600 } }) => ({
    connector: 'gcal', owner, acting_user: owner.user ?? 'u-1', account: { id: 'ana' }, tokens: given,
  });
  for (const row of parameters) {
    await t.test(row.name, async () => {
      const params = JSON.parse(JSON.stringify(row.params ?? importOf(row)).replace('"ID"', JSON.stringify(id)));
      const error = await world.rpc.call(row.method, params).then((result) => assert.fail(JSON.stringify(result)), (e) => e);
      assert.equal(error.rpcCode, -32602, error.message);
      if (row.path instanceof RegExp) assert.match(error.data.path, row.path);
      else assert.equal(error.data.path, row.path);
      assert.ok(error.data.expected.length > 0);
      if (row.expected) assert.match(error.data.expected, row.expected);
    });
  }
  for (const row of refusals) {
    await t.test(row.name, async () => {
      const error = await world.rpc.call(row.method, row.params ?? importOf(row)).then((result) => assert.fail(JSON.stringify(result)), (e) => e);
      assert.equal(error.rpcCode, -32000, error.message);
      assert.ok([row.word].flat().includes(error.data.code), error.message);
      assert.ok(error.rpcMessage.length > 0);
    });
  }

  assert.ok(await bystander.call('status'), 'the others did not notice');
  assert.deepEqual(await readLog(world.rpc), log, 'no event came of it');
  assert.equal((await world.token(id)).access_token, tokens.access_token);
  assert.equal(world.provider.presentations.length, 0);
  await world.restart();
  assert.equal((await world.token(id)).access_token, tokens.access_token);
});
