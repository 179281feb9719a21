// Certificate authorities of our own and certificates below them, made by openssl when asked for.

import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from './program.mjs';

async function openssl(...args) {
  const { status, stderr } = await run('openssl', args);
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A key and a certificate below the authority in that directory: `NAME.key`, `NAME.pem`. */
async function sign(directory, name, { extensions, days = 2, authority = 'ca' }) {
  const file = (end) => join(directory, `${name}.${end}`);
  await openssl('req', ...newKey, '-keyout', file('key'), '-out', file('csr'), '-subj', `/CN=${name}`);
  await writeFile(file('ext'), `${extensions}\nbasicConstraints=CA:FALSE\n`);
  await openssl('x509', '-req', '-in', file('csr'), '-CA', join(directory, `${authority}.pem`), '-CAkey', join(directory, `${authority}.key`),
    '-CAcreateserial', '-days', String(days), '-extfile', file('ext'), '-out', file('pem'));
  await chmod(file('key'), 0o600);
  return { keyFile: file('key'), certFile: file('pem') };
}

/** An authority: `NAME.key`, `NAME.pem`. Returns its certificate's file. */
export async function makeAuthority(directory, name = 'ca') {
  const file = (end) => join(directory, `${name}.${end}`);
  await openssl('req', '-x509', ...newKey, '-keyout', file('key'), '-out', file('pem'), '-days', '2',
    '-subj', `/CN=refreshd test ${name}`, '-addext', 'basicConstraints=critical,CA:TRUE',
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  return file('pem');
}

/**
 * A server's key and certificate below an authority that makeAuthority made there: {keyFile, certFile}.
 * @days below 0: it has ended already
 */
export function makeServerCertificate(directory, name, { names = 'IP:127.0.0.1,DNS:localhost', ...more } = {}) {
  return sign(directory, name, { extensions: `subjectAltName=${names}\nextendedKeyUsage=serverAuth`, ...more });
}

/** Returns {caFile, ca, key, cert} of a server on the loopback: caFile is what a client must trust. */
export async function makeCertificates(directory) {
  const caFile = await makeAuthority(directory);
  const { keyFile, certFile } = await makeServerCertificate(directory, 'server');
  return {
    caFile,
    ca: await readFile(caFile, 'utf8'),
    key: await readFile(keyFile, 'utf8'),
    cert: await readFile(certFile, 'utf8'),
  };
}

/** A client's: {keyFile, certFile, key, certificate}. */
export async function makeClientCertificate(directory, name, options) {
  const files = await sign(directory, name, { extensions: 'extendedKeyUsage=clientAuth', ...options });
  return { ...files, key: await readFile(files.keyFile, 'utf8'), certificate: await readFile(files.certFile, 'utf8') };
}
