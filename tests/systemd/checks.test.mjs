// SPEC §12, systemd: the installed units, on a machine that systemd runs. One check is one sentence; they
// run in this order, on one machine. boot.sh makes it.

import assert from 'node:assert/strict';
import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { after, before } from 'node:test';
import { createServer } from 'node:tls';

import { makeAuthority, makeClientCertificate, makeServerCertificate } from '../e2e/support/certificates.mjs';
import { RpcClient } from '../e2e/support/rpc.mjs';
import { eventually, never, sleep } from '../e2e/support/wait.mjs';
import { SlowProvider } from './support/slow-provider.mjs';
import {
  CONFIG_DIR, MAN_DIR, PREFIX, REFRESHCTL, SBIN_DIR, SERVICE, SOCKET, SOCKET_UNIT, call, check, configure, dropIn, journal,
  journalCursor, logged, must, restarted, runAs, show, systemctl, unconfigure,
} from './support/unit.mjs';

const UNITS = `${PREFIX}/lib/systemd/system`;
const KEY = `${CONFIG_DIR}/master.key`;
const SECRET = 'canary-client-secret';
const EXPOSURE_MAX = 12; // tenths, as --threshold= takes them: 1.2

let provider;
let connection;

before(async () => {
  provider = await SlowProvider.start();
});
after(() => provider?.stop());

const kill = (signal, pid) => must('kill', `-${signal}`, pid);

// ---- what is installed ----

check('systemd-analyze verify has nothing to say about the installed units', { running: false }, async () => {
  assert.equal(await must('bash', '-c', `systemd-analyze verify --man=no ${UNITS}/${SERVICE} ${UNITS}/${SOCKET_UNIT} 2>&1`), '');
});

check('the manual pages that the units name are installed', { running: false }, async () => {
  for (const unit of [SERVICE, SOCKET_UNIT]) {
    const pages = [...(await readFile(`${UNITS}/${unit}`, 'utf8')).matchAll(/man:([\w.-]+)\((\d)\)/g)];
    assert.ok(pages.length > 0, unit);
    for (const [, name, section] of pages) await stat(`${MAN_DIR}/man${section}/${name}.${section}`);
  }
});

check('systemd-analyze security finds the service no more exposed than it has been', { running: false }, async () => {
  await must('systemd-analyze', 'security', '--no-pager', '--offline=true', `--threshold=${EXPOSURE_MAX}`, `${UNITS}/${SERVICE}`);
});

check('sysusers has made the user and its group, without a shell', { running: false }, async () => {
  assert.match(await must('getent', 'passwd', 'refreshd'), /^refreshd:x:\d+:\d+:[^:]*:\/var\/lib\/refreshd:\/usr\/sbin\/nologin$/);
  assert.match(await must('getent', 'group', 'refreshd'), /^refreshd:x:\d+:insider$/);
});

check('after the installation there is the directory for drop-ins, and enable links both units', { running: false }, async () => {
  assert.equal((await stat(`${CONFIG_DIR}/refreshd.conf.d`)).mode & 0o7777, 0o755);
  await must(REFRESHCTL, 'keygen', KEY);
  await configure('checks', '[http]\nallow_plain_loopback = yes\n');
  await systemctl('enable', SERVICE);
  assert.equal(await realpath(`/etc/systemd/system/sockets.target.wants/${SOCKET_UNIT}`), await realpath(`${UNITS}/${SOCKET_UNIT}`));
  assert.equal(await realpath(`/etc/systemd/system/multi-user.target.wants/${SERVICE}`), await realpath(`${UNITS}/${SERVICE}`));
});

// ---- socket and start ----

check('the first client starts the service and is answered', { running: false }, async () => {
  await systemctl('start', SOCKET_UNIT);
  assert.equal(await show('ActiveState'), 'inactive');
  assert.ok(await call('status'));
  assert.equal(await show('ActiveState'), 'active');
});

check('the socket is root:refreshd, mode 0660, in a directory that is root\'s, with the service running', {}, async () => {
  assert.equal(await must('stat', '--format=%U:%G %a %F', SOCKET), 'root:refreshd 660 socket');
  assert.equal(await must('stat', '--format=%U:%G %a', dirname(SOCKET)), 'root:root 755');
});

