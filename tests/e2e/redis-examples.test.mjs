// The subscribers of docs/examples, as they stand there: each deals with every event once, in order,
// whatever happens to Redis and to them.

import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { assertStreamIsLog, readLog } from './support/events.mjs';
import { Program } from './support/program.mjs';
import { DEFAULT_SCOPES } from './support/provider.mjs';
import { documentedUser, passwordOf } from './support/redis-rights.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const EXAMPLES = file('../../docs/examples/');
/** Two of them come as the users that docs/redis.md shows. They are settings: a restart forgets others. */
const USERS = ['mailer', 'reader'].flatMap((name) => ['--user', ...documentedUser(name)]);
const WIDER = [...DEFAULT_SCOPES, 'contacts'];

/** An example as a reader starts it; all its runs print into one list. */
class Subscriber {
  runs = [];

  constructor(name, command, directory, env) {
    Object.assign(this, { name, command, directory, env });
  }

  start() {
    const [program, ...args] = this.command;
    this.runs.push(new Program(program, args, { cwd: this.directory, env: { ...process.env, ...this.env, LAST_FILE: 'last' } }));
  }

  /** The numbers of the events that it has dealt with, in its order. */
  get dealtWith() {
    return this.runs.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean)).map((line) => Number(line.split('\t')[0]));
  }

  get words() {
    return this.runs.map(({ stdout }) => stdout).join('');
  }

  get complaints() {
    return this.runs.map(({ stderr }) => stderr).join('');
  }

  /** Killed between an event and its number, it would deal with that one again. */
  async kill() {
    await eventually(`${this.name} has noted what it dealt with`, async () => Number(await readFile(join(this.directory, 'last'), 'utf8')) === this.dealtWith.at(-1));
    await this.runs.at(-1).kill();
  }

  async stop() {
    if (!this.runs.at(-1)?.running) return;
    await this.runs.at(-1).stop(10_000);
  }
}

async function startAll(world) {
  const { port } = world.redis;
  const url = (user) => `redis://${user}:${passwordOf(user)}@127.0.0.1:${port}/0`;
  const all = [];
  const add = async (name, command, env) => {
    const directory = join(world.directory, name);
    await mkdir(directory);
    const subscriber = new Subscriber(name, command, directory, env);
    all.push(world.keep(subscriber, () => subscriber.stop()));
    return directory;
  };
  const node = await add('node', [process.execPath, 'subscriber.mjs'], { REDIS_URL: url('mailer') });
  await copyFile(join(EXAMPLES, 'subscriber.mjs'), join(node, 'subscriber.mjs'));
  await symlink(file('node_modules'), join(node, 'node_modules')); // as `npm install redis` would
  await add('sh', ['sh', join(EXAMPLES, 'subscriber.sh')], { REDIS_CLI: `redis-cli -p ${port}` });
  await add('python', ['python3', join(EXAMPLES, 'subscriber.py')], { REDIS_URL: url('reader'), REDIS_SOCKET: world.redis.socket });
  for (const subscriber of all) subscriber.start();
  return all;
}

async function assertAllDealtWith(world, all) {
  const log = await readLog(world.rpc);
  const expected = log.map(({ id }) => Number(id));
  for (const subscriber of all) {
    await eventually(`${subscriber.name} has dealt with ${expected.length} events`, () => subscriber.dealtWith.length >= expected.length)
      .catch((error) => { throw new Error(`${error.message}\n${subscriber.words}${subscriber.complaints}`); });
    assert.deepEqual(subscriber.dealtWith, expected, subscriber.name);
  }
}

scenario('the examples deal with each event once: in peace, killed, without Redis, and with one that was emptied', {
  redis: { settings: USERS },
}, async (world) => {
  const all = await startAll(world);
  const connector = await world.addConnector({ id: 'calendar' });
  const change = async (scopes) => {
    await world.connect(connector);
    await world.rpc.call('rescope', { connector: 'calendar', scopes });
  };
  await change(WIDER);
  await assertAllDealtWith(world, all);

  for (const subscriber of all) await subscriber.kill();
  await change(DEFAULT_SCOPES);
  for (const subscriber of all) subscriber.start();
  await assertAllDealtWith(world, all);

  await world.redis.kill();
  await change(WIDER);
  await world.redis.start();
  await assertAllDealtWith(world, all);

  await world.redis.with((client) => client.flushAll());
  await change(DEFAULT_SCOPES);
  await assertStreamIsLog(world.redis, world.rpc); // the old entries stand there again
  await assertAllDealtWith(world, all);
  const [node] = all;
  assert.match(node.words, /ask superagent_owner {2}to reconnect c-[0-9a-f]+: scopes_changed/);
});
