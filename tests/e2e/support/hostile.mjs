// Answers that no real authorization server gives on demand. Each is a function (request, response):
// set as a provider's `fault` it stands in front of the real thing, or HostileServer serves it alone.
// The request's body has been read whole when an answer is asked for.

import { once } from 'node:events';
import { createServer } from 'node:http';

const send = (status, headers, body) => (_request, response) => {
  response.writeHead(status, headers);
  response.end(body);
};

const json = { 'content-type': 'application/json' };

export const answers = {
  /** 503 as a load balancer gives it. */
  unavailable: () => send(503, { 'content-type': 'text/html' }, '<html><h1>503 Service Unavailable</h1></html>'),
  /** 500 whose body claims that the grant is dead: a 5xx is transient whatever its body says. */
  errorWithDeadGrant: () => send(500, json, '{"error":"invalid_grant"}'),
  tooMany: (retryAfter) => send(429, { ...json, 'retry-after': String(retryAfter) }, '{"error":"slow_down"}'),
  /** 200 from a captive portal or a maintenance page. */
  html: () => send(200, { 'content-type': 'text/html' }, '<!doctype html><title>Sign in to the network</title>'),
  /** The header promises more than comes. */
  truncatedJson: () => (_request, response) => {
    response.writeHead(200, { ...json, 'content-length': '500' });
    response.write('{"access_token":"abcdef', () => response.destroy());
  },
  emptyBadRequest: () => send(400, {}, ''),
  redirect: (location) => send(307, { location }, ''),
  /** The request was read, then the line went dead: the client can't know what was done. */
  dropped: () => (_request, response) => {
    response.destroy();
  },
  /** Never answers; the client must give up by itself. */
  silent: () => () => {},
  /** Any answer, as given. */
  plain: send,
};

export class HostileServer {
  #server;
  /** What the next requests get. */
  answer;
  /** Every request: {at, method, url, headers, body}. */
  requests = [];

  static async start(answer = answers.unavailable()) {
    const hostile = new HostileServer();
    hostile.answer = answer;
    hostile.#server = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const { method, url, headers } = request;
      hostile.requests.push({ at: Date.now(), method, url, headers, body: Buffer.concat(chunks).toString() });
      hostile.answer(request, response);
    });
    hostile.#server.listen(0, '127.0.0.1');
    await once(hostile.#server, 'listening');
    hostile.origin = `http://127.0.0.1:${hostile.#server.address().port}`;
    return hostile;
  }

  /** A minimal profile that points here. */
  profile(id, habits) {
    return {
      id,
      name: `Hostile ${id}`,
      issuer: this.origin,
      authorization_endpoint: `${this.origin}/auth`,
      token_endpoint: `${this.origin}/token`,
      ...(habits && { habits }),
    };
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close').catch(() => {});
  }
}
