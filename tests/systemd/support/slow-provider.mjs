// A token endpoint that takes its time and rotates strictly: only the refresh token given last is good.

import { HostileServer } from '../../e2e/support/hostile.mjs';
import { sleep } from '../../e2e/support/wait.mjs';

export class SlowProvider {
  /** Every refresh token presented, every token ever given. */
  presented = [];
  given = [];
  latency = 0;
  #count = 0;
  #good;

  static async start() {
    const provider = new SlowProvider();
    provider.server = await HostileServer.start((request, response) => provider.#answer(response));
    return provider;
  }

  /** Tokens as of a grant that a person just gave. */
  grant() {
    this.#count += 1;
    const tokens = { access_token: `canary-access-${this.#count}`, refresh_token: `canary-refresh-${this.#count}`, expires_in: 3600 };
    this.#good = tokens.refresh_token;
    this.given.push(tokens.access_token, tokens.refresh_token);
    return tokens;
  }

  /** Rotates at once; only the answer is late, as it is on a slow line. */
  async #answer(response) {
    const token = new URLSearchParams(this.server.requests.at(-1).body).get('refresh_token');
    const isGood = token === this.#good;
    this.presented.push(token);
    const answer = isGood ? { token_type: 'Bearer', ...this.grant() } : { error: 'invalid_grant' };
    await sleep(this.latency);
    response.writeHead(isGood ? 200 : 400, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  }

  profile() {
    return this.server.profile('slow', { refresh_token: { rotation: 'always' } });
  }

  stop() {
    return this.server.stop();
  }
}
