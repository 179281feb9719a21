// What an operator reads when refreshd will not start: one line for each mistake, with the path or
// the line of the configuration, what was expected and what to do; and `--check` says it before
// (docs/operations.md "Exit statuses").

import assert from 'node:assert/strict';
import { appendFile, chmod, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { REFRESHD, cleanEnvironment } from './support/binaries.mjs';
import { Cleanup } from './support/cleanup.mjs';
import { keygen } from './support/ctl.mjs';
import { Daemon } from './support/daemon.mjs';
import { run } from './support/program.mjs';

const replace = async (daemon, from, to) => {
  const text = await readFile(daemon.configFile, 'utf8');
  assert.ok(text.includes(from), `${from} stands in the configuration`);
  await writeFile(daemon.configFile, text.replaceAll(from, to));
};
const add = (daemon, text) => appendFile(daemon.configFile, text);

async function makeStore(daemon) {
  await daemon.start();
  await daemon.stop();
}

/** `start`: as --check says, unless a start can't know. `message`: all lines of standard error. */
const FAULTS = [
  {
    name: 'a store that is no database',
    make: (daemon) => writeFile(daemon.database, 'dear diary\n'.repeat(400), { mode: 0o600 }),
    status: 65,
    message: [/\/refreshd\.db: not a refreshd store, and left as it is \(SQLite: file is not a database.*; name another in \[store\] url/],
  },
  {
    name: 'a store that lost its second half',
    make: async (daemon) => {
      await makeStore(daemon);
      await truncate(daemon.database, 40960);
    },
    status: 65,
    message: [/\/refreshd\.db: damaged \(SQLite: .*\); move it away, .* and put a backup in its place/],
  },
  {
    name: 'a store that is gone',
    make: async (daemon) => {
      await makeStore(daemon);
      await Promise.all(['', '-wal', '-shm'].map((suffix) => rm(daemon.database + suffix, { force: true })));
    },
    status: 65,
    message: [/\/refreshd\.db: missing or empty, but a store .* was here; put a backup in its place, or remove \S+\.marker/],
  },
  {
    name: 'a store that others may read',
    make: async (daemon) => {
      await makeStore(daemon);
      await chmod(daemon.database, 0o644);
    },
    status: 77,
    message: [/\/refreshd\.db: mode 0644 lets others at it; run: chmod 600 \S+\/refreshd\.db$/],
  },
  {
    name: 'a store by a link',
    make: async (daemon) => symlink('/nonexistent/refreshd.db', daemon.database),
    status: 77,
    message: [/\/refreshd\.db: not a plain file \(links are not followed\); name another in \[store\] url/],
  },
  {
    name: 'no state directory',
    make: (daemon) => replace(daemon, `sqlite:${daemon.database}`, `sqlite:${daemon.directory}/none/refreshd.db`),
    status: 73,
    message: [/\/none\/refreshd\.db\.lock: the directory \S+\/none does not exist; make it for user \d+, or name another in \[store\] url/],
  },
  {
    name: 'the key of another store',
    make: async (daemon) => {
      await makeStore(daemon);
      await keygen(join(daemon.directory, 'other.key'));
      await replace(daemon, 'master.key', 'other.key');
    },
    status: 77,
    message: [/\/refreshd\.db: the master key is not the one this store was made with; give that key in \[store\] key_file/],
  },
  {
    name: 'a key of 31 bytes',
    make: (daemon) => writeFile(daemon.keyFile, Buffer.alloc(31, 0xa5), { mode: 0o600 }),
    status: 78,
    message: [/\/master\.key: a key is 32 raw bytes, .*found 31 bytes .*; bring back the key .*refreshctl keygen/],
  },
  {
    name: 'a directory for a key',
    make: async (daemon) => {
      await rm(daemon.keyFile);
      await mkdir(daemon.keyFile);
    },
    status: 74,
    message: [/\/master\.key: expected a regular file, got a directory; name the key's own file in \[store\] key_file/],
  },
  {
    name: 'no directory for the socket',
    make: (daemon) => replace(daemon, daemon.socket, `${daemon.directory}/run/control.sock`),
    status: 73,
    message: [/\/run\/control\.sock: the directory \S+\/run does not exist; make it for user \d+, or name another in \[daemon\] socket/],
  },
  {
    name: 'a file where the socket should be',
    make: (daemon) => writeFile(daemon.socket, ''),
    status: 73,
    message: [/\/control\.sock: expected a socket or nothing there, found a file; remove it, or name another in \[daemon\] socket/],
  },
  {
    name: 'no directory of profiles',
    make: (daemon) => replace(daemon, daemon.providers, '/nonexistent'),
    status: 78,
    message: [/refreshd\.conf:\d+: \[providers\] path: \/nonexistent: no such directory; make it, or take the key out/],
  },
  {
    name: 'certificates that are none',
    make: async (daemon) => add(daemon, `ca_file = ${daemon.configFile}\n`),
    status: 78,
    message: [/refreshd\.conf:\d+: \[http\] ca_file: \S+: expected PEM, found no certificate/],
  },
  {
    name: 'users, groups, profiles and the key at once',
    make: async (daemon) => {
      await writeFile(join(daemon.providers, 'a.json'), '[1]');
      await writeFile(join(daemon.providers, 'b.json'), '');
      await symlink('/nonexistent.json', join(daemon.providers, 'c.json'));
      await chmod(daemon.keyFile, 0o640);
      await add(daemon, '[access]\nplatform = no-such-user\nadmin = @no-such-group\n');
    },
    status: 78,
    message: [
      /refreshd\.conf:\d+: \[access\] platform: no user "no-such-user" on this machine/,
      /refreshd\.conf:\d+: \[access\] admin: no group "no-such-group" on this machine/,
      /\/a\.json: profile: expected an object, got an array/,
      /\/b\.json: JSON, line 1, byte 0: expected a value, got nothing/,
      /\/c\.json: No such file/,
      /\/master\.key: mode 0640 lets others at it; run: chmod 600/,
    ],
  },
  {
    name: 'mistakes of all kinds in the order of lines',
    make: (daemon) => add(daemon, '[refresh]\nmargin = soon\njiter = 1%\n[store]\nprefix = x\n[nowhere]\n[events]\nretention = 1\n'),
    status: 78,
    message: [
      /\[refresh\] margin: expected a span from 0s to 1d, got "soon"/,
      /unknown key "jiter" in \[refresh\]; did you mean "jitter"\?/,
      /unknown key "prefix" in \[store\]; it belongs into \[redis\]/,
      /unknown section \[nowhere\]$/,
      /\[events\] retention: expected a span from 1h to 3650d/,
    ],
  },
];

function assertTold(stderr, messages, who) {
  const lines = stderr.trimEnd().split('\n');
  assert.equal(lines.length, messages.length, `${who}: ${stderr}`);
  messages.forEach((message, i) => assert.match(lines[i], message, who));
  for (const line of lines) {
    assert.match(line, /^refreshd: /, who);
    assert.doesNotMatch(line, /: :/, `${who}: no empty part`);
  }
}

for (const { name, make, status, message } of FAULTS) {
  test(`${name}: ${status}, for --check and for a start`, { timeout: 60_000 }, async () => {
    const cleanup = new Cleanup();
    try {
      const daemon = new Daemon(await cleanup.directory());
      cleanup.add(daemon, () => daemon.stop());
      await daemon.prepare({});
      await make(daemon);
      const check = await run(REFRESHD, ['--check', '--config', daemon.configFile], { env: cleanEnvironment() });
      assert.equal(check.status, status, check.stderr);
      assertTold(check.stderr, message, '--check');
      const program = daemon.launch();
      const ended = await program.exited(20_000);
      assert.equal(ended.status, status, program.output);
      assertTold(program.stderr, message, 'start');
    } finally {
      await cleanup.run();
    }
  });
}

test('a socket that somebody listens on: 73 for a start, and --check asks whose it is', { timeout: 60_000 }, async () => {
  const cleanup = new Cleanup();
  try {
    const daemon = new Daemon(await cleanup.directory());
    cleanup.add(daemon, () => daemon.stop());
    await daemon.prepare({});
    await daemon.start();
    const second = join(daemon.directory, 'second.conf');
    await writeFile(second, (await readFile(daemon.configFile, 'utf8')).replace('refreshd.db', 'second.db'));
    const check = await run(REFRESHD, ['--check', '--config', second], { env: cleanEnvironment() });
    assert.equal(check.status, 0, check.stderr);
    assert.match(check.stdout, /unless systemd hands the socket over: \S+control\.sock: somebody listens there already; stop that one/);
    const start = await run(REFRESHD, ['--config', second], { env: cleanEnvironment() });
    assert.equal(start.status, 73, start.stderr);
    assertTold(start.stderr, [/\/control\.sock: somebody listens there already; stop that one .*, or name another in \[daemon\] socket/], 'start');
    const same = await run(REFRESHD, ['--config', daemon.configFile], { env: cleanEnvironment() });
    assert.equal(same.status, 75, same.stderr);
    assertTold(same.stderr, [new RegExp(`/refreshd\\.db: another refreshd \\(process ${daemon.pid}\\) has this store; stop that one, or name another`)], 'second');
  } finally {
    await cleanup.run();
  }
});

test('a start option with a typo names the one that was meant: 64', async () => {
  const { status, stderr } = await run(REFRESHD, ['--chekc'], { env: cleanEnvironment() });
  assert.equal(status, 64);
  assert.match(stderr, /unknown option --chekc; did you mean --check\?/);
});
