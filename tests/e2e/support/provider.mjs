// A real authorization server (oidc-provider) on 127.0.0.1, with the levers that a test needs:
// grants made without a browser, grants revoked, client secrets changed, answers delayed or lost,
// and a log of every refresh token ever presented.
//
//   const provider = await Provider.start({ accessTokenSeconds: 10, rotate: true });
//   provider.addClient({ id: 'crm', auth: 'client_secret_basic', secret: 's3cret…' });
//   const { tokens, account, grantId } = await provider.mintGrant({ client: 'crm', account: 'ana', scopes });
//   await provider.revokeGrant(grantId);

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';

import { ProviderStore } from './provider-store.mjs';
import { sleep } from './wait.mjs';

// It warns of each Node.js older than 22 when it is loaded; it runs well on 20, as harness.test.mjs shows.
const { warn } = console;
console.warn = (text, ...more) => (String(text).includes('Unsupported runtime') ? undefined : warn(text, ...more));
const { Provider: OidcProvider } = await import('oidc-provider');
console.warn = warn;

export const SCOPES = ['openid', 'offline_access', 'calendar.readonly', 'calendar.write', 'contacts', 'files'];
export const DEFAULT_SCOPES = ['openid', 'offline_access', 'calendar.readonly'];

/** Tokens are compared and shown by this, never by themselves. */
export const fingerprint = (token) => createHash('sha256').update(token).digest('hex').slice(0, 16);

export const newSecret = () => randomBytes(32).toString('base64url');

export class Provider {
  #server;
  #store = new ProviderStore();
  #clients = new Map(); // id → {secret, rotate, accessTokenSeconds, graceSeconds}
  #grants = new Map(); // grant id → {client, account}
  #grantOfToken = new Map(); // fingerprint of a refresh token → grant id
  #secrets = new Set();
  #doors = new Map(); // path → what refuse() returned

  /** Every refresh token presented: {client, grant, token, at, answeredAt, result, delivered}. */
  presentations = [];
  /** Token requests that have arrived and are not answered yet. */
  inFlight = 0;
  /** Milliseconds before the request is looked at, and between the deed and the answer. */
  latency = { before: 0, after: 0 };
  /** Set to an answer of hostile.mjs: it answers the token endpoint instead of the provider. */
  fault = null;
  /** So many of the next good answers are thrown away: the connection drops after the rotation. */
  dropAnswers = 0;

  /** Called with each presentation as soon as its outcome is known. */
  onPresentation = () => {};

  constructor({ id, accessTokenSeconds, rotate, graceSeconds, configuration, pages }) {
    this.id = id;
    this.configuration = configuration;
    this.pages = pages;
    this.defaults = { accessTokenSeconds, rotate, graceSeconds };
  }

  /** @pages  people can sign in and approve at pages of its own (any name and password will do) */
  static async start({
    id = 'oidc', accessTokenSeconds = 600, rotate = true, graceSeconds = 0, tls = null, port = 0, configuration = {}, pages = false,
  } = {}) {
    const provider = new Provider({ id, accessTokenSeconds, rotate, graceSeconds, configuration, pages });
    await provider.#listen(port, tls);
    return provider;
  }

