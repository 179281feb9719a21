// The four things that the demo shows. Each prints what it sees and checks what was promised;
// nothing is printed that was not observed at the provider, at Redis or at the control socket.

import { readNeedsReconnect, readStream } from '../support/events.mjs';
import { newSecret } from '../support/provider.mjs';
import { eventually, sleep } from '../support/wait.mjs';
import { scopes } from './cast.mjs';
import { bold, dim, green, red, yellow } from './screen.mjs';

const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

/** The first value of probe() that is truthy, or null when time runs out: a check then says so. */
const seen = (what, probe, within) => eventually(what, probe, { within }).catch(() => null);

const published = (stage, type, since) => stage.subscriber.messages.find(({ event, at }) => event.type === type && at >= since);
const personal = (stage, since) => stage.subscriber.messages.filter(({ event, at }) => event.type.startsWith('connection.') && at >= since);

const refreshCount = (stage, who) => stage.provider.refreshesOf(who.grantId).length;
const statesOf = (stage, people) => Promise.all(people.map(async ({ id }) => (await stage.world.show(id)).state));

async function allActive(stage, people) {
  return (await statesOf(stage, people)).every((state) => state === 'active');
}

/** Does refreshd hand out a token for each of them, and would an API take it? */
async function tokensWork(stage, people) {
  for (const { id } of people) {
    const { access_token: token } = await stage.world.token(id, { min_valid_s: 0 });
    if (!(await stage.provider.accepts(token))) return false;
  }
  return true;
}

/** Waits until each has been refreshed once more than now. */
function refreshedAgain(stage, people, within = 15_000) {
  const before = people.map((who) => refreshCount(stage, who));
  return seen('refreshed again', () => people.every((who, i) => refreshCount(stage, who) > before[i]), within);
}

async function showCommand({ world, screen }, args, input, { printed = args.join(' ') } = {}) {
  const { status, stdout, stderr } = await world.daemon.ctl.run(args, { input });
  screen.command(`refreshctl ${printed}`, `${stdout}${stderr}`);
  return status;
}

export async function freshTokens(stage) {
  const { screen, cast } = stage;
  const people = [...cast.values()];
  screen.act(1, 'Tokens stay fresh', 'Access tokens live 10 s here. refreshd refreshes each before it ends; refresh tokens rotate.');
  let reads = 0;
  let dead = 0;
  let watching = true;
  const reader = (async () => {
    while (watching) {
      for (const { id } of people) {
        const { access_token: token } = await stage.world.token(id, { min_valid_s: 0 });
        reads += 1;
        if (!(await stage.provider.accepts(token))) dead += 1;
      }
      await sleep(250);
    }
  })();
  const twice = await seen('each refreshed twice', () => people.every((who) => refreshCount(stage, who) >= 2), 20_000);
  watching = false;
  await reader;
  screen.check(`all ${people.length} connections were refreshed twice, by ${stage.provider.presentations.length} token requests`, twice);
  screen.check(`${reads} tokens were handed out meanwhile, and the provider accepted every one`, reads > 0 && dead === 0);
  screen.check('nobody was told anything: a refresh is no event', personal(stage, stage.castAt).length === 0);
}

export async function revokedGrant(stage) {
  const { screen, cast, world } = stage;
  const gone = cast.get('sales');
  const others = [...cast.values()].filter((who) => who !== gone);
  screen.act(2, 'A grant dies', 'Somebody removes the app in the provider\'s settings. refreshd learns it at the next refresh.');
  await stage.provider.revokeGrant(gone.grantId);
  const since = Date.now();
  screen.line(yellow('!'), gone.account, 'revoked its grant at the provider');

  const message = await seen('needs_reconnect by PUBLISH', () => published(stage, 'connection.needs_reconnect', since), 25_000);
  if (message) {
    const { event, channel, at } = message;
    const { data } = event;
    screen.line(red('▲'), gone.account, `${bold('needs a reconnect')}, ${seconds(at - since)} after the revocation; a Redis subscriber sees:`);
    screen.facts([
      ['channel', channel],
      ['event', `${event.type} #${event.id}, ${event.subject}`],
      ['why', `${data.class} / ${data.reason}: ${data.provider_error?.code} "${data.provider_error?.message}"`],
      ['who', `${bold(data.remedy.actor)} of ${JSON.stringify(data.owner)}, account ${data.account?.label}`],
      ['where', bold(data.remedy.path.join(' › '))],
      ['until then', `the old access token is good until ${data.token_usable_until}`],
    ]);
    screen.check('it names this connection, the person and the place', event.subject === gone.id
      && data.remedy.actor === 'app_builder' && data.remedy.path.includes('Team calendar') && data.remedy.path.at(-1) === 'Reconnect');
    const entry = (await readStream(world.redis)).find(({ id }) => id === `${event.id}-0`);
    const hash = await readNeedsReconnect(world.redis);
    screen.check('the same event stands in the stream, and the hash refreshd:needs_reconnect holds this connection alone',
      JSON.stringify(entry?.event) === JSON.stringify(event) && Object.keys(hash).join() === gone.id);
  } else {
    screen.check('the event came', false);
  }
  screen.check('the other five are refreshed as before', await refreshedAgain(stage, others) && await allActive(stage, others));
  await showCommand(stage, ['show-connection', gone.id]);
}

