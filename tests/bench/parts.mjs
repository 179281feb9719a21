// What a bench runs on: the token endpoint, the bare client, Redis and refreshd, each pinned to a
// core (clients to the first, servers to the second) and ended by its own pid.

import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { REFRESHD, cleanEnvironment } from '../e2e/support/binaries.mjs';
import { Daemon } from '../e2e/support/daemon.mjs';
import { Program, run } from '../e2e/support/program.mjs';
import { eventually } from '../e2e/support/wait.mjs';

const TOOLS = process.env.REFRESHD_BENCH_TOOLS;
const CLIENT_CORE = 0;
const SERVER_CORE = availableParallelism() > 1 ? 1 : 0;

const pinned = (core, program, args) => ['taskset', ['-c', String(core), program, ...args]];

/** The one who measures leaves the client's core to the clients. */
export async function pinSelf() {
  const { status, stderr } = await run('taskset', ['-a', '-c', '-p', String(SERVER_CORE), String(process.pid)]);
  if (status !== 0) throw new Error(`taskset failed: ${stderr}`);
}

/** The stub token endpoint. Its port stays the same over restarts, so that one profile serves all rounds. */
export class Endpoint {
  #program;
  port = 0;

  constructor({ cert, key }) {
    this.files = [cert, key];
  }

  get url() {
    return `https://127.0.0.1:${this.port}/token`;
  }

  async start() {
    this.#program = new Program(...pinned(SERVER_CORE, join(TOOLS, 'token_endpoint'), [...this.files, String(this.port)]));
    this.port = await eventually('the token endpoint listens', () => {
      if (!this.#program.running) throw new Error(this.#program.output);
      return Number(/^listening (\d+)$/m.exec(this.#program.stdout)?.[1]);
    }, { every: 5 });
  }

  /** {requests, connections, refused} since it was started. */
  async stop() {
    if (!this.#program) return undefined;
    await this.#program.stop();
    return JSON.parse(this.#program.stdout.trim().split('\n').at(-1));
  }
}

/** {requests, rate, cpu_us, connections, failed} of libcurl and nothing else. */
export async function runBare(endpoint, caFile, { requests, inFlight }) {
  const { status, stdout, stderr } = await run(...pinned(CLIENT_CORE, join(TOOLS, 'bare_client'),
    [endpoint.url, caFile, String(requests), String(inFlight)]), { within: 120_000, env: cleanEnvironment() });
  if (status !== 0) throw new Error(`bare_client failed: ${stderr}`);
  return JSON.parse(stdout);
}

/** A redis-server on a Unix socket. What it held is there again at the next start, if it was saved. */
export class Redis {
  #program;

  constructor(directory) {
    this.directory = directory;
    this.socket = join(directory, 'redis.sock');
    this.url = `unix:${this.socket}`;
  }

  async start() {
    await mkdir(this.directory, { recursive: true });
    this.#program = new Program(...pinned(SERVER_CORE, 'redis-server', ['--port', '0', '--unixsocket', this.socket,
      '--dir', this.directory, '--save', '', '--appendonly', 'no', '--loglevel', 'warning']));
    await eventually('redis-server answers', async () => {
      if (!this.#program.running) throw new Error(this.#program.output);
      return (await this.cli('ping')) === 'PONG';
    }, { every: 20 });
  }

  async cli(...args) {
    return (await run('redis-cli', ['-s', this.socket, ...args])).stdout.trim();
  }

  /** Writes all it holds into dump.rdb. */
  async save() {
    if ((await this.cli('save')) !== 'OK') throw new Error('redis-server could not save');
  }

  /** While it is stopped: it will hold nothing. */
  async forget() {
    await rm(join(this.directory, 'dump.rdb'), { force: true });
  }

  async stop() {
    await this.#program?.stop();
  }
}

/** A backlog of so many events in the log of a store that no daemon has open: {from, to, bytes}. */
export async function fillLog(database, events) {
  const { status, stdout, stderr } = await run(...pinned(CLIENT_CORE, join(TOOLS, 'fill_log'), [database, String(events)]), { within: 120_000 });
  if (status !== 0) throw new Error(`fill_log failed: ${stderr}`);
  return JSON.parse(stdout);
}

/** Entries a second that redis-benchmark adds by one connection. @entry {type, subject, event} of each */
export async function redisBenchmark(redis, { entry, requests, pipeline }) {
  const { status, stdout, stderr } = await run(...pinned(CLIENT_CORE, 'redis-benchmark', ['-s', redis.socket, '-c', '1', '-P', String(pipeline),
    '-n', String(requests), '--csv', 'XADD', 'bench', 'MAXLEN', '~', '100000', '*', ...Object.entries(entry).flat()]), { within: 120_000 });
  const rate = Number(stdout.trim().split('\n').at(-1)?.match(/,"([0-9.]+)"/)?.[1]);
  if (status !== 0 || !(rate > 0)) throw new Error(`redis-benchmark failed: ${stdout}${stderr}`);
  return rate;
}

/** refreshd, all its threads on the client's core. */
export class BenchDaemon extends Daemon {
  launch(args = ['--config', this.configFile]) {
    const program = new Program(...pinned(CLIENT_CORE, REFRESHD, args), { env: cleanEnvironment() });
    this.runs.push(program);
    return program;
  }
}

/**
 * Copies the store and what Redis held. Both must be stopped. The store's log belongs to it: without
 * the one, or with another's, it would be another store.
 */
export async function copyState(from, to) {
  await mkdir(join(to, 'redis'), { recursive: true });
  const isState = (file) => /^refreshd\.db(-wal|\.marker)?$/.test(file);
  for (const file of (await readdir(to)).filter(isState)) await rm(join(to, file));
  for (const file of [...(await readdir(from)).filter(isState), 'redis/dump.rdb']) await copyFile(join(from, file), join(to, file));
}