  async #listen(port, tls) {
    const answer = (request, response) => this.#answer(request, response);
    // A client may show a certificate; whether it must is its registration's affair (RFC 8705).
    const https = tls && { ...tls, ca: tls.ca, requestCert: true, rejectUnauthorized: false };
    this.#server = tls ? createHttpsServer(https, answer) : createHttpServer(answer);
    // A client that keeps connections alive must be able to: the default of 5 s would close them
    // between two refreshes and hide what kept-alive connections do.
    this.#server.keepAliveTimeout = 60_000;
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.issuer = `${tls ? 'https' : 'http'}://127.0.0.1:${this.#server.address().port}`;
    try {
      this.oidc = this.#makeOidcProvider();
    } catch (error) {
      this.#server.close(); // or the test would hang instead of failing
      throw error;
    }
    this.#handle = this.oidc.callback();
  }

  #handle = null;

  #makeOidcProvider() {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#store.graceOf = (client) => this.#clients.get(client)?.graceSeconds ?? 0;
    const { warn, info } = console;
    console.warn = console.info = () => {}; // its pages are meant for tests: this is one
    const oidc = new OidcProvider(this.issuer, {
      adapter: this.#store.adapter,
      scopes: SCOPES,
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'test' }] },
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      cookies: { keys: [randomBytes(16).toString('hex')] },
      findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.com` }) }),
      ...this.configuration,
      features: {
        devInteractions: { enabled: this.pages },
        introspection: { enabled: true },
        revocation: { enabled: true },
        ...this.configuration.features,
      },
      rotateRefreshToken: (ctx) => this.#clients.get(ctx.oidc.client.clientId).rotate,
      ttl: {
        AccessToken: (_ctx, token) => this.#clients.get(token.clientId).accessTokenSeconds,
        RefreshToken: 86_400,
        Grant: 86_400,
        IdToken: 3_600,
      },
    });
    Object.assign(console, { warn, info });
    oidc.use((ctx, next) => this.#observe(ctx, next));
    oidc.on('refresh_token.saved', (token) => {
      this.#grantOfToken.set(fingerprint(token.jti), token.grantId);
      this.#secrets.add(token.jti);
    });
    oidc.on('access_token.saved', (token) => this.#secrets.add(token.jti));
    return oidc;
  }

  async #answer(request, response) {
    const door = this.#doors.get(request.url);
    if (door?.status) {
      door.refused += 1;
      request.resume();
      response.writeHead(door.status).end();
      return undefined;
    }
    if (door) door.granted += 1;
    const fault = this.fault;
    if (!fault || request.method !== 'POST' || request.url !== '/token') return this.#handle(request, response);
    const at = Date.now();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const params = new URLSearchParams(body);
    this.#record({ at, client: params.get('client_id'), token: params.get('refresh_token'), result: 'fault', delivered: false });
    return fault(request, response, body);
  }

  /** The provider's own middleware: it sees the parsed request and the outcome. */
  async #observe(ctx, next) {
    if (ctx.path !== '/token') return next();
    this.inFlight += 1;
    ctx.res.once('close', () => { this.inFlight -= 1; });
    const at = Date.now();
    if (this.latency.before > 0) await sleep(this.latency.before);
    await next();
    const { client, params } = ctx.oidc ?? {};
    const record = this.#record({
      at,
      client: client?.clientId ?? params?.client_id,
      token: params?.refresh_token,
      result: ctx.status === 200 ? 'refreshed' : ctx.body?.error ?? `status ${ctx.status}`,
      delivered: null,
    });
    if (this.latency.after > 0) await sleep(this.latency.after);
    if (this.dropAnswers > 0 && ctx.status === 200) {
      this.dropAnswers -= 1;
      record.delivered = false;
      ctx.respond = false;
      ctx.res.destroy();
      return undefined;
    }
    record.answeredAt = Date.now();
    ctx.res.once('close', () => {
      record.delivered = ctx.res.writableFinished;
    });
    return undefined;
  }

  #record({ token, ...rest }) {
    const print = token ? fingerprint(token) : null;
    const record = { ...rest, token: print, grant: this.#grantOfToken.get(print) ?? null };
    this.presentations.push(record);
    this.onPresentation(record);
    return record;
  }

  /**
   * @auth  how the client authenticates at the token endpoint
   * @jwk   the public key, for private_key_jwt
   * @metadata  more of RFC 7591's, for the client
   */
  async addClient({ id, auth = 'client_secret_basic', secret = newSecret(), jwk, metadata, rotate, accessTokenSeconds, graceSeconds }) {
    const hasSecret = auth.startsWith('client_secret');
    const settings = {
      secret: hasSecret ? secret : null,
      auth,
      jwk,
      metadata,
      rotate: rotate ?? this.defaults.rotate,
      accessTokenSeconds: accessTokenSeconds ?? this.defaults.accessTokenSeconds,
      graceSeconds: graceSeconds ?? this.defaults.graceSeconds,
    };
    this.#clients.set(id, settings);
    await this.#saveClient(id);
    return { id, auth, secret: settings.secret };
  }

  async #saveClient(id) {
    const { auth, secret, jwk, metadata } = this.#clients.get(id);
    if (secret) this.#secrets.add(secret);
    await this.oidc.Client.adapter.upsert(id, {
      client_id: id,
      token_endpoint_auth_method: auth,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
      application_type: 'native',
      scope: SCOPES.join(' '),
      ...(secret && { client_secret: secret }),
      ...(jwk && { jwks: { keys: [jwk].flat() } }),
      ...metadata,
    });
  }

  async setClientSecret(id, secret) {
    this.#clients.get(id).secret = secret;
    await this.#saveClient(id);
  }

  /** The keys that a client is registered with, from now on. */
  async setClientKeys(id, jwk) {
    this.#clients.get(id).jwk = jwk;
    await this.#saveClient(id);
  }

  /** Changes rotation, grace or lifetime of a client from now on. */
  configureClient(id, changes) {
    Object.assign(this.#clients.get(id), changes);
  }

  /** What an account's approval in a browser would have left: a grant, a refresh and an access token. */
  async mintGrant({ client, account, scopes = DEFAULT_SCOPES }) {
    const scope = scopes.join(' ');
    const found = await this.oidc.Client.find(client);
    const common = { accountId: account, client: found, scope, gty: 'authorization_code' };

    const grant = new this.oidc.Grant({ accountId: account, clientId: client });
    grant.addOIDCScope(scope);
    const grantId = await grant.save();
    this.#grants.set(grantId, { client, account });

    const refreshToken = new this.oidc.RefreshToken({ ...common, grantId, authTime: Math.floor(Date.now() / 1000) });
    const accessToken = new this.oidc.AccessToken({ ...common, grantId });
    return {
      grantId,
      account: { id: account, label: `${account}@example.com` },
      tokens: {
        access_token: await accessToken.save(),
        refresh_token: await refreshToken.save(),
        expires_in: accessToken.expiration,
        scope,
        token_type: 'Bearer',
      },
    };
  }

  /** What happens when a person removes the app in the provider's settings. */
  async revokeGrant(grantId) {
    await this.oidc.RefreshToken.revokeByGrantId(grantId);
    await this.oidc.AccessToken.revokeByGrantId(grantId);
    await this.oidc.Grant.adapter.destroy(grantId);
  }

  /** The account takes back some of what it allowed: the next answer has fewer scopes. */
  async reduceGrant(grantId, scopes) {
    const stored = await this.oidc.Grant.adapter.find(grantId);
    stored.openid.scope = scopes.join(' ');
    await this.oidc.Grant.adapter.upsert(grantId, stored);
  }

  /** Would an API accept this access token now? */
  async accepts(accessToken) {
    return (await this.oidc.AccessToken.find(accessToken)) !== undefined;
  }

  presentationsOf(grantId) {
    return this.presentations.filter((p) => p.grant === grantId);
  }

  refreshesOf(grantId) {
    return this.presentationsOf(grantId).filter((p) => p.result === 'refreshed');
  }

  /**
   * From now on an endpoint answers with this status alone, until stop().
   * Returns {refused, granted, stop()}: how many it turned away, and how many it let in afterwards.
   */
  refuse(path, status) {
    const door = { status, refused: 0, granted: 0, stop: () => { door.status = null; } };
    this.#doors.set(path, door);
    return door;
  }

  requestsOf(client) {
    return this.presentations.filter((p) => p.client === client).length;
  }

  /** Every token and secret that this provider has known: none may be seen where it doesn't belong. */
  get secrets() {
    return [...this.#secrets];
  }

  grant(grantId) {
    return this.#grants.get(grantId);
  }

  /** The metadata document with an id: a working profile (docs/providers.md). */
  async profile(habits) {
    const metadata = await this.#metadata();
    return { ...metadata, id: this.id, name: `Test provider ${this.id}`, ...(habits && { habits }) };
  }

  async #metadata() {
    const url = (path) => `${this.issuer}${path}`;
    return {
      issuer: this.issuer,
      authorization_endpoint: url('/auth'),
      token_endpoint: url('/token'),
      revocation_endpoint: url('/token/revocation'),
      introspection_endpoint: url('/token/introspection'),
      authorization_response_iss_parameter_supported: true,
      userinfo_endpoint: url('/me'),
      jwks_uri: url('/jwks'),
      scopes_supported: SCOPES,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: [
        'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none',
      ],
    };
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close').catch(() => {});
  }
}
