// Who the client is, proved in every way that RFC 6749, 7523 and 8705 know, to a real authorization
// server; and what `register` refuses before anything is sent.

import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';

import { makeClientCertificate } from './support/certificates.mjs';
import { scenario } from './support/world.mjs';

const pem = (key) => key.privateKey.export({ format: 'pem', type: 'pkcs8' });
const jwk = (key, more) => ({ ...key.publicKey.export({ format: 'jwk' }), use: 'sig', ...more });
const make = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

const configuration = {
  enabledJWA: { clientAuthSigningAlgValues: ['HS256', 'HS512', 'RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] },
};

/** A connection of this connector refreshes; what the server saw. */
async function refreshes(world, connector) {
  const { id, grantId } = await world.connect(connector);
  await world.rpc.call('refresh', { connection: id });
  return world.provider.presentationsOf(grantId).map((p) => p.result);
}

/** The provider's profile under another id, with more metadata or habits. */
async function profileWith(world, id, more) {
  const { habits, ...metadata } = more;
  return { ...await world.provider.profile(habits), ...metadata, id };
}

scenario('assertions are signed with what the key can do and the server takes', { provider: { configuration }, redis: false }, async (world, t) => {
  for (const algorithm of Object.keys(make)) {
    await t.test(algorithm, async () => {
      const key = make[algorithm]();
      const profile = algorithm === 'PS256'
        && await profileWith(world, 'ps256', { token_endpoint_auth_signing_alg_values_supported: ['PS256', 'ES256'] });
      const connector = await world.addConnector({
        id: `key-${algorithm}`,
        auth: 'private_key_jwt',
        jwk: jwk(key),
        metadata: { token_endpoint_auth_signing_alg: algorithm },
        register: { private_key: pem(key), ...(profile && { profile, provider: undefined }) },
      });
      assert.deepEqual(await refreshes(world, connector), ['refreshed']);
    });
  }
  await t.test('client_secret_jwt under HS512', async () => {
    const secret = 'x'.repeat(64);
    const connector = await world.addConnector({
      id: 'hs512',
      auth: 'client_secret_jwt',
      secret,
      metadata: { token_endpoint_auth_signing_alg: 'HS512' },
      register: {
        profile: await profileWith(world, 'hs512', { token_endpoint_auth_signing_alg_values_supported: ['HS512'] }),
        provider: undefined,
      },
    });
    assert.deepEqual(await refreshes(world, connector), ['refreshed']);
  });
});

scenario('the audience and the key id are those that the server wants', { provider: { configuration }, redis: false }, async (world, t) => {
  for (const [name, audience, wanted] of [
    ['the issuer', 'issuer', 'refreshed'],
    ['the token endpoint', 'token_endpoint', 'refreshed'],
    ['somebody else', 'https://elsewhere.example', 'invalid_client'],
  ]) {
    await t.test(`aud: ${name}`, async () => {
      const key = make.ES256();
      const connector = await world.addConnector({
        id: `aud-${audience.replace(/[^a-z]/g, '')}`,
        auth: 'private_key_jwt',
        jwk: jwk(key),
        register: {
          private_key: pem(key),
          profile: await profileWith(world, `aud-${audience.replace(/[^a-z]/g, '')}`, { habits: { request: { assertion_audience: audience } } }),
          provider: undefined,
        },
      });
      const { id, grantId } = await world.connect(connector);
      await world.rpc.call('refresh', { connection: id }).catch(() => {});
      const results = world.provider.presentations.filter((p) => p.client === connector.client).map((p) => p.result);
      assert.ok(results.includes(wanted), `${grantId}: ${results}`);
    });
  }
  await t.test('of two keys of one kind, kid tells which', async () => {
    const [first, second] = [make.ES256(), make.ES256()];
    const keys = [jwk(first, { kid: '2025' }), jwk(second, { kid: '2026' })];
    const right = await world.addConnector({ id: 'kid', auth: 'private_key_jwt', jwk: keys, register: { private_key: pem(second), key_id: '2026' } });
    assert.deepEqual(await refreshes(world, right), ['refreshed']);
    const wrong = await world.addConnector({ id: 'kid-wrong', auth: 'private_key_jwt', jwk: keys, register: { private_key: pem(second), key_id: '2025' } });
    const { id } = await world.connect(wrong);
    await world.rpc.call('refresh', { connection: id }).catch(() => {});
    assert.deepEqual(world.provider.presentations.filter((p) => p.client === wrong.client).map((p) => p.result), ['invalid_client']);
  });
  await t.test('a key and its id are rotated together', async () => {
    const [old, fresh] = [make.ES256(), make.ES256()];
    const connector = await world.addConnector({
      id: 'rotated', auth: 'private_key_jwt', jwk: jwk(old, { kid: 'old' }), register: { private_key: pem(old), key_id: 'old' },
    });
    const { id, grantId } = await world.connect(connector);
    await world.provider.setClientKeys(connector.client, jwk(fresh, { kid: 'fresh' }));
    const { checked } = await world.rpc.call('rotate', { connector: 'rotated', private_key: pem(fresh), key_id: 'fresh', check: true });
    assert.equal(checked, true);
    await world.rpc.call('refresh', { connection: id });
    assert.equal(world.provider.refreshesOf(grantId).length, 2);
    assert.equal((await world.show(id)).state, 'active');
  });
});

scenario('a client that goes over from a key to a secret, and back, disconnects nobody', { redis: false }, async (world) => {
  const [key, another] = [make.ES256(), make.ES256()];
  const connector = await world.addConnector({
    id: 'crm', auth: 'private_key_jwt', jwk: jwk(key), register: { private_key: pem(key) },
  });
  const { id, grantId } = await world.connect(connector);
  const methods = async () => (await world.rpc.call('show-connector', { connector: 'crm' })).credentials.map((c) => c.auth_method);

  const { secret } = await world.provider.addClient({ id: connector.client, auth: 'client_secret_basic' });
  assert.equal((await world.rpc.call('rotate', { connector: 'crm', client_secret: secret, check: true })).checked, true);
  assert.deepEqual(await methods(), ['client_secret_basic', 'private_key_jwt']);

  await world.provider.addClient({ id: connector.client, auth: 'private_key_jwt', jwk: jwk(another) });
  assert.equal((await world.rpc.call('rotate', { connector: 'crm', private_key: pem(another), check: true })).checked, true);
  assert.deepEqual(await methods(), ['private_key_jwt', 'client_secret_basic', 'private_key_jwt']);
  await world.rpc.call('refresh', { connection: id });
  assert.equal(world.provider.refreshesOf(grantId).length, 3);
  assert.equal((await world.show(id)).state, 'active');

  for (const params of [{ client_secret: '' }, { private_key: '' }]) {
    const [path] = Object.keys(params);
    await assert.rejects(world.rpc.call('rotate', { connector: 'crm', ...params }), (error) => {
      assert.deepEqual([error.rpcCode, error.data.path], [-32602, path]);
      assert.match(error.data.expected, /1 to \d+|not empty/);
      return true;
    });
  }
  assert.equal((await methods()).length, 3, 'nothing was changed');
});

const subjectOf = (request) => request.socket.getPeerCertificate()?.subject?.CN;

scenario('a client is known by its certificate, and by no other', {
  tls: true,
  redis: false,
  provider: {
    configuration: {
      clientAuthMethods: ['tls_client_auth'],
      features: {
        mTLS: {
          enabled: true,
          tlsClientAuth: true,
          getCertificate: (ctx) => {
            const { raw } = ctx.req.socket.getPeerCertificate() ?? {};
            return raw && new X509Certificate(raw).toString();
          },
          certificateAuthorized: (ctx) => ctx.req.socket.authorized,
          certificateSubjectMatches: (ctx, _property, expected) => `CN=${subjectOf(ctx.req)}` === expected,
        },
      },
    },
  },
}, async (world) => {
  const mine = await makeClientCertificate(world.directory, 'crm');
  const other = await makeClientCertificate(world.directory, 'somebody-else');
  const metadata = { tls_client_auth_subject_dn: 'CN=crm' };
  const connector = await world.addConnector({
    id: 'mtls', auth: 'tls_client_auth', metadata, register: { private_key: mine.key, certificate: mine.certificate },
  });
  const { id, grantId } = await world.connect(connector);
  await world.rpc.call('refresh', { connection: id });
  assert.equal(world.provider.refreshesOf(grantId).length, 1);
  assert.equal((await world.rpc.call('show-connector', { connector: 'mtls' })).credentials[0].auth_method, 'tls_client_auth');

  const wrong = await world.addConnector({
    id: 'mtls-wrong', auth: 'tls_client_auth', metadata, register: { private_key: other.key, certificate: other.certificate },
  });
  const refused = await world.connect(wrong);
  await world.rpc.call('refresh', { connection: refused.id }).catch(() => {});
  assert.deepEqual(world.provider.presentations.filter((p) => p.client === wrong.client).map((p) => p.result), ['invalid_client']);

  // A renewed certificate takes the old one's place; nobody is disconnected.
  const renewed = await makeClientCertificate(world.directory, 'crm');
  await world.rpc.call('rotate', { connector: 'mtls', private_key: renewed.key, certificate: renewed.certificate, check: true });
  await world.rpc.call('refresh', { connection: id });
  assert.equal(world.provider.refreshesOf(grantId).length, 3);
});

scenario('register says what is wrong with a key, and keeps nothing', { redis: false, tls: true }, async (world, t) => {
  const key = make.ES256();
  const crm = await makeClientCertificate(world.directory, 'crm');
  const encrypted = key.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const cases = [
    ['not PEM', { private_key: 'hello' }, 'private_key', /got no PEM block/],
    ['encrypted', { private_key: encrypted }, 'private_key', /encrypted key/],
    ['a public key', { private_key: key.publicKey.export({ format: 'pem', type: 'spki' }) }, 'private_key', /a public key/],
    ['too small', { private_key: pem(small) }, 'private_key', /less than 2048 bits/],
    ['of a kind that signs nothing', { private_key: pem(generateKeyPairSync('x25519')) }, 'private_key', /another kind/],
    ['a certificate for a key', { private_key: crm.certificate }, 'private_key', /a certificate/],
    ['another key than the certificate\'s', { private_key: pem(key), certificate: crm.certificate }, 'private_key', /certificate's own key/],
    ['no certificate', { private_key: pem(key), auth_method: 'tls_client_auth' }, 'certificate', /a PEM certificate, got none/],
    ['a secret for private_key_jwt', { client_secret: 's3cret', auth_method: 'private_key_jwt' }, 'private_key', /a PEM private key/],
    ['no secret at all', { auth_method: 'client_secret_post' }, 'client_secret', /a secret that is not empty/],
  ];
  for (const [name, given, path, says] of cases) {
    await t.test(name, async () => {
      await assert.rejects(
        world.rpc.call('register', { connector: 'bad', type: 'superagent', provider: 'oidc', client_id: 'x', scopes: [], ...given }),
        (error) => {
          assert.equal(error.rpcCode, -32602);
          assert.equal(error.data.path, path);
          assert.match(`${error.message} ${error.data.expected}`, says);
          return true;
        },
      );
      await assert.rejects(world.rpc.call('show-connector', { connector: 'bad' }), (error) => error.data.code === 'unknown_connector');
    });
  }
});
