// Every fatal mistake at start ends with its own status and says what to do next; what is right
// starts (docs/operations.md "Exit statuses").

import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { REFRESHCTL, REFRESHD, cleanEnvironment } from './support/binaries.mjs';
import { makeAuthority, makeClientCertificate } from './support/certificates.mjs';
import { Cleanup } from './support/cleanup.mjs';
import { keygen } from './support/ctl.mjs';
import { Daemon } from './support/daemon.mjs';
import { run } from './support/program.mjs';
import { RpcClient } from './support/rpc.mjs';

const refreshd = (...args) => run(REFRESHD, args, { env: cleanEnvironment() });

function withDaemon(name, play) {
  test(name, { timeout: 60_000 }, async () => {
    const cleanup = new Cleanup();
    try {
      const daemon = new Daemon(await cleanup.directory());
      cleanup.add(daemon, () => daemon.stop());
      await daemon.prepare({});
      await play(daemon, cleanup);
    } finally {
      await cleanup.run();
    }
  });
}

/** Starts it; it must end at once with this status and a message that fits. */
async function assertEnds(daemon, status, message) {
  const ended = await daemon.launch().exited(20_000);
  assert.equal(ended.status, status, `ended with ${ended.signal ?? ended.status}: ${daemon.program.output}`);
  assert.doesNotMatch(daemon.program.stderr, /: :/, 'no empty part');
  for (const part of [message].flat()) assert.match(daemon.program.stderr, part);
}

async function edit(file, change) {
  await writeFile(file, change(await readFile(file, 'utf8')));
}

withDaemon('a typo in the configuration: 78, with file, line and what was meant', async (daemon) => {
  await edit(daemon.configFile, (text) => text.replace('state_dir', 'stat_dir'));
  const line = (await readFile(daemon.configFile, 'utf8')).split('\n').findIndex((l) => l.startsWith('stat_dir')) + 1;
  await assertEnds(daemon, 78, [new RegExp(`refreshd\\.conf:${line}\\b`), /stat_dir/, /did you mean "state_dir"\?/]);
});

withDaemon('every mistake in the configuration is told, not only the first', async (daemon) => {
  await edit(daemon.configFile, (text) => `${text}[refresh]\nmargin = soon\nbackoff_min = -1s\n[nowhere]\nx = y\n`);
  await assertEnds(daemon, 78, [/margin/, /backoff_min/, /nowhere/]);
});

withDaemon('a configuration key given twice: 78', async (daemon) => {
  await edit(daemon.configFile, (text) => text.replace('[daemon]\n', '[daemon]\nname = a\n'));
  await assertEnds(daemon, 78, /name/);
});

withDaemon('no configuration file: 78', async (daemon) => {
  const missing = join(daemon.directory, 'nothing.conf');
  const { status, stderr } = await refreshd('--config', missing);
  assert.equal(status, 78);
  assert.match(stderr, /nothing\.conf/);
});

withDaemon('a broken provider profile: 78, with its file', async (daemon) => {
  await writeFile(join(daemon.providers, 'odd.json'), '{"id":"odd","token_endpoint":7}');
  await assertEnds(daemon, 78, [/odd\.json/, /token_endpoint/]);
});

withDaemon('a profile that is no JSON: 78, with its file and line', async (daemon) => {
  for (const [text, message] of [
    ['', /odd\.json: JSON, line 1, byte 0: expected a value, got nothing$/m],
    ['{"id":"odd"', /odd\.json: JSON, line 1, byte 11: expected a comma or the end of the object$/m],
    ['[1]', /odd\.json: profile: expected an object, got an array$/m],
  ]) {
    await writeFile(join(daemon.providers, 'odd.json'), text);
    await assertEnds(daemon, 78, message);
  }
});

withDaemon('an unknown habit in a profile: 78; unknown metadata is ignored', async (daemon) => {
  const profile = { id: 'odd', issuer: 'https://a.example', token_endpoint: 'https://a.example/token', some_extension: true };
  await daemon.writeProfile({ ...profile, habits: { refresh_tokens: {} } });
  await assertEnds(daemon, 78, [/odd\.json/, /refresh_tokens/]);
  await daemon.writeProfile(profile);
  await daemon.start();
});

withDaemon('a profile with http:// to another machine: 78, even where loopback may be plain', async (daemon) => {
  await daemon.writeProfile({ id: 'odd', issuer: 'http://a.example', token_endpoint: 'http://a.example/token' });
  await assertEnds(daemon, 78, [/odd\.json/, /https/]);
});

withDaemon('a store file that is not one: 65, and it is left alone', async (daemon) => {
  const text = 'dear diary, today I was mistaken for a database\n'.repeat(100);
  await writeFile(daemon.database, text);
  await assertEnds(daemon, 65, /refreshd\.db/);
  assert.equal(await readFile(daemon.database, 'utf8'), text);
});

