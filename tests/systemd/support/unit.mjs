// refreshd as systemd sees it: what systemctl does and shows, what the journal has, drop-ins.

import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { run } from '../../e2e/support/program.mjs';
import { RpcClient } from '../../e2e/support/rpc.mjs';
import { eventually } from '../../e2e/support/wait.mjs';

export const { BIN_DIR, CONFIG_DIR, MAN_DIR, PREFIX, SBIN_DIR } = process.env;
export const SOCKET = '/run/refreshd/control.sock';
export const SERVICE = 'refreshd.service';
export const SOCKET_UNIT = 'refreshd.socket';
export const REFRESHCTL = `${BIN_DIR}/refreshctl`;

/** Runs a program that must succeed; its standard output, without the newline at its end. */
export async function must(command, ...args) {
  const { status, signal, stdout, stderr } = await run(command, args, { input: '' });
  assert.equal(signal ?? status, 0, `${command} ${args.join(' ')}: ${stderr || stdout}`);
  return stdout.trimEnd();
}

export const systemctl = (...args) => must('systemctl', ...args);

/** One property of the service, or of another unit. */
export const show = (property, unit = SERVICE) => systemctl('show', '--value', '--property', property, unit);

/** A program run by another user: {status, stdout, stderr}. */
export const runAs = (user, command, ...args) =>
  run('setpriv', ['--reuid', user, '--regid', user, '--init-groups', '--', command, ...args], { input: '' });

/** One call on a connection of its own. */
export async function call(method, params) {
  const rpc = await RpcClient.connect(SOCKET);
  try {
    return await rpc.call(method, params);
  } finally {
    rpc.close();
  }
}

/** The service is active again, with another process than this one: its pid. */
export const restarted = (pid) =>
  eventually('another process, ready', async () => {
    const now = await show('MainPID');
    return (await show('ActiveState')) === 'active' && now !== pid && now !== '0' && now;
  });

/** What the service logged, oldest first, or all that was logged; `since` is what journalCursor() said. */
export async function journal({ since, all = false } = {}) {
  await must('journalctl', '--sync');
  // Not --unit: with it, --after-cursor leaves out one record where the cursor's own is another unit's.
  const text = await must('journalctl', '--output=json', '--all', ...(since ? ['--after-cursor', since] : []));
  const records = text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return all ? records : records.filter(({ _SYSTEMD_UNIT: unit }) => unit === SERVICE);
}

export async function journalCursor() {
  await must('journalctl', '--sync');
  return (await must('journalctl', '--lines=0', '--show-cursor')).replace(/^.*-- cursor: /s, '');
}

/** refreshd's own record of an event, once it is there. */
export const logged = (event, since) =>
  eventually(`${event} in the journal`, async () => (await journal({ since })).findLast((record) => record.REFRESHD_EVENT === event));

/** Settings of the unit, until removed: dropIn('watchdog', '[Service]\nWatchdogSec=2s\n'). */
export async function dropIn(name, text) {
  const directory = `/run/systemd/system/${SERVICE}.d`;
  await mkdir(directory, { recursive: true });
  await writeFile(`${directory}/${name}.conf`, text);
  await systemctl('daemon-reload');
  return async () => {
    await rm(`${directory}/${name}.conf`);
    await systemctl('daemon-reload');
  };
}

/** A drop-in of refreshd.conf. */
export const configure = (name, text) => writeFile(`${CONFIG_DIR}/refreshd.conf.d/${name}.conf`, text);
export const unconfigure = (name) => rm(`${CONFIG_DIR}/refreshd.conf.d/${name}.conf`, { force: true });

/**
 * A check is one sentence. All run one after the other on one machine; each begins with the socket
 * listening and the service running, unless `running` is false.
 */
export function check(sentence, { running = true }, play) {
  test(sentence, { timeout: 30_000 }, async (t) => {
    try {
      await must('systemctl', 'reset-failed'); // the starts of one check are none of the next one's
      if (running) await systemctl('start', SERVICE);
      await play(t);
    } catch (error) {
      await tell();
      throw error;
    }
  });
}

/** What a person would look at first after a failure. */
async function tell() {
  const { stdout: status } = await run('systemctl', ['status', '--no-pager', '--lines=0', SERVICE, SOCKET_UNIT], { input: '' });
  const { stdout: lines } = await run('journalctl', ['--no-pager', '--lines=40', '--output=short-monotonic'], { input: '' });
  process.stderr.write(`--- status ---\n${status}--- journal, its end ---\n${lines}---\n`);
}