check('start returns when the daemon has said READY, and the status says what it does', {}, async () => {
  await systemctl('stop', SERVICE);
  const since = await journalCursor();
  await systemctl('log-level', 'debug'); // process 1 then tells each notification
  await systemctl('start', SERVICE);
  await systemctl('log-level', 'info');
  assert.equal(await show('ActiveState'), 'active');
  assert.equal(await show('Type'), 'notify');
  assert.equal(await show('StatusText'), 'refreshing');
  const records = await journal({ all: true, since });
  const ready = records.findIndex(({ MESSAGE }) => /notification message.*READY=1/.test(MESSAGE));
  const active = records.findIndex(({ UNIT, JOB_RESULT }) => UNIT === SERVICE && JOB_RESULT === 'done');
  assert.ok(ready >= 0 && ready < active, `READY=1 in record ${ready}, started in record ${active}`);
});

check('the daemon runs as refreshd, without capabilities, under seccomp', {}, async () => {
  const status = await readFile(`/proc/${await show('MainPID')}/status`, 'utf8');
  const field = (name) => status.match(new RegExp(`^${name}:\\s*(.*)$`, 'm'))[1];
  const uid = await must('id', '-u', 'refreshd');
  assert.equal(field('Uid'), [uid, uid, uid, uid].join('\t'));
  for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(field(set), /^0+$/, set);
  assert.equal(field('NoNewPrivs'), '1');
  assert.equal(field('Seccomp'), '2');
});

check('its memory is locked', {}, async (t) => {
  const { status } = await runAs('root', 'prlimit', '--memlock=unlimited:unlimited', 'true');
  if (status !== 0) t.skip('this machine lets nobody lift the limit of locked memory');
  else assert.equal((await call('status')).memory_locked, true);
});

check('the key comes as a credential: the daemon\'s user cannot read the file itself', {}, async () => {
  assert.equal(await must('stat', '--format=%U:%G %a', KEY), 'root:root 600');
  assert.notEqual((await runAs('refreshd', 'cat', KEY)).status, 0);
  assert.ok(!(await must('tr', '\\0', '\\n', `/proc/${await show('MainPID')}/cmdline`).catch(() => '')).includes(KEY));
});

// ---- who may ----

check('the kernel refuses a user outside the group', {}, async () => {
  const knock = `require('node:net').connect('${SOCKET}').on('error', ({ code }) => console.log(code)).on('connect', () => process.exit(9))`;
  assert.equal((await runAs('outsider', process.execPath, '--eval', knock)).stdout.trim(), 'EACCES');
  const { status, stderr } = await runAs('outsider', REFRESHCTL, 'status');
  assert.equal(status, 4, stderr);
  assert.match(stderr, /not allowed to connect/);
});

check('a user in the group without a role is answered forbidden, exit status 4', {}, async () => {
  const { status, stderr } = await runAs('insider', REFRESHCTL, 'status');
  assert.equal(status, 4, stderr);
});

// ---- reload ----

/** What process 1 was told by the daemon while `action` ran. */
async function notifications(action) {
  const since = await journalCursor();
  await systemctl('log-level', 'debug');
  try {
    await action(since);
    await eventually('READY=1 after it', async () => (await told(since)).some((text) => text.includes('READY=1')));
  } finally {
    await systemctl('log-level', 'info');
  }
  return told(since);
}

