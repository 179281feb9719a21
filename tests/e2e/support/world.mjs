// A whole small world for one test: provider, Redis, refreshd, and the shortest words to say
// "an account is connected". Everything in it ends with the test.

import { test } from 'node:test';

import { Cleanup } from './cleanup.mjs';
import { makeCertificates } from './certificates.mjs';
import { Daemon, tail } from './daemon.mjs';
import { DEFAULT_SCOPES, Provider } from './provider.mjs';
import { Redis } from './redis.mjs';

/**
 * A test with a world of its own: scenario('a sentence', {provider: {rotate: true}}, async (world) => …).
 * @provider  options of Provider.start, or false for none
 * @habits    of that provider's profile
 * @redis     options of Redis.start, or false for none
 * @settings  of refreshd's configuration
 * @profiles  more profiles
 * Subtests that are not awaited one by one run side by side.
 */
export function scenario(name, options, play) {
  test(name, { timeout: 120_000, concurrency: true }, async (t) => {
    const world = new World();
    try {
      await world.begin(options);
      await play(world, t);
    } catch (error) {
      if (world.daemon?.log) process.stderr.write(`--- refreshd's log, its end ---\n${tail(world.daemon.log)}\n`);
      throw error;
    } finally {
      await world.end();
    }
  });
}

export class World {
  #cleanup = new Cleanup();
  #owners = 0;

  async begin({ provider = {}, habits, redis = {}, settings, profiles = [], tls = false, start = true } = {}) {
    this.directory = await this.#cleanup.directory();
    const certificates = tls ? await makeCertificates(this.directory) : null;
    if (provider) this.provider = await this.addProvider({ ...provider, tls: certificates });
    if (redis) {
      this.redis = await Redis.start(this.directory, redis);
      this.#cleanup.add(this.redis, () => this.redis.stop());
    }
    this.daemon = new Daemon(this.directory);
    this.#cleanup.add(this.daemon, () => this.daemon.stop());
    await this.daemon.prepare({
      redisUrl: this.redis?.url,
      profiles: [...(this.provider ? [await this.provider.profile(habits)] : []), ...profiles],
      caFile: certificates?.caFile,
      settings,
    });
    if (start) await this.start();
  }

  end() {
    return this.#cleanup.run();
  }

  /** Has something stopped at the end: world.keep(server, () => server.stop()). */
  keep(thing, step) {
    return this.#cleanup.add(thing, step);
  }

  /** Another authorization server, stopped at the end. Its profile must be written before start(). */
  async addProvider(options) {
    const provider = await Provider.start(options);
    return this.#cleanup.add(provider, () => provider.stop());
  }

  /** Starts refreshd and opens the connection that `rpc` is. */
  async start() {
    await this.daemon.start();
    this.rpc = await this.daemon.connect();
  }

  async restart() {
    await this.daemon.stop();
    await this.start();
  }

  /** A client at the provider and the connector for it. */
  async addConnector({ id, type = 'superagent', provider = this.provider, scopes = DEFAULT_SCOPES, auth, secret, register = {}, ...client }) {
    const added = await provider.addClient({ id: `client-${id}`, auth, secret, ...client });
    const connector = await this.rpc.call('register', {
      connector: id,
      type,
      provider: provider.id,
      client_id: added.id,
      scopes,
      ...(added.secret && { client_secret: added.secret }),
      ...(auth && { auth_method: auth }),
      ...register,
    });
    return { id, type, provider, scopes, client: added.id, secret: added.secret, connector };
  }

  /** An owner that fits the type and that nobody else has. */
  newOwner(type) {
    this.#owners += 1;
    const n = this.#owners;
    if (type === 'shared') return { apps: [`some-app-${n}`] };
    if (type === 'superagent') return { superagent: `some-agent-${n}` };
    return { app: 'some-app', user: `somebody-${n}` };
  }

  /**
   * An account granted access and its tokens are imported.
   * @tokens    over what the provider gave: {refresh_token: undefined} and the like
   * Returns {id, grantId, owner, account, tokens, connection}.
   */
  async connect(connector, { owner = this.newOwner(connector.type), account = `acc-${this.#owners}`, scopes = connector.scopes, tokens, ...more } = {}) {
    const grant = await connector.provider.mintGrant({ client: connector.client, account, scopes });
    const connection = await this.rpc.call('import', this.importParams(connector, owner, grant, { tokens, ...more }));
    return { id: connection.connection, grantId: grant.grantId, owner, account: grant.account, tokens: grant.tokens, connection };
  }

  importParams(connector, owner, grant, { tokens, ...more } = {}) {
    return {
      connector: connector.id,
      owner,
      ...(connector.type === 'app_user' && { acting_user: owner.user }),
      account: grant.account,
      tokens: { ...grant.tokens, ...tokens },
      ...more,
    };
  }

  show(connection) {
    return this.rpc.call('show-connection', { connection });
  }

  token(connection, params) {
    return this.rpc.call('token', { connection, ...params });
  }
}
