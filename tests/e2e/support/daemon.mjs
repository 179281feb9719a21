// One refreshd in a directory of its own: configured, started, killed, started again.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { REFRESHD, cleanEnvironment } from './binaries.mjs';
import { Ctl, keygen } from './ctl.mjs';
import { Program } from './program.mjs';
import { RpcClient } from './rpc.mjs';
import { eventually } from './wait.mjs';

/** {section: {key: value}} as an INI file. */
export function ini(sections) {
  return Object.entries(sections)
    .filter(([, keys]) => keys)
    .map(([section, keys]) => `[${section}]\n${Object.entries(keys).filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key} = ${value}\n`).join('')}`)
    .join('');
}

export class Daemon {
  #clients = new Set();
  /** All runs, the present one last. */
  runs = [];

  constructor(directory) {
    this.directory = directory;
    this.socket = join(directory, 'control.sock');
    this.database = join(directory, 'refreshd.db');
    this.keyFile = join(directory, 'master.key');
    this.providers = join(directory, 'providers');
    this.configFile = join(directory, 'refreshd.conf');
    this.ctl = new Ctl(this.socket);
  }

  /** Writes configuration, profiles and key; starts nothing. */
  async prepare(options) {
    await keygen(this.keyFile);
    await this.configure(options);
  }

  /**
   * Writes configuration and profiles, also over earlier ones.
   * @settings {section: {key: value}} over the example's
   */
  async configure({ redisUrl, profiles = [], caFile, settings = {} }) {
    await mkdir(this.providers, { recursive: true });
    for (const profile of profiles) await this.writeProfile(profile);
    const base = {
      daemon: { socket: this.socket, state_dir: this.directory, name: 'e2e' },
      store: { url: `sqlite:${this.database}`, key_file: this.keyFile },
      redis: redisUrl && { url: redisUrl, prefix: 'refreshd:' },
      providers: { path: this.providers },
      http: { ca_file: caFile, allow_plain_loopback: 'yes' },
    };
    const sections = { ...base };
    for (const [section, keys] of Object.entries(settings)) sections[section] = { ...base[section], ...keys };
    await writeFile(this.configFile, ini(sections));
  }

  writeProfile(profile) {
    return writeFile(join(this.providers, `${profile.id}.json`), JSON.stringify(profile, null, 2));
  }

  get program() {
    return this.runs.at(-1);
  }

  get pid() {
    return this.program.pid;
  }

  /** What all runs wrote to stdout and stderr. */
  get log() {
    return this.runs.map((program) => program.output).join('');
  }

  /** Starts it and waits until `status` is answered. */
  async start() {
    const program = this.launch();
    await eventually('refreshd answers `status`', async () => {
      if (!program.running) return true; // no use in waiting longer
      const rpc = await RpcClient.connect(this.socket);
      try {
        return await rpc.call('status');
      } finally {
        rpc.close();
      }
    }, { within: 20_000, every: 20 });
    if (!program.running) {
      const { status, signal } = await program.exited();
      throw new Error(`refreshd ended at start (${signal ?? `status ${status}`}):\n${program.output}`);
    }
  }

  /** Starts it without waiting for anything. */
  launch(args = ['--config', this.configFile]) {
    const program = new Program(REFRESHD, args, { env: cleanEnvironment() });
    this.runs.push(program);
    return program;
  }

  /** A new JSON-RPC connection, closed with the daemon. */
  async connect() {
    const client = await RpcClient.connect(this.socket);
    this.#clients.add(client);
    return client;
  }

  #closeClients() {
    for (const client of this.#clients) client.close();
    this.#clients.clear();
  }

  /** SIGTERM; by then it must end by itself, with status 0. A sanitizer's complaint shows here too. */
  async stop(within = 60_000) {
    if (!this.program?.running) return;
    const program = this.program;
    const { status, signal } = await program.stop(within);
    this.#closeClients();
    if (status !== 0) {
      throw new Error(`refreshd ended with ${signal ?? `status ${status}`} after SIGTERM:\n${tail(program.output)}`);
    }
  }

  /** kill -9. */
  async kill() {
    await this.program?.kill();
    this.#closeClients();
  }

  async restart() {
    await this.stop();
    await this.start();
  }
}

export const tail = (text, lines = 40) => text.split('\n').slice(-lines).join('\n');