async function told(since) {
  const records = await journal({ all: true, since });
  return records
    .filter(({ _PID, MESSAGE }) => _PID === '1' && /^refreshd\.service: Got notification message/.test(MESSAGE))
    .map(({ MESSAGE }) => MESSAGE.replace(/^.*?\(/, '('))
    .filter((text) => /RELOADING|READY/.test(text));
}

check('reload takes over a new configuration: RELOADING, then READY, the same process', {}, async () => {
  const pid = await show('MainPID');
  await configure('access', '[access]\noperator = insider\n');
  const seen = await notifications(async (since) => {
    await systemctl('reload', SERVICE);
    await logged('reload.done', since);
  });
  assert.equal(seen.length, 2, seen.join(' '));
  assert.match(seen[0], /RELOADING=1.*MONOTONIC_USEC=\d+/);
  assert.match(seen[1], /READY=1.*STATUS=refreshing/);
  assert.equal(await show('ActiveState'), 'active');
  assert.equal(await show('MainPID'), pid);
  assert.equal((await runAs('insider', REFRESHCTL, 'status')).status, 0, 'an operator now');
});

check('reload of a broken configuration keeps the old one, stays READY, and says so in the status', {}, async () => {
  const pid = await show('MainPID');
  await configure('access', '[access]\noperatr = outsider\n');
  const seen = await notifications(async (since) => {
    await systemctl('reload', SERVICE);
    const { MESSAGE } = await logged('reload.failed', since);
    assert.match(MESSAGE, /access\.conf:2/);
  });
  assert.match(seen.at(-1), /READY=1.*STATUS=refreshing; the last reload failed/);
  assert.equal(await show('ActiveState'), 'active');
  assert.equal(await show('StatusText'), 'refreshing; the last reload failed');
  assert.equal(await show('MainPID'), pid);
  assert.equal((await runAs('insider', REFRESHCTL, 'status')).status, 0, 'still an operator');

  await unconfigure('access');
  const since = await journalCursor();
  await kill('HUP', pid);
  await logged('reload.done', since);
  assert.equal(await show('StatusText'), 'refreshing');
  assert.equal((await runAs('insider', REFRESHCTL, 'status')).status, 4, 'no operator any more');
});

// ---- clients over restarts ----

/** Clients that come and ask, one after the other, until told to stop. */
class Visitors {
  refused = [];
  answered = 0;
  unanswered = [];
  #going = true;
  #done;

  constructor(count) {
    this.#done = Promise.all(Array.from({ length: count }, () => this.#visit()));
  }

  async #visit() {
    while (this.#going) {
      const rpc = await RpcClient.connect(SOCKET).catch((error) => void this.refused.push(error.code));
      await rpc?.call('status').then(() => (this.answered += 1), (error) => this.unanswered.push(error.message));
      rpc?.close();
      await sleep(2);
    }
  }

  async leave() {
    this.#going = false;
    await this.#done;
  }
}

check('clients keep connecting while the service restarts: none is refused', {}, async (t) => {
  const visitors = new Visitors(4);
  let pid = await show('MainPID');
  for (let i = 0; i < 3; i += 1) {
    await systemctl('restart', SERVICE);
    assert.notEqual(await show('MainPID'), pid);
    pid = await show('MainPID');
  }
  await visitors.leave();
  t.diagnostic(`${visitors.answered} answered, ${visitors.unanswered.length} connected and not answered`);
  assert.deepEqual(visitors.refused, []);
  assert.ok(visitors.answered > 20, `${visitors.answered} answered`);
});

check('kill -9: systemd starts it again, and no client is refused meanwhile', {}, async (t) => {
  const pid = await show('MainPID');
  const starts = Number(await show('NRestarts'));
  const visitors = new Visitors(2);
  await kill('KILL', pid);
  await restarted(pid);
  const { answered } = visitors;
  await eventually('more answers', () => visitors.answered > answered);
  await visitors.leave();
  t.diagnostic(`${visitors.answered} answered, ${visitors.unanswered.length} cut off by the kill`);
  assert.deepEqual(visitors.refused, []);
  assert.equal(Number(await show('NRestarts')), starts + 1);
});

check('the watchdog leaves a daemon alone that runs, ends one that hangs, and it is started again', {}, async () => {
  const remove = await dropIn('watchdog', '[Service]\nWatchdogSec=3s\n');
  await systemctl('restart', SERVICE);
  const pid = await show('MainPID');
  await never('killed although it runs', async () => (await show('MainPID')) !== pid, { during: 4_000, every: 500 });
  const since = await journalCursor();
  await kill('STOP', pid);
  await restarted(pid);
  const records = await journal({ all: true, since });
  assert.ok(records.some(({ MESSAGE }) => /^refreshd\.service: Watchdog timeout/.test(MESSAGE)));
  assert.ok(records.some(({ UNIT, UNIT_RESULT }) => UNIT === SERVICE && UNIT_RESULT === 'watchdog'));
  assert.ok(await call('status'));
  await remove();
  await systemctl('restart', SERVICE);
});

// ---- nothing is lost ----

check('a grant is imported and refreshed over the handed-over socket', {}, async () => {
  await call('register', {
    connector: 'calendar', type: 'superagent', profile: provider.profile(), client_id: 'client-1', client_secret: SECRET, scopes: ['a'],
  });
  const imported = await call('import', { connector: 'calendar', owner: { superagent: 'sa-1' }, tokens: provider.grant() });
  connection = imported.connection;
  const { outcome } = await call('refresh', { connection });
  assert.equal(outcome, 'refreshed');
  assert.equal((await call('token', { connection })).access_token, provider.given.at(-2));
});

