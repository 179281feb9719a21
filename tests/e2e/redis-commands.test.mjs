// What refreshd says to Redis, and what its script calls, is what docs/redis.md lists ("What it sends"),
// word by word, and nothing in that list is younger than Redis 5.0.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { CuttingProxy } from './support/cutting-proxy.mjs';
import { assertHashIsState, assertStreamIsLog } from './support/events.mjs';
import { DEFAULT_SCOPES } from './support/provider.mjs';
import { documentedUser, passwordOf } from './support/redis-rights.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const PAGE = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
const USER = 'refreshd';
const DATABASE = 3;
const WIDER = [...DEFAULT_SCOPES, 'contacts'];

/** Of the commands in the lists, the words in capitals that Redis 5.0 knows behind them. */
const REDIS_5_0 = {
  AUTH: [], SELECT: [], CLIENT: ['SETNAME'], SCRIPT: ['LOAD'], EVALSHA: [], GET: [], SET: ['NX', 'XX'], DEL: [], RENAME: [],
  HSET: [], HDEL: [], XINFO: ['STREAM'], XADD: ['MAXLEN'], PUBLISH: [],
};

/** The lines of both lists: [what refreshd sends, what its script calls]. */
function documentedForms() {
  const [, section] = PAGE.match(/^## What it sends\n(.*?)^## /ms);
  const lists = [...section.matchAll(/^```text\n(.*?)^```/gms)].map(([, list]) => list.trim().split('\n'));
  assert.equal(lists.length, 2);
  return lists;
}

const joined = (words) => words.join('\0');

/** A line of the list as an expression for words joined by NUL. */
function expressionOf(form) {
  const words = form.split(' ').map((word) => {
    if (word === '...') return '(?:\0[^\0]*)*';
    if (word === '""') return '\0';
    if (/^\[<\w+>\]$/.test(word)) return '(?:\0[^\0]*)?';
    const parts = word.split(/(<\w+>)/).map((part) => {
      if (part === '<number>') return '\\d+';
      return /^<\w+>$/.test(part) ? '[^\0]*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    });
    return `\0${parts.join('')}`;
  });
  return new RegExp(`^${words.join('')}$`, 's');
}

/** Everything said is in the list, and everything in the list was said. */
function assertSaid(said, forms) {
  const expressions = forms.map(expressionOf);
  const used = new Set();
  for (const words of said) {
    const at = expressions.flatMap((expression, i) => (expression.test(`\0${joined(words)}`) ? [i] : []));
    assert.notEqual(at.length, 0, `docs/redis.md does not list ${JSON.stringify(words).slice(0, 300)}`);
    at.forEach((i) => used.add(i));
  }
  assert.deepEqual(forms.filter((_, i) => !used.has(i)), [], 'listed, and never seen');
}

/** The commands in what a client sent: arrays of bulk strings, and nothing else. */
function commandsOf(bytes) {
  const commands = [];
  let at = 0;
  const number = (mark) => {
    assert.equal(bytes[at], mark, `at ${at}: ${JSON.stringify(bytes.slice(at, at + 40))}`);
    const end = bytes.indexOf('\r\n', at);
    const value = Number(bytes.slice(at + 1, end));
    at = end + 2;
    return value;
  };
  while (at < bytes.length) {
    const words = Array.from({ length: number('*') }, () => {
      const length = number('$');
      const word = bytes.slice(at, at + length);
      at += length + 2;
      return word;
    });
    commands.push(words);
  }
  return commands;
}

/** MONITOR, from now on: lines() are those of commands that a script called, as words. */
async function watchScripts(world) {
  const socket = connect(world.redis.socket);
  world.keep(socket, () => socket.destroy());
  let text = '';
  socket.setEncoding('latin1').on('data', (more) => { text += more; });
  socket.on('error', () => {});
  socket.write('MONITOR\r\n');
  await eventually('MONITOR', () => text.startsWith('+OK\r\n'));
  const words = (line) => [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word]) => word.replace(/\\(["\\])/g, '$1'));
  return () => text.split('\r\n').filter((line) => /^\+[\d.]+ \[\d+ lua\] /.test(line)).map(words);
}

/** The world's Redis, with every client in refreshd's database. */
const inDatabase = (redis) => ({
  with: (use) => redis.with(async (client) => {
    await client.select(DATABASE);
    return use(client);
  }),
});

test('nothing that is listed is younger than Redis 5.0', () => {
  for (const form of documentedForms().flat()) {
    const [command, ...words] = form.split(' ');
    assert.ok(command in REDIS_5_0, form);
    for (const word of words.filter((word) => /^[A-Z]+$/.test(word))) assert.ok(REDIS_5_0[command].includes(word), form);
  }
});

scenario('what is sent is what is listed', { start: false }, async (world) => {
  const [sentForms, scriptForms] = documentedForms();
  const command = (...words) => world.redis.with((client) => client.sendCommand(words));
  await command('ACL', 'SETUSER', ...documentedUser(USER));
  const passwordFile = join(world.directory, 'redis.password');
  await writeFile(passwordFile, `${passwordOf(USER)}\n`, { mode: 0o600 });
  const proxy = world.keep(...await CuttingProxy.start(world.redis.port));
  await world.daemon.configure({
    redisUrl: proxy.url.replace(/0$/, String(DATABASE)),
    profiles: [await world.provider.profile()],
    settings: { redis: { username: USER, password_file: passwordFile } },
  });
  const scriptCalls = await watchScripts(world);
  const redis = inDatabase(world.redis);
  const settled = async () => {
    await assertStreamIsLog(redis, world.rpc);
    await assertHashIsState(redis, world.rpc);
  };

  await world.start();
  const connector = await world.addConnector({ id: 'calendar' });
  await world.connect(connector);
  const { id } = await world.connect(connector);
  await settled();
  await world.rpc.call('rescope', { connector: 'calendar', scopes: WIDER });
  await settled();
  await world.rpc.call('disconnect', { connection: id });
  await settled();
  await command('SCRIPT', 'FLUSH');
  await world.connect(connector, { scopes: WIDER });
  await settled();
  await command('FLUSHALL'); // history again, and the hash rebuilt, with one connection in it
  await world.connect(connector, { scopes: WIDER });
  await settled();
  const [ours] = (await command('CLIENT', 'LIST')).split('\n').filter((line) => line.includes(` user=${USER} `));
  assert.match(ours, / resp=2\b/);
  await world.daemon.stop();

  const sent = proxy.sent.flatMap(commandsOf);
  assert.deepEqual(sent[0], ['AUTH', USER, passwordOf(USER)]);
  assert.ok(sent.filter(([name]) => name === 'SCRIPT').length > proxy.sent.length, 'after SCRIPT FLUSH it was loaded again');
  assertSaid(sent, sentForms);
  assertSaid(scriptCalls(), scriptForms);
});
