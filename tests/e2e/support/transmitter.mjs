// A transmitter of security events (RFC 8936) on 127.0.0.1, its tokens signed by jose: delivers until
// it is told that they arrived.
//
//   const transmitter = await Transmitter.start({ audience: 'refreshd' });
//   await transmitter.deliver({ type: SESSION_REVOKED, subject: { format: 'iss_sub', iss, sub } });

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { SignJWT, exportJWK, generateKeyPair } from 'jose';

export const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

export class Transmitter {
  #server;
  #keys = [];
  token = randomUUID();
  /** id → JWT, not acknowledged. */
  held = new Map();
  acknowledged = [];
  /** id → {err, description} */
  refused = new Map();
  polls = 0;

  static async start({ audience }) {
    const transmitter = new Transmitter();
    transmitter.audience = audience;
    await transmitter.rotateKeys('first', 'ES256');
    transmitter.#server = createServer((request, response) => transmitter.#answer(request, response));
    transmitter.#server.listen(0, '127.0.0.1');
    await once(transmitter.#server, 'listening');
    transmitter.issuer = `http://127.0.0.1:${transmitter.#server.address().port}`;
    return transmitter;
  }

  async rotateKeys(kid, alg) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    this.#keys = [{ kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }];
  }

  async deliver({ type, subject, audience = this.audience }) {
    const { kid, alg, privateKey } = this.#keys[0];
    const id = randomUUID();
    const jwt = await new SignJWT({ events: { [type]: { subject } } })
      .setProtectedHeader({ alg, kid, typ: 'secevent+jwt' })
      .setIssuer(this.issuer).setAudience(audience).setIssuedAt().setJti(id)
      .sign(privateKey);
    this.held.set(id, jwt);
    return id;
  }

  habit(tokenFile) {
    return {
      issuer: this.issuer,
      poll_endpoint: `${this.issuer}/poll`,
      jwks_uri: `${this.issuer}/jwks`,
      audience: this.audience,
      token_file: tokenFile,
      poll_every_s: 1,
    };
  }

  async #answer(request, response) {
    if (request.url === '/jwks') return this.#send(response, 200, { keys: this.#keys.map(({ jwk }) => jwk) });
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.headers.authorization !== `Bearer ${this.token}`) return this.#send(response, 401, {});
    const { ack = [], setErrs = {} } = JSON.parse(Buffer.concat(chunks).toString());
    this.polls += 1;
    for (const id of ack) {
      this.held.delete(id);
      this.acknowledged.push(id);
    }
    for (const [id, error] of Object.entries(setErrs)) {
      this.held.delete(id);
      this.refused.set(id, error);
    }
    return this.#send(response, 200, { sets: Object.fromEntries(this.held), moreAvailable: false });
  }

  #send(response, status, body) {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close').catch(() => {});
  }
}
