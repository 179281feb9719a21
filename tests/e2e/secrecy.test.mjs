// No token, secret, code or key in any log, event, error, metric, process list, or readable in
// the database files (docs/behaviour.md "Events and Redis", "Store").

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { readLog, readNeedsReconnect, readStream, streamEvent } from './support/events.mjs';
import { newSecret } from './support/provider.mjs';
import { run } from './support/program.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

/** A secret in every dress in which it might slip out. */
function disguises(secret, clients) {
  const encoded = [secret, Buffer.from(secret).toString('base64').replace(/=+$/, ''), Buffer.from(secret).toString('hex'), encodeURIComponent(secret)];
  const basic = clients.map((client) => Buffer.from(`${encodeURIComponent(client)}:${encodeURIComponent(secret)}`).toString('base64').replace(/=+$/, ''));
  return [...encoded, ...basic];
}

/** The master key as it stands in its file (raw, hexadecimal or base64) and as it is in memory. */
function keyForms(file) {
  if (file.length === 32) return [file.toString('latin1'), file.toString('hex')];
  const text = file.toString().trim();
  const bytes = Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64');
  assert.equal(bytes.length, 32);
  return [text, bytes.toString('hex'), bytes.toString('latin1')];
}

/** Answers with the request's own secrets in the error text, as careless servers do. */
function echoing(error, status, tell = (body, credentials) => `${body} ${credentials}`) {
  return (request, response, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    const told = tell(body, request.headers.authorization ?? '');
    response.end(JSON.stringify({ error, error_description: `refused: ${told}` }));
  };
}

/** The refresh token as a log line of theirs may have it. */
function encodedToken(body) {
  const token = Buffer.from(new URLSearchParams(body).get('refresh_token'));
  return `${token.toString('base64')} ${token.toString('hex')}`;
}

scenario('no secret is seen anywhere but where it belongs', {
  provider: { accessTokenSeconds: 600 },
  settings: { daemon: { log_level: 'debug' } },
}, async (world) => {
  const clients = [];
  const add = async (options) => {
    const connector = await world.addConnector(options);
    clients.push(connector.client);
    return connector;
  };
  const basic = await add({ id: 'basic', auth: 'client_secret_basic' });
  const post = await add({ id: 'post', auth: 'client_secret_post', type: 'app_user' });
  const people = [];
  for (const connector of [basic, basic, post, post]) people.push(await world.connect(connector));
  const [healthy, revoked, posted, echoed] = people;

  // A life with everything in it: refreshes, a dead grant, a wrong secret, a rotation, careless answers.
  await world.rpc.call('refresh', { connection: healthy.id });
  await world.provider.revokeGrant(revoked.grantId);
  await world.rpc.call('refresh', { connection: revoked.id }).catch(() => {});
  await streamEvent(world.redis, 'needs_reconnect', (e) => e.type === 'connection.needs_reconnect');
  world.provider.fault = echoing('invalid_grant', 400);
  await world.rpc.call('refresh', { connection: echoed.id }).catch(() => {});
  world.provider.fault = echoing('invalid_request', 400, encodedToken);
  world.rpc.call('refresh', { connection: posted.id }).catch(() => {});
  await eventually('tried', () => world.provider.presentationsOf(posted.grantId).length > 0);
  world.provider.fault = null;
  const unused = newSecret();
  await world.rpc.call('rotate', { connector: 'basic', client_secret: unused, check: true }).catch(() => {});
  await world.provider.setClientSecret(basic.client, newSecret());
  await world.rpc.call('rotate', { connector: 'basic', client_secret: newSecret() });
  await world.rpc.call('refresh', { connection: healthy.id }).catch(() => {});
  await eventually('both dead grants are told', async () => Object.keys(await readNeedsReconnect(world.redis)).length === 2, { within: 20_000 });

  // Everything that anybody could look at.
  const seen = {};
  for (const method of ['status', 'metrics', 'list-connectors', 'list-connections', 'list-audit', 'rpc.discover']) {
    seen[method] = JSON.stringify(await world.rpc.call(method));
  }
  for (const connector of ['basic', 'post']) seen[`show-connector ${connector}`] = JSON.stringify(await world.rpc.call('show-connector', { connector }));
  for (const { id } of people) seen[`show-connection ${id}`] = JSON.stringify(await world.show(id));
  seen['list-events'] = JSON.stringify(await readLog(world.rpc));
  seen.stream = JSON.stringify(await readStream(world.redis));
  seen.hash = JSON.stringify(await readNeedsReconnect(world.redis));
  seen.ps = (await run('ps', ['-eo', 'args', '-ww'])).stdout;
  seen.environment = await readFile(`/proc/${world.daemon.pid}/environ`, 'latin1');
  const dead = await world.token(revoked.id, { min_valid_s: 1_000 }).then(() => assert.fail('a dead grant gave a fresh token'), (e) => e);
  seen['an error'] = JSON.stringify([dead.message, dead.data]);
  const files = async (when) => {
    for (const name of await readdir(world.directory)) {
      if (name.startsWith('refreshd.db')) seen[`${name}, ${when}`] = await readFile(join(world.directory, name), 'latin1');
    }
  };
  await files('running');
  await world.daemon.stop();
  await files('stopped');
  seen.log = world.daemon.log;

  const canaries = [...world.provider.secrets, unused, ...keyForms(await readFile(world.daemon.keyFile))];
  assert.ok(canaries.length >= 12 && canaries.every((canary) => canary.length >= 16), 'there is something to look for');
  assert.ok(seen.log.length > 0 && seen['refreshd.db, stopped'].length > 4096, 'and somewhere to look');
  for (const [place, text] of Object.entries(seen)) {
    for (const canary of canaries) {
      for (const form of disguises(canary, clients)) {
        // The message names the place only: a test's own log is a log too.
        assert.equal(text.includes(form), false, `a secret is readable in: ${place}`);
      }
    }
  }
});
