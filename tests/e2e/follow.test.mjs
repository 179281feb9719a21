// The log over the socket, as refreshctl and slow readers have it: each event once, in order, over
// restarts, and nobody's slowness is anybody else's (docs/protocol.md "watch", refreshctl(1)).

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { once } from 'node:events';

import { REFRESHCTL, cleanEnvironment } from './support/binaries.mjs';
import { readLog } from './support/events.mjs';
import { Follower } from './support/follower.mjs';
import { Program, run } from './support/program.mjs';
import { eventually, never, sleep } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const options = { redis: false };
const numbers = (events) => events.map(({ id }) => Number(id));
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

/** So many events at once: connections that nobody refreshes. */
async function makeEvents(world, connector, count) {
  for (let from = 0; from < count; from += 500) {
    const connections = Array.from({ length: Math.min(500, count - from) }, () => ({
      connector,
      owner: world.newOwner('superagent'),
      tokens: { access_token: 'an-access-token' },
      account: { id: 'somebody', label: 'x'.repeat(500) },
    }));
    const { results } = await world.rpc.call('import', { connections });
    assert.ok(results.every(({ state }) => state === 'active'), JSON.stringify(results[0]));
  }
}

scenario('events lists the log, all or what is asked for', options, async (world) => {
  const { ctl } = world.daemon;
  const connector = await world.addConnector({ id: 'calendar' });
  const { id } = await world.connect(connector);
  await world.rpc.call('disconnect', { connection: id });
  await makeEvents(world, 'calendar', 450); // more than a page
  const log = await readLog(world.rpc);
  const lines = async (...args) => {
    const { status, stdout, stderr } = await ctl.run(['events', '--json', ...args]);
    assert.equal(status, 0, stderr);
    return stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  };
  assert.deepEqual(await lines(), log);
  assert.deepEqual(await lines('--after', '3'), log.slice(3));
  assert.deepEqual(await lines('--limit', '2'), log.slice(0, 2));
  assert.deepEqual(await lines('--limit', '250', '--after', '1'), log.slice(1, 251));
  assert.deepEqual(await lines('--connection', id), log.filter(({ subject }) => subject === id));
  assert.deepEqual(await lines('--type', 'connection.disconnected,connector.registered'),
    log.filter(({ type }) => ['connection.disconnected', 'connector.registered'].includes(type)));
  assert.deepEqual(await lines('--type', 'connection.disconnected', '--type', 'connector.registered'), [log[0], log[2]]);
  assert.deepEqual(await lines('--since', log[2].time), log.filter(({ time }) => time >= log[2].time));
  assert.deepEqual(await lines('--since', '+1h'), []);
  assert.deepEqual(await lines('--since', '-1h'), log);

  const people = await ctl.run(['events', '--limit', '3']);
  assert.equal(people.status, 0);
  const columns = people.stdout.split('\n').filter((line) => line.startsWith('20'));
  assert.equal(columns.length, 3, people.stdout);
  assert.match(columns[2], /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  \S.* #3 +connection\.disconnected +c-/);
  assert.equal(new Set(columns.map((line) => line.indexOf('connect'))).size, 1, 'types stand in a column');
  assert.match(people.stdout, /must sign in and reconnect|must reconnect/);
  assert.equal((await ctl.run(['events', '--limit', '2', '-q'])).stdout, '1\n2\n');
});

scenario('events --follow and watch go on over restarts and kill -9, without a gap or a double', options, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  await world.connect(connector);
  const { socket } = world.daemon;
  const all = world.keep(...Follower.start(socket, ['events', '--follow', '--json']));
  const some = world.keep(...Follower.start(socket, ['events', '--follow', '--json', '--type', 'connection.disconnected']));
  const fresh = world.keep(...Follower.start(socket, ['watch']));
  await eventually('watching', () => fresh.stderr.includes('watching') && all.events.length === 2);
  const beginning = (await readLog(world.rpc)).length;
  const disconnected = [];
  for (const way of ['restart', 'kill', 'kill']) {
    const { id } = await world.connect(connector);
    if (way === 'kill') await world.daemon.kill();
    await world.restart();
    await world.connect(connector);
    await world.rpc.call('disconnect', { connection: id });
    disconnected.push(id);
    const { length } = await readLog(world.rpc);
    await eventually('back', () => all.events.length === length && fresh.stdout.includes(`#${length} `));
  }
  const log = await readLog(world.rpc);
  await eventually('all of it', () => all.events.length >= log.length && some.events.length >= 3);
  await eventually('watch too', () => fresh.stdout.includes(`#${log.length} `));
  assert.deepEqual(all.events, log);
  assert.deepEqual(numbers(log), upTo(log.length));
  assert.deepEqual(some.events.map(({ subject }) => subject), disconnected);
  assert.deepEqual([...fresh.stdout.matchAll(/#(\d+) /g)].map(([, n]) => Number(n)), upTo(log.length).slice(beginning));
  assert.deepEqual(all.notes.map(({ data }) => data.code), ['no_daemon', 'back', 'no_daemon', 'back', 'no_daemon', 'back']);
  assert.match(fresh.stderr, /the daemon is gone; going on behind event \d+\n.*the daemon is back; going on behind event \d+\n/);
});

scenario('what ends a follower', options, async (world) => {
  await world.addConnector({ id: 'calendar' });
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const follower = world.keep(...Follower.start(world.daemon.socket, ['events', '--follow', '--json']));
    await eventually('it follows', () => follower.events.length === 1);
    follower.signal(signal);
    assert.deepEqual(await follower.exited(5_000), { status: null, signal }, 'as a shell expects of it');
  }
  const limited = await run(REFRESHCTL, ['--socket', world.daemon.socket, 'events', '--follow', '--limit', '1', '-q'], { env: cleanEnvironment() });
  assert.deepEqual([limited.status, limited.stdout], [0, '1\n']);

  // A reader that has what it wants: noticed at once, though no event comes.
  const script = '"$0" --socket "$1" events --follow --json | head -n 1; echo "${PIPESTATUS[0]}"';
  const piped = await run('bash', ['-c', script, REFRESHCTL, world.daemon.socket], { env: cleanEnvironment(), within: 10_000 });
  const [line, status] = piped.stdout.trim().split('\n');
  assert.equal(JSON.parse(line).id, '1');
  assert.equal(status, '141', 'SIGPIPE');

  await world.daemon.stop();
  const nobody = await run(REFRESHCTL, ['--socket', world.daemon.socket, 'events', '--follow'], { env: cleanEnvironment() });
  assert.equal(nobody.status, 3, 'no daemon at the start is an error');
});

scenario('events that retention has dropped are named, and a log is read from what is left', options, async (world) => {
  const { ctl, database } = world.daemon;
  const connector = await world.addConnector({ id: 'calendar' });
  for (let i = 0; i < 5; i += 1) await world.connect(connector);
  await world.daemon.stop();
  const age = 'import sqlite3,sys; db=sqlite3.connect(sys.argv[1]); db.execute("UPDATE event SET wall_ms=wall_ms-8*86400000 WHERE seq<=4"); db.commit()';
  assert.equal((await run('python3', ['-c', age, database])).status, 0);
  await world.start(); // and what is too old goes
  await eventually('retention', async () => (await world.rpc.call('status')).log.oldest === 5);
  for (const method of ['list-events', 'watch']) {
    await assert.rejects(world.rpc.call(method, { after: 3 }), ({ data }) => data.code === 'gone' && data.oldest === 5);
  }
  const late = await ctl.run(['events', '--after', '3', '--follow']);
  assert.equal(late.status, 1);
  assert.match(late.stderr, /gone.*\n.*oldest event kept is 5: --after 4/);
  const rest = await ctl.run(['events', '-q']);
  assert.equal(rest.stdout, '5\n6\n');
  const followed = await ctl.run(['events', '--follow', '--limit', '2', '-q']);
  assert.equal(followed.stdout, '5\n6\n');
  await world.connect(connector);
  assert.equal((await world.rpc.call('status')).log.newest, 7, 'no number is given twice');
});

/** In KiB; `sanitized`: AddressSanitizer's shadow takes terabytes of addresses, and what is freed is kept for a while. */
async function memoryOf(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]);
  return { resident: of('VmRSS'), sanitized: of('VmSize') > 2 ** 30 };
}

