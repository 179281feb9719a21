// A Redis that is several: a master, its replicas, and real sentinels that make one of them the master
// when it has gone. Sentinel is redis-server's own other half (--sentinel).

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createClient } from 'redis';

import { freePort } from './ports.mjs';
import { Program } from './program.mjs';
import { Redis } from './redis.mjs';
import { eventually } from './wait.mjs';

export const MASTER_NAME = 'events';
const QUORUM = 2;
const DOWN_AFTER_MS = 1_000;
/** What sentinels do every second or ten, they do five times as often here (Redis 7). */
const HASTE = Object.entries({
  'info-period': 500, 'ping-period': 200, 'ask-period': 200, 'publish-period': 400, 'election-timeout': 2_000,
}).flat().map(String);

/** One sentinel, its own process with a configuration that it rewrites. */
class Sentinel {
  #program;

  static async start(directory, masterPort) {
    await mkdir(directory, { recursive: true });
    const sentinel = new Sentinel();
    sentinel.port = await freePort();
    sentinel.configFile = join(directory, 'sentinel.conf');
    await writeFile(sentinel.configFile, [
      'bind 127.0.0.1', `port ${sentinel.port}`, `dir ${directory}`, 'protected-mode no',
      `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} ${QUORUM}`,
      `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${MASTER_NAME} 3000`, '',
    ].join('\n'));
    await sentinel.start();
    return sentinel;
  }

  async start() {
    this.#program = new Program('redis-server', [this.configFile, '--sentinel']);
    await eventually('the sentinel answers', () => {
      if (!this.#program.running) throw new Error(`it ended: ${this.#program.output}`);
      return this.command('PING');
    });
    await this.command('SENTINEL', 'DEBUG', ...HASTE);
  }

  get running() {
    return this.#program.running;
  }

  async command(...words) {
    const client = await createClient({ socket: { host: '127.0.0.1', port: this.port, reconnectStrategy: false } })
      .on('error', () => {})
      .connect();
    try {
      return await client.sendCommand(words);
    } finally {
      client.destroy();
    }
  }

  kill() {
    return this.#program.kill();
  }

  stop() {
    return this.#program.stop();
  }
}

export class SentinelSet {
  nodes = [];
  sentinels = [];

  /** Returns what World.keep() takes: the set, and how it ends. */
  static async start(directory, { replicas = 2, sentinels = 3, settings = [] } = {}) {
    const set = new SentinelSet();
    try {
      for (let i = 0; i <= replicas; i += 1) {
        const own = join(directory, `node-${i}`);
        set.nodes.push(await Redis.start(own, { remembers: true, settings: ['--repl-diskless-sync-delay', '0', ...settings] }));
      }
      const [master, ...others] = set.nodes;
      for (const node of others) {
        await node.with(async (client) => {
          await client.sendCommand(['REPLICAOF', '127.0.0.1', String(master.port)]);
          await client.sendCommand(['CONFIG', 'REWRITE']);
        });
      }
      await eventually('the replicas follow', () => master.with(async (client) => (await client.sendCommand(['ROLE']))[2].length === replicas));
      for (let i = 0; i < sentinels; i += 1) {
        set.sentinels.push(await Sentinel.start(join(directory, `sentinel-${i}`), master.port));
      }
      await set.settled();
    } catch (error) {
      await set.stop();
      throw error;
    }
    return [set, () => set.stop()];
  }

  /** For refreshd's configuration. */
  url({ before = [], name = MASTER_NAME, database = '', user = '' } = {}) {
    const addresses = [...before, ...this.sentinels.map(({ port }) => `127.0.0.1:${port}`)];
    return `redis+sentinel://${user}${addresses.join(',')}/${name}${database}`;
  }

  get #anySentinel() {
    return this.sentinels.find(({ running }) => running);
  }

  /** The master as its sentinels have it. */
  async master() {
    const [, port] = await this.#anySentinel.command('SENTINEL', 'get-master-addr-by-name', MASTER_NAME);
    return this.nodes.find((node) => node.port === Number(port));
  }

  async replicas() {
    const master = await this.master();
    return this.nodes.filter((node) => node !== master);
  }

  /** As a Redis of one: on the master, by a client that lives for this call only. */
  async with(use) {
    return (await this.master()).with(use);
  }

  command(...words) {
    return this.with((client) => client.sendCommand(words));
  }

  /** One is the master and knows it, the others follow it, and each sentinel has seen all that. */
  settled() {
    return eventually('master, replicas and sentinels know each other', async () => {
      const master = await this.master();
      for (const node of this.nodes) {
        const role = await node.with((client) => client.sendCommand(['ROLE']));
        const fits = node === master ? role[0] === 'master' : role[0] === 'slave' && Number(role[2]) === master.port && role[3] === 'connected';
        if (!fits) return false;
      }
      for (const sentinel of this.sentinels.filter(({ running }) => running)) {
        const about = await sentinel.command('SENTINEL', 'MASTER', MASTER_NAME);
        if (Number(about.port) !== master.port || about.flags !== 'master'
          || Number(about['num-slaves']) !== this.nodes.length - 1
          || Number(about['num-other-sentinels']) !== this.sentinels.length - 1) return false;
      }
      return true;
    }, { within: 40_000, every: 100 });
  }

  /** Until the sentinels name another master than that one. */
  failedOver(from) {
    return eventually('the sentinels name another master', async () => {
      const master = await this.master();
      return master !== from && master;
    }, { within: 30_000 });
  }

  /** Asked for, with everybody alive; a sentinel that can't yet is asked again. */
  async failOver() {
    const from = await this.master();
    await eventually('the sentinels take the order', () => this.#anySentinel.command('SENTINEL', 'failover', MASTER_NAME), { within: 30_000, every: 200 });
    return this.failedOver(from);
  }

  async stop() {
    for (const program of [...this.sentinels, ...this.nodes]) await program.stop();
  }
}
