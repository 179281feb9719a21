// A real redis-server of our own: temporary directory, Unix socket and free port, its own pid. It can
// be stopped, killed, frozen, emptied and started again with or without what it held.

import { cp, rm, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createClient } from 'redis';

import { makeAuthority, makeClientCertificate, makeServerCertificate } from './certificates.mjs';
import { freePort } from './ports.mjs';
import { Program } from './program.mjs';
import { eventually } from './wait.mjs';

/** A client of a Redis on a Unix socket that does not dial again. */
export function connectRedis(path) {
  return createClient({ socket: { path, reconnectStrategy: false } })
    .on('error', () => {}) // the pending command's promise tells
    .connect();
}

export class Redis {
  #program;
  #clients = new Set();

  /** {certFile, keyFile, caFile} of the TLS port, read at start(); null: there is none. */
  tls = null;

  constructor(directory, { persistent, settings = [], remembers = false }) {
    this.directory = directory;
    this.persistent = persistent;
    this.settings = settings;
    this.configFile = remembers ? join(directory, 'redis.conf') : undefined;
    this.socket = join(directory, 'redis.sock');
  }

  /**
   * @persistent true: an acknowledged write survives kill -9; false: nothing survives
   * @tls        true: a second port with TLS, its authority and a client's certificate in the same directory
   * @remembers  it has a file for CONFIG REWRITE, so that it starts again as what it was last
   */
  static async start(directory, { persistent = true, settings, tls, remembers } = {}) {
    const own = join(directory, 'redis');
    await mkdir(own, { recursive: true });
    const redis = new Redis(own, { persistent, settings, remembers });
    if (redis.configFile) await writeFile(redis.configFile, '');
    redis.port = await freePort();
    if (tls) await redis.#addTls();
    await redis.start();
    return redis;
  }

  /** For refreshd's configuration. */
  get url() {
    return `unix:${this.socket}?db=0`;
  }

  get tcpUrl() {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  get tlsUrl() {
    return `rediss://127.0.0.1:${this.tlsPort}/0`;
  }

  get running() {
    return this.#program.running;
  }

  get pid() {
    return this.#program.pid;
  }

  async start() {
    this.#program = new Program('redis-server', [
      ...(this.configFile ? [this.configFile] : []),
      '--bind', '127.0.0.1', '--port', String(this.port), '--unixsocket', this.socket, '--unixsocketperm', '700',
      '--dir', this.directory, '--save', '', '--daemonize', 'no', '--loglevel', 'warning',
      '--appendonly', this.persistent ? 'yes' : 'no', '--appendfsync', 'always', ...this.#tlsSettings(), ...this.settings,
    ]);
    await eventually('redis-server answers', async () => {
      if (!this.#program.running) throw new Error(`redis-server ended: ${this.#program.output}`);
      const client = await this.#connect();
      try {
        return (await client.ping()) === 'PONG';
      } finally {
        client.destroy();
      }
    });
  }

  async #addTls() {
    this.tlsPort = await freePort();
    const caFile = await makeAuthority(this.directory);
    this.tls = { ...await makeServerCertificate(this.directory, 'server'), caFile };
    const { certFile, keyFile } = await makeClientCertificate(this.directory, 'refreshd');
    /** What refreshd needs in `[redis]` to be let in. */
    this.clientSettings = { ca_file: caFile, client_certificate_file: certFile, client_key_file: keyFile };
  }

  #tlsSettings() {
    if (!this.tls) return [];
    const { certFile, keyFile, caFile } = this.tls;
    return ['--tls-port', String(this.tlsPort), '--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', caFile];
  }

  #connect() {
    return connectRedis(this.socket);
  }

  /** A client of its own for each caller; closed at stop(). */
  async client() {
    const client = await this.#connect();
    this.#clients.add(client);
    return client;
  }

  /** Runs commands on a client that lives for this call only: fn(client). */
  async with(use) {
    const client = await this.#connect();
    try {
      return await use(client);
    } finally {
      client.destroy();
    }
  }

  freeze() {
    this.#program.signal('SIGSTOP');
  }

  thaw() {
    this.#program.signal('SIGCONT');
  }

  /** kill -9. */
  async kill() {
    this.#closeClients();
    await this.#program.kill();
  }

  async forget() {
    await rm(this.#data, { recursive: true, force: true });
  }

  /** As a backup would: what it holds now, for takeCopiedData(). */
  async copyData() {
    await rm(this.#copy, { recursive: true, force: true });
    await cp(this.#data, this.#copy, { recursive: true });
  }

  /** Between kill() and start(): it will hold what it held at copyData(). */
  async takeCopiedData() {
    await this.forget();
    await cp(this.#copy, this.#data, { recursive: true });
  }

  get #data() {
    return join(this.directory, 'appendonlydir');
  }

  get #copy() {
    return join(this.directory, 'copied');
  }

  #closeClients() {
    for (const client of this.#clients) client.destroy();
    this.#clients.clear();
  }

  async stop() {
    this.#closeClients();
    await this.#program.stop();
  }
}
