// kill -9 in the middle of a rescope's sweep, again and again: everybody is told, nobody twice
// (docs/behaviour.md "Rescope").

import assert from 'node:assert/strict';

import { readLog } from './support/events.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

const BATCH = 1_000;
const BATCHES = 10;
const CONNECTIONS = BATCH * BATCHES;
const KILLS = 3;

// They live for a day: no refresh is due, hence no provider is asked for anything.
const member = (n) => ({
  connection: `c-${n}`,
  owner: { superagent: `agent-${n}` },
  tokens: { access_token: `access-${n}`, refresh_token: `refresh-${n}`, expires_in: 86_400 },
});

async function importAll(world) {
  for (let first = 0; first < CONNECTIONS; first += BATCH) {
    const connections = Array.from({ length: BATCH }, (_, i) => ({ connector: 'calendar', ...member(first + i) }));
    const { results } = await world.rpc.call('import', { connections });
    assert.deepEqual(results.filter(({ error }) => error), []);
  }
}

const sweepOf = async (world) => (await world.rpc.call('show-connector', { connector: 'calendar' })).sweep;

/** Waits until the sweep has done more than so many, and tells how far it is; it must not be over. */
async function sweepPast(world, count) {
  const sweep = await eventually(`the sweep is past ${count}`, async () => {
    const seen = await sweepOf(world);
    assert.ok(seen || count === 0, 'the sweep was over before the daemon could be killed in it');
    return seen?.done > count && seen;
  }, { every: 5, within: 30_000 });
  assert.ok(sweep.done < CONNECTIONS, 'in the middle');
  return sweep;
}

scenario(`${CONNECTIONS} connections rescoped with kill -9 in the middle, ${KILLS} times: one event each`, { redis: false }, async (world) => {
  await world.addConnector({ id: 'calendar' });
  await importAll(world);
  const { affected } = await world.rpc.call('rescope', { connector: 'calendar', scopes: ['openid', 'offline_access', 'contacts'] });
  assert.equal(affected, CONNECTIONS);

  let done = 0;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const sweep = await sweepPast(world, Math.max(done, (kill * CONNECTIONS) / (2 * KILLS + 2)));
    assert.equal(sweep.affected, sweep.done, 'what is done and who was told are one write');
    await world.daemon.kill();
    done = sweep.done;
    await world.start();
    const resumed = await sweepOf(world);
    assert.ok(resumed?.done >= done, 'it goes on where it was, not at the beginning');
  }
  await eventually('the sweep has come to its end', async () => !await sweepOf(world), { within: 60_000 });

  const log = await readLog(world.rpc);
  assert.deepEqual(log.map(({ id }) => Number(id)), log.map((_, i) => i + 1), 'the log has no gap');
  const told = log.filter(({ type }) => type === 'connection.needs_reconnect');
  assert.equal(told.length, CONNECTIONS);
  assert.equal(new Set(told.map(({ subject }) => subject)).size, CONNECTIONS, 'each connection once');
  const [rescoped, ...more] = log.filter(({ type }) => type === 'connector.rescoped');
  assert.deepEqual(more, [], 'rescoped once');
  assert.ok(told.every(({ data }) => data.reason === 'scopes_changed' && data.cause === rescoped.id));
});
