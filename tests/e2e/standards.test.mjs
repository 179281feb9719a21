// What other people's tools read: CloudEvents by their official SDK, metrics by Prometheus' rules.

import assert from 'node:assert/strict';

import { CloudEvent, HTTP } from 'cloudevents';

import { assertFitsSchema } from './support/event-schema.mjs';
import { readLog } from './support/events.mjs';
import { parseMetrics } from './support/prometheus.mjs';
import { DEFAULT_SCOPES } from './support/provider.mjs';
import { eventually } from './support/wait.mjs';
import { scenario } from './support/world.mjs';

/** A little of everything, so that there is something to read. */
async function live(world) {
  const connector = await world.addConnector({ id: 'calendar', type: 'app_user' });
  const connections = [];
  for (let i = 0; i < 3; i += 1) connections.push(await world.connect(connector));
  await world.rpc.call('refresh', { connection: connections[0].id });
  await world.provider.revokeGrant(connections[1].grantId);
  await world.rpc.call('refresh', { connection: connections[1].id }).catch(() => {});
  await world.rpc.call('rescope', { connector: 'calendar', scopes: [...DEFAULT_SCOPES, 'contacts'] });
  await world.rpc.call('rescope', { connector: 'calendar', scopes: DEFAULT_SCOPES });
  await world.rpc.call('rotate', { connector: 'calendar', client_secret: 'another-secret-0123456789' });
  await world.rpc.call('disable', { connector: 'calendar' });
  await world.rpc.call('enable', { connector: 'calendar' });
  await world.rpc.call('disconnect', { connection: connections[2].id });
  await eventually('the dead grant is told', async () => (await readLog(world.rpc))
    .some(({ data }) => data.reason === 'grant_rejected'), { within: 20_000 });
}

scenario('every event is a valid CloudEvent for the official SDK, and what its schema says', {}, async (world) => {
  await live(world);
  const log = await readLog(world.rpc);
  const types = new Set(log.map(({ type }) => type));
  for (const type of ['connector.registered', 'connection.connected', 'connection.needs_reconnect', 'connector.rescoped', 'connector.rotated', 'connector.disabled', 'connector.enabled', 'connection.disconnected']) {
    assert.ok(types.has(type), type);
  }
  for (const event of log) {
    const parsed = new CloudEvent(event); // strict: throws on anything invalid
    assert.ok(parsed.validate());
    assert.deepEqual(JSON.parse(JSON.stringify(parsed.data)), event.data);
    const viaHttp = HTTP.toEvent({ headers: { 'content-type': 'application/cloudevents+json' }, body: JSON.stringify(event) });
    assert.equal(viaHttp.id, event.id);
    assert.ok(Math.abs(Date.parse(event.time) - Date.now()) < 120_000, event.time);
    assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assertFitsSchema(event);
  }
});

scenario('metrics are what Prometheus reads, and count', {}, async (world) => {
  const read = async () => {
    const { content_type: type, text } = await world.rpc.call('metrics');
    assert.match(type, /^text\/plain; version=0\.0\.4/);
    return parseMetrics(text);
  };
  const sum = (families) => [...families.values()].filter(({ type }) => type === 'counter')
    .flatMap(({ samples }) => samples).reduce((total, { value }) => total + value, 0);
  const before = await read();
  await live(world);
  const after = await read();
  assert.ok([...after.keys()].every((name) => name.startsWith('refreshd_') || name.startsWith('process_')), [...after.keys()].join(' '));
  assert.ok([...after.values()].every(({ help }) => help), 'each has a HELP');
  assert.ok(sum(after) > sum(before), 'counters count');
});