withDaemon('somebody else\'s SQLite database: 65, and it is left alone', async (daemon) => {
  // A valid file of one empty page: SQLite's header, no schema of ours, another application's id.
  const page = Buffer.alloc(4096);
  page.write('SQLite format 3\0', 0, 'latin1');
  page.writeUInt16BE(4096, 16);
  page.set([1, 1, 0, 64, 32, 32], 18);
  page.writeUInt32BE(1, 24);
  page.writeUInt32BE(1, 28);
  page.writeUInt32BE(4, 44);
  page.writeUInt32BE(1, 56);
  page.writeUInt32BE(0x0f055112, 68); // application_id
  page.writeUInt32BE(1, 92);
  page.set([13, 0, 0, 0, 0, 16, 0, 0], 100);
  await writeFile(daemon.database, page);
  await assertEnds(daemon, 65, /refreshd\.db/);
  assert.deepEqual(await readFile(daemon.database), page);
});

withDaemon('a key of 31 bytes: 78, saying how long it must be', async (daemon) => {
  await writeFile(daemon.keyFile, Buffer.alloc(31, 0xa5), { mode: 0o600 });
  await assertEnds(daemon, 78, [/master\.key/, /32/]);
});

withDaemon('no key file: 66, saying how to make one', async (daemon) => {
  await edit(daemon.configFile, (text) => text.replace('master.key', 'other.key'));
  await assertEnds(daemon, 66, [/other\.key/, /keygen/]);
});

withDaemon('a key that others can read: 77', async (daemon) => {
  await chmod(daemon.keyFile, 0o644);
  await assertEnds(daemon, 77, /master\.key/);
});

withDaemon('another key than the store was made with: 77, before anything is written', async (daemon) => {
  await daemon.start();
  await daemon.stop();
  const before = await readFile(daemon.database);
  await keygen(join(daemon.directory, 'second.key'));
  await edit(daemon.configFile, (text) => text.replace('master.key', 'second.key'));
  await assertEnds(daemon, 77, /key/);
  assert.deepEqual(await readFile(daemon.database), before);
});

withDaemon('a directory that cannot be made: 73', async (daemon) => {
  // Below a regular file nobody can make a directory, root included.
  await edit(daemon.configFile, (text) => text.replaceAll('control.sock', 'refreshd.conf/run/control.sock'));
  await assertEnds(daemon, 73, /control\.sock|refreshd\.conf/);
});

withDaemon('a state directory that cannot be made: 73', async (daemon) => {
  await edit(daemon.configFile, (text) => text
    .replace(/state_dir = .*/, `state_dir = ${daemon.configFile}/state`)
    .replace(/url = sqlite:.*/, `url = sqlite:${daemon.configFile}/state/refreshd.db`));
  await assertEnds(daemon, 73, /refreshd\.conf\/state/);
});

withDaemon('a second daemon on the same store: 75, and the first goes on', async (daemon) => {
  await daemon.start();
  const second = join(daemon.directory, 'second.conf');
  await writeFile(second, (await readFile(daemon.configFile, 'utf8')).replace('control.sock', 'second.sock'));
  const { status, stderr } = await refreshd('--config', second);
  assert.equal(status, 75, stderr);
  const rpc = await daemon.connect();
  assert.ok(await rpc.call('status'));
});

withDaemon('wrong usage: 64', async (daemon) => {
  for (const args of [['--frobnicate'], ['--config'], ['--config', daemon.configFile, 'surplus']]) {
    const { status, stderr } = await refreshd(...args);
    assert.equal(status, 64, args.join(' '));
    assert.match(stderr, /--help/);
  }
});

withDaemon('--check says yes to a right configuration, starts nothing, and no to a wrong one', async (daemon) => {
  const right = await refreshd('--check', '--config', daemon.configFile);
  assert.equal(right.status, 0, right.stderr);
  await assert.rejects(stat(daemon.socket));
  await edit(daemon.configFile, (text) => text.replace('[providers]', '[provider]'));
  assert.equal((await refreshd('--check', '--config', daemon.configFile)).status, 78);
});

/** [redis] keys whose values are names of files in the daemon's directory, and what is said about them. */
const REDIS_FILES = [
  ['no such authority', { ca_file: 'nowhere.pem' }, /\[redis\] ca_file \S+nowhere\.pem: No such file/],
  ['an authority that is no PEM', { ca_file: 'words' }, /\[redis\] ca_file \S+words: expected PEM, found no certificate/],
  ['a certificate that is no PEM', { client_certificate_file: 'words', client_key_file: 'private' }, /client_certificate_file \S+words: expected PEM/],
  ['no key', { client_certificate_file: 'good.pem', client_key_file: 'private' }, /client_key_file \S+private: expected PEM, found no private key/],
  ["another certificate's key", { client_certificate_file: 'good.pem', client_key_file: 'other.key' }, /client_key_file \S+other\.key: not the key of client_certificate_file/],
  ['no password file', { password_file: 'nowhere' }, /\[redis\] password_file \S+nowhere: No such file/],
  ['an empty password file', { password_file: 'empty' }, /\[redis\] password_file \S+empty: expected one line/],
  ['no password file for the sentinels', { sentinel_password_file: 'nowhere' }, /sentinel_password_file \S+nowhere: No such file/],
  ['all of them', { ca_file: 'words', password_file: 'empty', sentinel_password_file: 'nowhere' }, [/\] ca_file/, /\] password_file/, /\] sentinel_password_file/]],
];

