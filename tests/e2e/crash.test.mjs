// kill -9 at any moment, then start: no connection lost, no event lost or doubled, no refresh
// token sent again that needn't be (docs/behaviour.md "Refreshing", "Events and Redis").

import assert from 'node:assert/strict';

import { assertHashIsState, assertStreamIsLog } from './support/events.mjs';
import { eventually, sleep } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const ROUNDS = 6;
const CONNECTIONS = 12;

/** A small generator, so that a failing run can be told by its seed. */
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Imports and disconnects without pause; remembers what was acknowledged. */
class Load {
  acknowledged = new Set();
  disconnected = new Set();
  #stopped = false;

  constructor(world, connector) {
    this.world = world;
    this.connector = connector;
    this.done = this.#run();
  }

  async #run() {
    while (!this.#stopped) {
      try {
        const { id } = await this.world.connect(this.connector);
        this.acknowledged.add(id);
        if (this.acknowledged.size % 3 === 0) {
          await this.world.rpc.call('disconnect', { connection: id });
          this.disconnected.add(id);
        }
        await sleep(30);
      } catch {
        await sleep(50); // the daemon is dead just now
      }
    }
  }

  async stop() {
    this.#stopped = true;
    await this.done;
  }
}

async function killOften(world, seed) {
  const next = random(seed);
  const kills = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    await sleep(200 + next() * 1_200);
    kills.push(Date.now());
    await world.daemon.kill();
    await world.start();
  }
  return kills;
}

async function allConnections(world) {
  const items = [];
  let cursor;
  do {
    const page = await world.rpc.call('list-connections', { limit: 100, ...(cursor && { cursor }) });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return items;
}

const seed = Number(process.env.REFRESHD_E2E_SEED ?? Date.now() % 1_000_000);

scenario(`kill -9 under load, seed ${seed}: nothing acknowledged is lost, nothing is said twice, grants live`, {
  provider: { id: 'forgiving', accessTokenSeconds: 3, rotate: true, graceSeconds: 30 },
  habits: { refresh_token: { rotation: 'always', replay: 'window:30' } },
}, async (world) => {
  world.provider.latency.after = 20; // answers on their way are what a kill can lose
  const rotating = await world.addConnector({ id: 'rotating' });
  const steady = await world.addConnector({ id: 'steady', rotate: false });
  const kept = [];
  for (let i = 0; i < CONNECTIONS; i += 1) kept.push(await world.connect(i % 2 ? rotating : steady));
  const load = new Load(world, await world.addConnector({ id: 'busy', rotate: false }));

  await killOften(world, seed);
  await load.stop();

  const states = new Map((await allConnections(world)).map(({ connection, state }) => [connection, state]));
  for (const id of load.acknowledged) assert.ok(states.has(id), `connection ${id} was acknowledged and is lost`);
  for (const id of load.disconnected) assert.equal(states.get(id), 'disconnected', id);
  for (const { id } of kept) {
    const token = await eventually(`${id} has a fresh token`, () => world.token(id, { min_valid_s: 1 }), { within: 20_000 });
    assert.ok(await world.provider.accepts(token.access_token));
  }
  const log = await assertStreamIsLog(world.redis, world.rpc);
  await assertHashIsState(world.redis, world.rpc);
  assert.deepEqual(log.filter(({ type }) => type === 'connection.needs_reconnect'), [], 'nobody is asked to reconnect');
  const connected = log.filter(({ type }) => type === 'connection.connected').map(({ subject }) => subject);
  assert.equal(new Set(connected).size, connected.length, 'each connection is connected once');
  for (const id of load.acknowledged) assert.ok(connected.includes(id), `no event tells of ${id}`);
});

scenario(`kill -9 with a provider that forgives nothing, seed ${seed}: only an answer that was on its way can be lost`, {
  provider: { id: 'strict', accessTokenSeconds: 3, rotate: true },
  habits: { refresh_token: { rotation: 'always' } },
}, async (world) => {
  const connector = await world.addConnector({ id: 'calendar' });
  const connections = [];
  for (let i = 0; i < CONNECTIONS; i += 1) connections.push(await world.connect(connector));

  const kills = await killOften(world, seed);
  await sleep(3_000);

  /** An answer that came so shortly before a kill may not have been durable yet. */
  const DURABLE_WITHIN = 1_500;
  const excused = (success) => kills.some((kill) => success.at <= kill && kill - (success.answeredAt ?? kill) <= DURABLE_WITHIN);
  const lost = new Set();
  const byToken = new Map();
  for (const presentation of world.provider.presentations) {
    const earlier = byToken.get(presentation.token);
    if (earlier?.result === 'refreshed') {
      assert.ok(excused(earlier), `a refresh token was sent again ${presentation.at - earlier.at} ms after it was rotated`);
      lost.add(presentation.grant);
    }
    byToken.set(presentation.token, presentation);
  }
  for (const { id, grantId } of connections) {
    const shown = await world.show(id);
    if (!lost.has(grantId)) {
      assert.notEqual(shown.state, 'needs_reconnect', `${id} was answered in full and yet is dead`);
    } else if (shown.state === 'needs_reconnect') {
      assert.equal(shown.reason, 'rotation_lost');
    }
  }
  await assertStreamIsLog(world.redis, world.rpc);
});
