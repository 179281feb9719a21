// refreshctl connect with a real browser: Chromium signs in and approves at the provider's own pages.

import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';

import { chromium } from 'playwright-core';

import { REFRESHCTL, cleanEnvironment } from './support/binaries.mjs';
import { Program } from './support/program.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const options = { provider: { pages: true }, habits: { request: { authorize_params: { prompt: 'consent' } } } };
const PAGE_MS = 30_000;

/** Debian's own; no other browser is ever downloaded. */
async function startChromium(world) {
  const executablePath = '/usr/bin/chromium';
  await access(executablePath).catch(() => assert.fail(`${executablePath} is missing: scripts/setup installs it`));
  const browser = await chromium.launch({
    executablePath,
    // Tests run as root in containers: there Chromium's own sandbox can't be set up.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-proxy-server'],
    timeout: 60_000,
  });
  return world.keep(browser, () => browser.close());
}

function begin(world, args) {
  const program = new Program(REFRESHCTL, ['--socket', world.daemon.socket, ...args, '--no-browser'], { env: cleanEnvironment() });
  return world.keep(program, () => program.stop());
}

const addressOf = (program) => eventually('the address is printed', () => /https?:\/\/\S+/.exec(program.stderr)?.[0]);

/** A browser of its own for each person: nobody is signed in yet. */
async function signIn(browser, url, account) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(PAGE_MS);
  await page.goto(url, { waitUntil: 'domcontentloaded' }); // its fonts come from elsewhere, or not at all
  await page.fill('input[name=login]', account);
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
  await page.waitForSelector('text=calendar.readonly'); // the permissions that are asked for are shown
  return page;
}

scenario('a person signs in and approves in Chromium: connect, a refusal, switch', options, async (world) => {
  const connector = await world.addConnector({ id: 'cal', type: 'shared' });
  const browser = await startChromium(world);

  const connect = begin(world, ['connect', connector.id, '--owner', 'app=crm', '--connection', 'c-1']);
  let page = await signIn(browser, await addressOf(connect), 'ana');
  await page.click('button[type=submit]');
  await page.waitForSelector('h1:text("Connected")');
  assert.match(await page.innerText('p'), /You can close this window/);
  assert.equal((await connect.exited()).status, 0, connect.stderr);
  assert.match(connect.stdout, /^Connected ana as c-1\nPermissions: calendar\.readonly/);
  assert.equal((await world.show('c-1')).state, 'active');

  const refuse = begin(world, ['switch', 'c-1']);
  page = await signIn(browser, await addressOf(refuse), 'bo');
  await page.click('a[href*=abort]');
  await page.waitForSelector('h1:text("Not connected")');
  assert.equal((await refuse.exited()).status, 1);
  assert.match(refuse.stderr, /not approved: access_denied/);

  const change = begin(world, ['switch', 'c-1']);
  page = await signIn(browser, await addressOf(change), 'bo');
  await page.click('button[type=submit]');
  await page.waitForSelector('h1:text("Connected")');
  assert.equal((await change.exited()).status, 0, change.stderr);
  const { account, generation } = await world.show('c-1');
  assert.deepEqual([account.id, generation], ['bo', 2]);
});