withDaemon("--check judges the files of [redis], and says what is wrong without what they hold", async (daemon) => {
  const { directory } = daemon;
  await makeAuthority(directory);
  for (const name of ['good', 'other']) {
    const { certFile, keyFile } = await makeClientCertificate(directory, name);
    await rename(certFile, join(directory, `${name}.pem`));
    if (keyFile !== join(directory, `${name}.key`)) await rename(keyFile, join(directory, `${name}.key`));
  }
  await writeFile(join(directory, 'words'), 'hunter2\n');
  await writeFile(join(directory, 'private'), 'hunter2\n', { mode: 0o600 });
  await writeFile(join(directory, 'empty'), '');
  const check = async (files) => {
    const redis = Object.fromEntries(Object.entries(files).map(([key, file]) => [key, file && join(directory, file)]));
    await daemon.configure({ redisUrl: 'rediss+sentinel://127.0.0.1:1/events', settings: { redis } });
    return refreshd('--check', '--config', daemon.configFile);
  };
  for (const [name, files, messages] of REDIS_FILES) {
    const { status, stderr } = await check(files);
    assert.equal(status, 78, `${name}: ${stderr}`);
    for (const message of [messages].flat()) assert.match(stderr, message, name);
    assert.doesNotMatch(stderr, /hunter2/, name);
  }
  const right = await check({ ca_file: 'good.pem', client_certificate_file: 'good.pem', client_key_file: 'good.key', password_file: 'private' });
  assert.equal(right.status, 0, right.stderr);
});

test('--version and --help answer on standard output with status 0', async () => {
  for (const program of [REFRESHD, REFRESHCTL]) {
    const version = await run(program, ['--version'], { input: '' });
    assert.equal(version.status, 0);
    assert.match(version.stdout, /\d+\.\d+\.\d+/);
    const help = await run(program, ['--help'], { input: '' });
    assert.equal(help.status, 0);
    assert.match(help.stdout, /--config|--socket/);
  }
});

test('the configuration of the specification works as it stands', { timeout: 60_000 }, async () => {
  const cleanup = new Cleanup();
  try {
    const directory = await cleanup.directory();
    await mkdir(join(directory, 'providers'));
    await keygen(join(directory, 'master.key'));
    const config = join(directory, 'refreshd.conf');
    await writeFile(config, `[daemon]
socket = /tmp/rt/control.sock
[store]
url = sqlite:/tmp/rt/refreshd.db
key_file = /tmp/rt/master.key      ; 32 bytes, raw, base64 or hex; refreshctl keygen FILE makes one
[redis]
url = redis://127.0.0.1:6379/0     ; or unix:/path?db=0
prefix = refreshd:
[providers]
path = /tmp/rt/providers           ; added to the built-in profiles
[http]
allow_plain_loopback = yes         ; http:// is refused everywhere else
[access]
admin = root
`.replaceAll('/tmp/rt', directory).replace('6379', '1')); // nobody's Redis: starting does not need one
    const daemon = new Daemon(directory);
    daemon.configFile = config;
    cleanup.add(daemon, () => daemon.stop());
    await daemon.start();
    const { mode } = await stat(daemon.socket);
    assert.equal(mode & 0o777, 0o660);
    const rpc = await RpcClient.connect(daemon.socket);
    assert.deepEqual((await rpc.call('list-connectors')).items, []);
    rpc.close();
  } finally {
    await cleanup.run();
  }
});

withDaemon('the key may be raw, base64 or hexadecimal', async (daemon) => {
  const raw = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7 + 1));
  for (const text of [raw, `${raw.toString('base64')}\n`, `${raw.toString('hex')}\n`]) {
    await writeFile(daemon.keyFile, text, { mode: 0o600 });
    await daemon.start(); // the same key each time: the same store opens
    await daemon.stop();
  }
});

withDaemon('keygen makes a key that only its owner can read, and overwrites none', async (daemon) => {
  assert.equal((await stat(daemon.keyFile)).mode & 0o777, 0o600);
  const before = await readFile(daemon.keyFile);
  const again = await run(REFRESHCTL, ['keygen', daemon.keyFile], { input: '' });
  assert.notEqual(again.status, 0);
  assert.deepEqual(await readFile(daemon.keyFile), before);
});

withDaemon('drop-ins are read, and their mistakes told with their own file and line', async (daemon) => {
  await mkdir(`${daemon.configFile}.d`);
  await writeFile(join(`${daemon.configFile}.d`, '10-name.conf'), '[refresh]\nmargin = 2min\n');
  await daemon.start();
  await daemon.stop();
  await writeFile(join(`${daemon.configFile}.d`, '20-bad.conf'), '[refresh]\nmargins = 2min\n');
  await assertEnds(daemon, 78, [/20-bad\.conf:2/, /margins/]);
});
