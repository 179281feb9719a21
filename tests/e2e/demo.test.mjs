// scripts/demo's program sees all that it promises, and says so with its exit status.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run } from './support/program.mjs';

const demo = fileURLToPath(new URL('./demo.mjs', import.meta.url));

test('the demo keeps its promises', { timeout: 170_000 }, async () => {
  const { status, stdout, stderr } = await run(process.execPath, [demo], { within: 160_000 });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  assert.match(stdout, /Team calendar › More actions › Reconnect/);
  assert.doesNotMatch(stdout, /✗|\x1b\[/, 'nothing unseen, and no colour in a pipe');
});

test('the demo fails where there is no refreshd to show', { timeout: 60_000 }, async () => {
  const { status } = await run(process.execPath, [demo], { env: { ...process.env, REFRESHD: '/bin/false' } });
  assert.equal(status, 1);
});
