// With --keep: the provider's levers over HTTP, so that a person can pull them with curl.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { newSecret } from '../support/provider.mjs';

/** POST /revoke/ACCOUNT and POST /secret/CONNECTOR. Returns {origin, stop()}. */
export async function offerLevers({ provider, cast }) {
  const revoke = async (account) => {
    await provider.revokeGrant(cast.get(account).grantId);
    return `the grant of ${account} is revoked; refreshd will notice within 10 s\n`;
  };
  const change = async (id) => {
    const { connector } = [...cast.values()].find((who) => who.connector.id === id);
    const secret = newSecret();
    await provider.setClientSecret(connector.client, secret);
    return `${secret}\n`;
  };
  const server = createServer(async (request, response) => {
    const [, lever, name] = decodeURI(request.url).split('/');
    try {
      const pull = { revoke, secret: change }[lever];
      response.end(await pull(name));
    } catch {
      response.writeHead(404).end('POST /revoke/ACCOUNT or POST /secret/CONNECTOR\n');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}