export async function changedSecret(stage) {
  const { screen, cast, world } = stage;
  const people = [cast.get('robin'), cast.get('kim')];
  screen.act(3, 'A client secret changes', 'An admin makes a new secret at the provider first: until `rotate`, refreshd holds a dead one.');
  const secret = newSecret();
  await stage.provider.setClientSecret(people[0].connector.client, secret);
  const since = Date.now();
  screen.line(yellow('!'), 'CRM sync', 'its client secret was changed at the provider');

  const rejected = await seen('credentials_rejected', () => published(stage, 'connector.credentials_rejected', since), 20_000);
  if (rejected) {
    const { remedy } = rejected.event.data;
    screen.line(red('■'), 'CRM sync', `${bold('credentials rejected')}, ${seconds(rejected.at - since)} later: one event for the connector`);
    screen.facts([['who', bold(remedy.actor)], ['where', bold([...remedy.path, remedy.field].join(' › '))]]);
  }
  const blocked = rejected && await seen('blocked', async () => (await statesOf(stage, people)).every((state) => state === 'blocked'), 10_000);
  screen.check('its connections are blocked, their tokens still served, and no person is asked to do anything',
    blocked && await tokensWork(stage, people).catch(() => false) && personal(stage, since).length === 0);

  await showCommand(stage, ['rotate', 'crm-sync', '--client-secret-stdin'], `${secret}\n`);
  const recovered = await seen('credentials_recovered', () => published(stage, 'connector.credentials_recovered', since), 30_000);
  if (recovered) screen.line(green('●'), 'CRM sync', `${bold('recovered')} by itself after the rotation`);
  const healed = await seen('active again', () => allActive(stage, people), 30_000);
  screen.check('all its connections are active again with fresh tokens', recovered && healed && await refreshedAgain(stage, people) && await tokensWork(stage, people));
  screen.check('nobody was disconnected: not one event about a connection', personal(stage, since).length === 0
    && (await world.rpc.call('list-connections', { state: 'disconnected' })).items.length === 0);
}

export async function moreScopes(stage) {
  const { screen, cast } = stage;
  const people = [cast.get('ana'), cast.get('ben')];
  screen.act(4, 'The app asks for more', 'A new permission: each person must approve once. What they have goes on working until then.');
  const since = Date.now();
  await showCommand(stage, ['rescope', 'my-contacts', '--scopes', [...scopes, 'contacts'].join(',')]);
  const events = await seen('both told', () => {
    const found = personal(stage, since).filter(({ event }) => event.type === 'connection.needs_reconnect');
    return found.length >= 2 && found;
  }, 20_000) ?? [];
  for (const { event: { data } } of events) {
    screen.line(yellow('▲'), data.account.id, `${bold('is asked to approve')} ${data.added.join(', ')}: ${data.remedy.actor} ${data.remedy.actor_id}, ${data.remedy.surface}`);
  }
  const served = await tokensWork(stage, people);
  screen.line(dim('…'), 'ana and ben', 'have not approved yet; their tokens are refreshed all the same');
  const goesOn = await refreshedAgain(stage, people);
  const told = personal(stage, since).map(({ event }) => event.subject).sort();
  screen.check('one event per connection, no more', JSON.stringify(told) === JSON.stringify(people.map(({ id }) => id).sort()));
  screen.check('their tokens are served and refreshed meanwhile', served && goesOn && await tokensWork(stage, people));
}
