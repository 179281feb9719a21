// Which refreshd and refreshctl are under test: ctest names them, a person gets the release build.

import { fileURLToPath } from 'node:url';

const built = (name) => fileURLToPath(new URL(`../../../build/release/${name}`, import.meta.url));

export const REFRESHD = process.env.REFRESHD ?? built('refreshd');
export const REFRESHCTL = process.env.REFRESHCTL ?? built('refreshctl');

/**
 * The environment of a program started from a terminal: nothing of systemd's that a parent may have
 * left, and a proxy that leads nowhere, since only the configuration may name one.
 */
export function cleanEnvironment() {
  const environment = { ...process.env, http_proxy: 'http://127.0.0.1:1', https_proxy: 'http://127.0.0.1:1', LC_ALL: 'C.UTF-8' };
  for (const name of [
    'NOTIFY_SOCKET', 'LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'CREDENTIALS_DIRECTORY',
    'STATE_DIRECTORY', 'RUNTIME_DIRECTORY', 'INVOCATION_ID', 'JOURNAL_STREAM', 'no_proxy', 'NO_PROXY', 'HTTPS_PROXY', 'ALL_PROXY',
  ]) delete environment[name];
  return environment;
}
