// A certificate authority of our own and a server certificate for 127.0.0.1, made by openssl when asked for.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from './program.mjs';

async function openssl(...args) {
  const { status, stderr } = await run('openssl', args);
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Returns {caFile, key, cert}: caFile is what a client must trust. */
export async function makeCertificates(directory) {
  const file = (name) => join(directory, name);
  await openssl('req', '-x509', ...newKey, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-days', '2',
    '-subj', '/CN=refreshd test CA', '-addext', 'basicConstraints=critical,CA:TRUE',
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  await openssl('req', ...newKey, '-keyout', file('server.key'), '-out', file('server.csr'), '-subj', '/CN=127.0.0.1');
  await writeFile(file('server.ext'),
    'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n');
  await openssl('x509', '-req', '-in', file('server.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'),
    '-CAcreateserial', '-days', '2', '-extfile', file('server.ext'), '-out', file('server.pem'));
  return {
    caFile: file('ca.pem'),
    ca: await readFile(file('ca.pem'), 'utf8'),
    key: await readFile(file('server.key'), 'utf8'),
    cert: await readFile(file('server.pem'), 'utf8'),
  };
}

/** A client's key and certificate in that directory, signed by the authority that makeCertificates made there. */
export async function makeClientCertificate(directory, name) {
  const file = (end) => join(directory, `${name}.${end}`);
  await openssl('req', ...newKey, '-keyout', file('key'), '-out', file('csr'), '-subj', `/CN=${name}`);
  await writeFile(file('ext'), 'extendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE\n');
  await openssl('x509', '-req', '-in', file('csr'), '-CA', join(directory, 'ca.pem'), '-CAkey', join(directory, 'ca.key'),
    '-CAcreateserial', '-days', '2', '-extfile', file('ext'), '-out', file('pem'));
  return { key: await readFile(file('key'), 'utf8'), certificate: await readFile(file('pem'), 'utf8') };
}
