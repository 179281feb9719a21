// refreshd at work on real parts, live: scripts/demo runs this. Exit status 0 only if everything that
// it promises was seen to happen.

import { assemble } from './demo/cast.mjs';
import { changedSecret, freshTokens, moreScopes, revokedGrant } from './demo/acts.mjs';
import { offerLevers } from './demo/levers.mjs';
import { Screen, bold, dim, green, red } from './demo/screen.mjs';
import { REFRESHCTL } from './support/binaries.mjs';
import { tail } from './support/daemon.mjs';
import { subscribe } from './support/events.mjs';
import { eventually } from './support/wait.mjs';
import { World } from './support/world.mjs';

const keep = process.argv.includes('--keep');
const screen = new Screen();
const world = new World();

/** Ctrl-C, a closed terminal: end what was started, then ourselves. */
const interrupted = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => resolve(signal));
});

function printRefresh(cast, { grant, result }) {
  const who = [...cast.values()].find(({ grantId }) => grantId === grant);
  if (!who || result !== 'refreshed') return;
  who.refreshes = (who.refreshes ?? 0) + 1;
  screen.line(green('↻'), who.account, `refreshed ${who.connector.connector.name ?? who.connector.id} ${dim(`(${who.refreshes})`)}`);
}

async function beginStage() {
  screen.title('refreshd, live');
  await world.begin({ provider: { accessTokenSeconds: 10, rotate: true } });
  const { provider, redis, daemon } = world;
  screen.line('+', 'provider', `oidc-provider, a real authorization server, at ${provider.issuer}; rotates, detects reuse`);
  screen.line('+', 'redis', `redis-server, pid ${redis.pid}`);
  screen.line('+', 'refreshd', `pid ${daemon.pid}, socket ${daemon.socket}`);
  const subscriber = await subscribe(redis);
  const cast = await assemble(world, screen);
  provider.onPresentation = (presentation) => printRefresh(cast, presentation);
  const stage = { world, screen, provider, cast, subscriber, castAt: Date.now() };

  // The events of the beginning may still be on their way; what follows counts from after them.
  await eventually('the subscriber has seen everybody connected',
    () => subscriber.messages.filter(({ event }) => event.type === 'connection.connected').length === cast.size);
  stage.castAt = Date.now();
  return stage;
}

function printVerdict() {
  const seen = screen.checks.filter((check) => check.seen).length;
  const verdict = `${seen} of ${screen.checks.length} promises were seen to be kept`;
  screen.title(screen.allSeen ? green(`✓ ${verdict}`) : red(`✗ ${verdict}`));
  for (const { text } of screen.checks.filter((check) => !check.seen)) console.log(`  ${red('✗')} ${text}`);
}

async function stayUp(stage) {
  const levers = await offerLevers(stage);
  world.keep(levers, levers.stop);
  const ctl = `${REFRESHCTL} --socket ${world.daemon.socket}`;
  const cli = `redis-cli -s ${world.redis.socket}`;
  console.log(`Still running. In another terminal:

  ${bold('what refreshd knows')}
    ${ctl} list-connections
    ${ctl} show-connector crm-sync
    ${ctl} token ${stage.cast.get('ana').id}
    ${ctl} watch
  ${bold('what a Redis subscriber sees')}
    ${cli} psubscribe 'refreshd:events:*'
    ${cli} xrange refreshd:events - +
    ${cli} hgetall refreshd:needs_reconnect
  ${bold('the provider\'s levers')}
    curl -X POST ${levers.origin}/revoke/ben
    curl -X POST ${levers.origin}/secret/crm-sync | ${ctl} rotate crm-sync --client-secret-stdin

${dim('Ctrl-C ends it.')}`);
  await interrupted;
}

async function play() {
  const stage = await beginStage();
  for (const act of [freshTokens, revokedGrant, changedSecret, moreScopes]) await act(stage);
  printVerdict();
  if (keep) await stayUp(stage);
}

let status = 1;
try {
  const signal = await Promise.race([play().then(() => null), interrupted]);
  status = signal && !keep ? 130 : Number(!screen.allSeen);
} catch (error) {
  console.error(`\n${red('The demo broke off:')} ${error.message}`);
  if (world.daemon?.log) console.error(`--- refreshd's log, its end ---\n${tail(world.daemon.log, 25)}`);
} finally {
  await world.end().catch((error) => {
    console.error(error.message);
    status = 1;
  });
}
process.exit(status);