check('SIGTERM finishes the request in flight: its caller is answered, its tokens are kept', {}, async () => {
  const presented = provider.presented.length;
  provider.latency = 2_000;
  const rpc = await RpcClient.connect(SOCKET);
  const asked = rpc.call('refresh', { connection, force: true });
  await eventually('the provider has been asked', () => provider.presented.length > presented);
  const stopped = systemctl('stop', SERVICE);
  await eventually('stopping', async () => (await show('ActiveState')) === 'deactivating');
  assert.equal(await show('StatusText'), 'finishing what is in flight');
  assert.equal((await asked).outcome, 'refreshed');
  await stopped;
  rpc.close();
  assert.equal(await show('Result'), 'success');
  assert.equal(await show('ExecMainStatus'), '0');

  provider.latency = 0;
  await systemctl('start', SERVICE);
  assert.equal((await call('token', { connection })).access_token, provider.given.at(-2));
  assert.equal((await call('refresh', { connection, force: true })).outcome, 'refreshed');
  assert.equal(new Set(provider.presented).size, provider.presented.length, 'a refresh token was presented twice');
});

// ---- failing ----

/** start must fail, with this exit status, and systemd must leave it at that. */
async function assertRefused(exitStatus, shown) {
  const starts = await show('NRestarts');
  await assert.rejects(systemctl('restart', SERVICE));
  assert.equal(await show('ActiveState'), 'failed');
  assert.equal(await show('ExecMainStatus'), String(exitStatus));
  const { stdout } = await runAs('root', 'systemctl', 'status', '--no-pager', '--lines=0', SERVICE);
  assert.match(stdout, shown);
  await never('started again', async () => (await show('NRestarts')) !== starts, { during: 700 });
}

check('a wrong key is refused with 77, which systemctl shows, and is not tried again; the right one finds all as it was', {}, async () => {
  await rename(KEY, `${KEY}.right`);
  await must(REFRESHCTL, 'keygen', KEY);
  try {
    await assertRefused(77, /status=77\b/);
  } finally {
    await rename(`${KEY}.right`, KEY);
  }
  await systemctl('reset-failed', SERVICE);
  await systemctl('start', SERVICE);
  assert.equal((await call('show-connection', { connection })).state, 'active');
});

check('a broken configuration is refused at start with 78, and the journal names file and line', {}, async () => {
  const since = await journalCursor();
  await configure('broken', '[daemon]\nlog_levle = info\n');
  try {
    await assertRefused(78, /status=78\b/);
  } finally {
    await unconfigure('broken');
  }
  assert.ok((await journal({ since })).some(({ MESSAGE }) => /broken\.conf:2/.test(MESSAGE)));
});

check('a key of 31 bytes is refused with 78', {}, async () => {
  await rename(KEY, `${KEY}.right`);
  await writeFile(KEY, Buffer.alloc(31, 7), { mode: 0o600 });
  try {
    await assertRefused(78, /status=78\b/);
  } finally {
    await rename(`${KEY}.right`, KEY);
  }
});

check('a store that is damaged is refused with 65', {}, async () => {
  await systemctl('stop', SERVICE);
  const store = '/var/lib/refreshd/refreshd.db';
  await rename(store, `${store}.right`);
  await writeFile(store, 'this is no store\n'.repeat(300));
  await must('chown', 'refreshd:refreshd', store);
  await must('chmod', '600', store);
  try {
    await assertRefused(65, /status=65\b/);
  } finally {
    await rename(`${store}.right`, store);
  }
});

// ---- Redis over TLS ----