/** A watch that reads nothing until it is told to. */
async function deafWatcher(world) {
  const socket = createConnection({ path: world.daemon.socket });
  world.keep(socket, () => { socket.destroy(); });
  await once(socket, 'connect');
  socket.pause();
  socket.write('{"jsonrpc":"2.0","id":1,"method":"watch","params":{"after":0}}\n');
  return socket;
}

scenario('a hundred watchers that do not read cost little, hold nobody up, and miss nothing', options, async (world) => {
  const WATCHERS = 100;
  const EVENTS = 2_000; // about 1.5 KB each
  await world.addConnector({ id: 'calendar' });
  const deaf = await Promise.all(Array.from({ length: WATCHERS }, () => deafWatcher(world)));
  const quick = await world.daemon.connect();
  await quick.call('watch', { after: 0 });
  const stopped = world.keep(...Follower.start(world.daemon.socket, ['events', '--follow', '--json']));
  await eventually('it follows', () => stopped.events.length === 1);
  stopped.signal('SIGSTOP');
  const before = await memoryOf(world.daemon.pid);
  await makeEvents(world, 'calendar', EVENTS);
  await eventually('who reads has them all', () => quick.notifications.length === EVENTS + 1, { within: 30_000 });
  assert.deepEqual(numbers(quick.notifications.map(({ params }) => params)), upTo(EVENTS + 1));
  const { resident, sanitized } = await memoryOf(world.daemon.pid);
  const grown = resident - before.resident;
  const bound = 24_000 + 256 * WATCHERS; // the imports' own, and for each watcher the same whatever is to come
  assert.ok(sanitized || grown < bound, `${grown} KiB more, ${bound} allowed; to come: ${WATCHERS * EVENTS * 1.5} KiB`);
  assert.ok(await world.rpc.call('status', {}, { within: 2_000 }));

  stopped.signal('SIGCONT');
  let text = '';
  deaf[0].setEncoding('utf8').on('data', (piece) => { text += piece; });
  deaf[0].resume();
  await eventually('the late ones have them all', () => text.split('\n').length >= EVENTS + 3 && stopped.events.length >= EVENTS + 1, { within: 30_000 });
  assert.deepEqual(numbers(text.split('\n').slice(1, -1).map((line) => JSON.parse(line).params)), upTo(EVENTS + 1));
  assert.deepEqual(numbers(stopped.events), upTo(EVENTS + 1));
});

scenario('a stopping daemon ends each watch with whole lines', options, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const rpc = await world.daemon.connect();
  await rpc.call('watch', { after: 0 });
  await world.connect(connector);
  await eventually('both events', () => rpc.notifications.length === 2);
  await world.daemon.stop();
  await eventually('the connection ends', () => rpc.closed);
  await never('a line that is no event', () => rpc.lines.some((line) => line.error), { during: 100 });
});
