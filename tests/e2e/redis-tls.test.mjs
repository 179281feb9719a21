// Redis over TLS (docs/redis.md, "TLS"): who may be trusted, what is shown, what is told where it does
// not work, and that refreshing does not care. What a peer may do to a connection itself is in
// tests/unit/io/test_publish_redis_tls.c and test_publish_redis_over_tls.c.

import assert from 'node:assert/strict';
import { copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';

import { makeAuthority, makeClientCertificate, makeServerCertificate } from './support/certificates.mjs';
import { CuttingProxy } from './support/cutting-proxy.mjs';
import { assertHashIsState, assertStreamIsLog, streamEvent } from './support/events.mjs';
import { freePort } from './support/ports.mjs';
import { Program, run } from './support/program.mjs';
import { Redis } from './support/redis.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const PASSWORD = 'a-password-of-redis';
const options = { redis: { tls: true }, start: false, provider: { accessTokenSeconds: 4, rotate: false } };

const redisStatus = async (world) => (await world.rpc.call('status')).redis;
const isConnected = (world) => eventually('connected', async () => (await redisStatus(world)).connected, { within: 20_000 });

/** refreshd with that `[redis]`, and a connection whose token is refreshed every few seconds. */
async function live(world, settings) {
  await world.daemon.configure({
    profiles: [await world.provider.profile()],
    settings: { redis: { url: world.redis.tlsUrl, prefix: 'refreshd:', ...settings } },
  });
  await world.start();
  world.connector = await world.addConnector({ id: 'calendar' });
  world.connection = await world.connect(world.connector);
}

async function assertTold(world, pattern) {
  await eventually(`status says ${pattern}`, async () => {
    const { connected, last_error: text } = await redisStatus(world);
    return !connected && pattern.test(text ?? '');
  });
  await eventually(`the log says ${pattern}`, () => pattern.test(world.daemon.log));
}

async function assertRefreshingGoesOn(world) {
  const before = world.provider.presentations.length;
  await eventually('refreshes without Redis', () => world.provider.presentations.length > before);
}

async function assertAllIsThere(world) {
  await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
}

/** As a renewal does: the new file stands beside the old one and takes its place. */
async function replace(file, by) {
  await copyFile(by, `${file}.next`);
  await rename(`${file}.next`, file);
}

/** A sentinel that speaks TLS alone, also with the Redis that it watches. Returns its port. */
async function startSentinel(world) {
  const { directory, tls, tlsPort } = world.redis;
  const port = await freePort();
  const config = join(directory, 'sentinel.conf');
  await writeFile(config, [
    'bind 127.0.0.1', 'port 0', `tls-port ${port}`, `tls-cert-file ${tls.certFile}`, `tls-key-file ${tls.keyFile}`,
    `tls-ca-cert-file ${tls.caFile}`, 'tls-replication yes', `dir ${directory}`, `sentinel monitor events 127.0.0.1 ${tlsPort} 1`, '',
  ].join('\n'));
  const sentinel = new Program('redis-server', [config, '--sentinel']);
  world.keep(sentinel, () => sentinel.stop());
  return port;
}

/** The blocks of docs/redis.md's section on TLS, with this directory and the loopback for what stands there. */
async function documented(directory) {
  const page = await readFile(new URL('../../docs/redis.md', import.meta.url), 'utf8');
  const section = page.split(/^## /m).find((text) => text.startsWith('TLS\n'));
  const blocks = (language) => [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text
    .replaceAll('redis.internal', 'localhost').replaceAll('10.0.0.5', '127.0.0.1').replaceAll(/\/etc\/(redis\/tls|refreshd\/redis)/g, directory));
  const pairs = (text, separator) => text.trim().split('\n').map((line) => line.split(separator));
  return {
    commands: blocks('sh').join('\n'),
    redis: pairs(blocks('text')[0], ' ').filter(([key]) => key.startsWith('tls-') && key !== 'tls-port'),
    refreshd: Object.fromEntries(pairs(blocks('ini')[0], ' = ').filter(([key]) => key.endsWith('_file') && key !== 'password_file')),
  };
}

// Most of the time is spent waiting for tries and refreshes.
describe('Redis over TLS', { concurrency: 3 }, () => {
  scenario('events arrive by mutual TLS, with a user and a password, and nobody on the way reads any of it', options, async (world) => {
    await world.redis.with((client) => client.sendCommand(['ACL', 'SETUSER', 'rd', 'on', `>${PASSWORD}`, '~*', '&*', '+@all']));
    const passwordFile = join(world.directory, 'redis.password');
    await writeFile(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    const proxy = world.keep(...await CuttingProxy.start(world.redis.tlsPort, { tls: true }));
    await live(world, { url: proxy.url, username: 'rd', password_file: passwordFile, ...world.redis.clientSettings });
    await world.provider.revokeGrant(world.connection.grantId);
    await world.rpc.call('refresh', { connection: world.connection.id }).catch(() => {});
    await streamEvent(world.redis, 'needs_reconnect', (event) => event.type === 'connection.needs_reconnect');
    await assertAllIsThere(world);
    await isConnected(world);
    const clients = await world.redis.with((client) => client.sendCommand(['CLIENT', 'LIST']));
    assert.match(clients, /name=refreshd .*user=rd/);
    assert.ok(proxy.tape.length > 1000, `${proxy.tape.length} bytes`);
    for (const word of [PASSWORD, 'AUTH', 'EVALSHA', 'refreshd:', 'needs_reconnect', world.connection.id]) {
      assert.ok(!proxy.tape.includes(word), `"${word}" went in the clear`);
    }
    assert.ok(!world.daemon.log.includes(PASSWORD));
  });

  scenario("what can be wrong with Redis' certificate is told, refreshing goes on, and mending it takes no restart", options, async (world) => {
    const { directory, clientSettings, tls: good } = world.redis;
    const stranger = await makeAuthority(directory, 'stranger');
    const other = await makeServerCertificate(directory, 'other', { names: 'DNS:redis.elsewhere' });
    const old = await makeServerCertificate(directory, 'old', { days: -1 });
    const trusted = join(directory, 'trusted.pem');
    const serve = async (certificate) => {
      await world.redis.kill();
      world.redis.tls = { ...good, ...certificate };
      await world.redis.start();
      await world.connect(world.connector);
    };

    await copyFile(stranger, trusted);
    await live(world, { ...clientSettings, ca_file: trusted });
    await assertTold(world, /nobody in \[redis\] ca_file .*trusted\.pem vouches for its certificate/);
    const { stdout } = await world.daemon.ctl.run(['status']);
    assert.match(stdout, /vouches for its certificate/);
    await replace(trusted, clientSettings.ca_file);
    await isConnected(world);

    await serve(other);
    await assertTold(world, /its certificate is for another name: no subjectAltName in it is "127\.0\.0\.1"/);
    await assertRefreshingGoesOn(world);
    await serve(old);
    await assertTold(world, /its certificate is refused: certificate has expired/);
    await serve(good);
    await isConnected(world);
    await assertAllIsThere(world);
  });

  scenario('what can be wrong with our certificate is told, and mending it takes no restart', options, async (world) => {
    const { directory, clientSettings } = world.redis;
    const { client_certificate_file: certFile, client_key_file: keyFile } = clientSettings;
    await makeAuthority(directory, 'stranger');
    const unknown = await makeClientCertificate(directory, 'unknown', { authority: 'stranger' });
    const good = await makeClientCertificate(directory, 'good');
    await live(world, clientSettings);
    await isConnected(world);

    await replace(certFile, unknown.certFile);
    await world.redis.with((client) => client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']));
    await assertTold(world, /client_key_file .*: not the key of client_certificate_file/);
    await replace(keyFile, unknown.keyFile);
    await assertTold(world, /it refuses the certificate of \[redis\] client_certificate_file \(unknown CA\)/);
    await rm(keyFile);
    await assertTold(world, /client_key_file .*No such file/);
    await assertRefreshingGoesOn(world);
    await replace(certFile, good.certFile);
    await replace(keyFile, good.keyFile);
    await isConnected(world);
    await assertAllIsThere(world);
  });

  scenario('no certificate of ours, where Redis wants one', options, async (world) => {
    await live(world, { ca_file: world.redis.clientSettings.ca_file });
    await assertTold(world, /it wants a client certificate: set \[redis\] client_certificate_file and client_key_file/);
    await assertRefreshingGoesOn(world);
  });

  scenario('no certificate of ours, where Redis wants none', {
    ...options, redis: { tls: true, settings: ['--tls-auth-clients', 'no'] },
  }, async (world) => {
    await live(world, { ca_file: world.redis.clientSettings.ca_file });
    await assertAllIsThere(world);
  });

  scenario('TLS on one end only', options, async (world) => {
    await live(world, { url: `rediss://127.0.0.1:${world.redis.port}`, ...world.redis.clientSettings });
    await assertTold(world, /no TLS \(if it has none: url = redis:\/\/…\) within 3000 ms/);
    await assertRefreshingGoesOn(world);
    await world.daemon.configure({
      profiles: [await world.provider.profile()],
      settings: { redis: { url: `redis://127.0.0.1:${world.redis.tlsPort}`, prefix: 'refreshd:' } },
    });
    await world.restart();
    await assertTold(world, /before it said anything \(if it expects TLS: url = rediss:\/\/…\)/);
    await assertRefreshingGoesOn(world);
  });

  scenario('Redis over TLS, frozen, killed and started again', options, async (world) => {
    await live(world, world.redis.clientSettings);
    await assertAllIsThere(world);
    world.redis.freeze();
    await world.connect(world.connector);
    await assertTold(world, /no answer within 3000 ms/);
    world.redis.thaw();
    await assertAllIsThere(world);
    await world.redis.kill();
    await world.connect(world.connector);
    await assertRefreshingGoesOn(world);
    await world.redis.start();
    await assertAllIsThere(world);
  });

  scenario('certificates are renewed, authority and all, while refreshd runs', options, async (world) => {
    await live(world, world.redis.clientSettings);
    await assertAllIsThere(world);
    const { directory, clientSettings } = world.redis;
    const next = await makeAuthority(directory, 'next');
    const server = await makeServerCertificate(directory, 'next-server', { authority: 'next' });
    const client = await makeClientCertificate(directory, 'next-client', { authority: 'next' });
    await replace(clientSettings.ca_file, next);
    await replace(clientSettings.client_certificate_file, client.certFile);
    await replace(clientSettings.client_key_file, client.keyFile);
    await world.connect(world.connector);
    await assertAllIsThere(world); // the connection that stands does not mind
    await world.redis.kill();
    world.redis.tls = { ...server, caFile: next };
    await world.redis.start();
    await world.connect(world.connector);
    await assertAllIsThere(world);
  });

  scenario('sentinels and the master that they name, all by TLS', options, async (world) => {
    const { clientSettings } = world.redis;
    const url = `rediss+sentinel://127.0.0.1:${await startSentinel(world)}/events/0`;
    await live(world, { url, ca_file: clientSettings.ca_file });
    await assertTold(world, /sentinel at 127\.0\.0\.1:\d+: it wants a client certificate/);
    await world.daemon.configure({
      profiles: [await world.provider.profile()],
      settings: { redis: { url, prefix: 'refreshd:', ...clientSettings } },
    });
    await world.restart();
    await isConnected(world);
    assert.equal((await redisStatus(world)).address, `127.0.0.1:${world.redis.tlsPort}`);
    await world.connect(world.connector);
    await assertAllIsThere(world);
  });

  scenario('what the documentation says to do works', { ...options, redis: false }, async (world) => {
    const { directory } = world;
    const { commands, redis, refreshd } = await documented(directory);
    const { status, stderr } = await run('bash', ['-euc', commands], { cwd: directory });
    assert.equal(status, 0, stderr);
    assert.deepEqual(Object.keys(refreshd), ['ca_file', 'client_certificate_file', 'client_key_file']);
    const port = await freePort();
    world.redis = await Redis.start(directory, { settings: ['--tls-port', String(port), ...redis.flatMap(([key, value]) => [`--${key}`, value])] });
    world.keep(world.redis, () => world.redis.stop());
    await live(world, { url: `rediss://localhost:${port}/0`, ...refreshd });
    await assertAllIsThere(world);
  });
});
