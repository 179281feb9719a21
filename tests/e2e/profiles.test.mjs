// The catalogue: every profile obeys the documented schema, names its sources, and loads; a wrong
// one of one's own is told by file, member and what was expected.

import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import Ajv from 'ajv/dist/2020.js';

import { REFRESHD, cleanEnvironment } from './support/binaries.mjs';
import { Cleanup } from './support/cleanup.mjs';
import { Daemon } from './support/daemon.mjs';
import { run } from './support/program.mjs';

const folder = fileURLToPath(new URL('../../config/providers/', import.meta.url));
const read = async (file) => JSON.parse(await readFile(join(folder, file), 'utf8'));
const schema = await read('schema.json');
const files = (await readdir(folder)).filter((file) => file.endsWith('.json') && file !== 'schema.json');
const validate = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);

test('every profile obeys the schema and says where its facts come from', async () => {
  assert.ok(files.length >= 150, `${files.length} profiles`);
  for (const file of files) {
    const profile = await read(file);
    assert.ok(validate(profile), `${file}: ${JSON.stringify(validate.errors)}`);
    assert.equal(`${profile.id}.json`, file);
    if (profile.id !== 'generic') assert.ok(profile.sources?.length > 0, `${file} names no source`);
    for (const source of profile.sources ?? []) assert.match(source, /^https:\/\//, file);
    for (const path of Object.keys(profile.unverified ?? {})) {
      const value = path.split('.').reduce((at, name) => at?.[name], profile);
      assert.notEqual(value, undefined, `${file}: unverified names ${path}, which is not there`);
    }
  }
});

test('the schema refuses what the daemon refuses', async () => {
  const base = { id: 'mine', token_endpoint: 'https://as.example.com/token' };
  for (const wrong of [
    { id: 'My Own' },
    { token_endpoint: 'ftp://as.example.com/' },
    { habits: { requests: {} } },
    { habits: { refresh_token: { rotation: 'often' } } },
    { habits: { refresh_token: { replay: 'window:0' } } },
    { habits: { response: { expires: 'expires_in' } } },
    { habits: { errors: [{ match: {}, class: 'transient' }] } },
    { habits: { errors: [{ match: { error: 'x' }, class: 'dead' }] } },
    { habits: { vars: { x: { pattern: [] } } } },
    { habits: { vars: { x: { per: 'person' } } } },
  ]) assert.equal(validate({ ...base, ...wrong }), false, JSON.stringify(wrong));
  assert.ok(validate(base));
});

test('--check names file, member and what was expected; all is well without the file', { timeout: 60_000 }, async () => {
  const cleanup = new Cleanup();
  try {
    const daemon = new Daemon(await cleanup.directory());
    await daemon.prepare({});
    const check = () => run(REFRESHD, ['--check', '--config', daemon.configFile], { env: cleanEnvironment() });
    assert.equal((await check()).status, 0);
    for (const [name, profile, says] of [
      ['lifetime', { habits: { access_token: { lifetime_s: '1 h' } } }, /lifetime\.json: habits\.access_token\.lifetime_s: expected a number of seconds/],
      ['host', { token_endpoint: 'https://{h}/t', habits: { vars: { h: { pattern: ['x\\.example\\.com', '.*'] } } } }, /host\.json: token_endpoint: expected a host whose registered domain no variable can change/],
      ['rule', { habits: { errors: [{ match: { status: 429 }, class: 'grant_dead' }] } }, /rule\.json: habits\.errors\[0\]: expected no verdict/],
    ]) {
      const file = join(daemon.providers, `${name}.json`);
      await writeFile(file, JSON.stringify({ id: 'mine', token_endpoint: 'https://as.example.com/token', ...profile }));
      const { status, stderr } = await check();
      assert.equal(status, 78, stderr);
      assert.match(stderr, says);
      await writeFile(file, JSON.stringify({ id: 'mine', token_endpoint: 'https://as.example.com/token' }));
    }
    assert.equal((await check()).status, 0);
  } finally {
    await cleanup.run();
  }
});