check('the sandbox lets it read its certificates for Redis: as files of its user, and the key as a credential', {}, async () => {
  const directory = `${CONFIG_DIR}/redis`;
  await mkdir(directory);
  const caFile = await makeAuthority(directory);
  const { keyFile, certFile } = await makeServerCertificate(directory, 'server');
  const client = await makeClientCertificate(directory, 'refreshd'); // its key is root's alone
  const shown = [];
  const [key, cert, ca] = await Promise.all([keyFile, certFile, caFile].map((file) => readFile(file)));
  const redis = createServer({ key, cert, ca, requestCert: true, rejectUnauthorized: false }, (socket) => {
    shown.push([socket.authorized, socket.getPeerCertificate().subject?.CN]);
    socket.on('error', () => {}).destroy();
  });
  await new Promise((resolve) => { redis.listen(0, '127.0.0.1', resolve); });
  const forget = await dropIn('redis', `[Service]\nLoadCredential=redis.key:${client.keyFile}\n`);
  await configure('redis', `[redis]\nurl = rediss://127.0.0.1:${redis.address().port}\nca_file = ${caFile}\n`
    + `client_certificate_file = ${client.certFile}\nclient_key_file = \${CREDENTIALS_DIRECTORY}/redis.key\n`);
  try {
    await systemctl('restart', SERVICE);
    await eventually('a connection', () => shown.length > 0);
    assert.deepEqual(shown[0], [true, 'refreshd'], (await call('status')).redis.last_error);
  } finally {
    redis.close();
    await unconfigure('redis');
    await forget();
    await rm(directory, { recursive: true });
    await systemctl('restart', SERVICE);
  }
});

// ---- the journal ----

check('the journal has refreshd\'s records with fields of their own', {}, async () => {
  const records = await journal();
  const changes = records.filter((record) => record.REFRESHD_EVENT === 'call.changes').map((record) => record.REFRESHD_METHOD);
  assert.deepEqual(changes.slice(0, 2), ['register', 'import']);
  const given = records.find((record) => record.REFRESHD_EVENT === 'token.given');
  assert.equal(given.REFRESHD_CONNECTION, connection);
  assert.equal(given.REFRESHD_UID, '0');
  assert.equal(given.SYSLOG_IDENTIFIER, 'refreshd');
  const denied = records.find((record) => record.REFRESHD_EVENT === 'control.denied');
  assert.equal(denied.REFRESHD_UID, await must('id', '-u', 'insider'));
  for (const event of ['start.ready', 'reload.done', 'reload.failed', 'stop.begun', 'stop.done']) {
    assert.ok(records.some((record) => record.REFRESHD_EVENT === event), event);
  }
  assert.ok(!records.some((record) => 'CODE_FILE' in record && record.SYSLOG_IDENTIFIER === 'refreshd'));
});

check('no token, secret or key is in the journal, in what systemctl shows, or in the environment', {}, async () => {
  const key = (await readFile(KEY, 'utf8')).trim();
  const environment = await readFile(`/proc/${await show('MainPID')}/environ`, 'utf8');
  await must('journalctl', '--sync');
  const journalText = await must('journalctl', '--output=export', '--all');
  const shown = await systemctl('show', SERVICE);
  const places = { environment, journal: journalText, shown };
  assert.ok(provider.given.length >= 8 && journalText.includes('REFRESHD_EVENT=token.given'));
  for (const [place, text] of Object.entries(places)) {
    for (const secret of [...provider.given, SECRET, key]) assert.ok(!text.includes(secret), `${secret.slice(0, 14)} in ${place}`);
    assert.ok(!text.includes('canary-'), place);
  }
});

// ---- the end ----

check('stopping both units ends the daemon and takes the socket away', {}, async () => {
  await systemctl('stop', SOCKET_UNIT, SERVICE);
  assert.equal(await show('ActiveState'), 'inactive');
  assert.equal(await show('Result'), 'success');
  await assert.rejects(stat(SOCKET), { code: 'ENOENT' });
  assert.equal(await must('stat', '--format=%U:%G %a', '/var/lib/refreshd'), 'refreshd:refreshd 700');
  await assert.rejects(must('pgrep', '-x', 'refreshd'));
});

check('without the socket unit\'s socket the daemon makes its own', { running: false }, async () => {
  // Requires= would start the socket unit: run as somebody does who has no unit at all.
  await must('systemd-run', '--unit=alone', '--property=Type=notify', '--property=User=refreshd', '--property=RuntimeDirectory=refreshd',
    '--property=StateDirectory=refreshd', `--property=LoadCredential=master.key:${KEY}`,
    `${SBIN_DIR}/refreshd`, '--config', `${CONFIG_DIR}/refreshd.conf`);
  assert.equal((await call('show-connection', { connection })).state, 'active');
  assert.equal(await must('stat', '--format=%U:%G %a', SOCKET), 'refreshd:refreshd 660');
  await systemctl('stop', 'alone.service');
  assert.equal(await show('Result', 'alone.service'), 'success');
});
