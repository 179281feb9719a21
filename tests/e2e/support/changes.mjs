// Changes of which Redis hears: events that come into the hash of connections in need, and that go.

import { DEFAULT_SCOPES } from './provider.mjs';

const WIDER = [...DEFAULT_SCOPES, 'contacts'];

/** Of world.connector, whose id is "calendar"; it ends with a connection in need. */
export async function change(world) {
  const { id } = await world.connect(world.connector);
  await world.rpc.call('rescope', { connector: 'calendar', scopes: WIDER });
  await world.rpc.call('disconnect', { connection: id });
  await world.rpc.call('rescope', { connector: 'calendar', scopes: DEFAULT_SCOPES });
  await world.connect(world.connector);
  await world.rpc.call('rescope', { connector: 'calendar', scopes: WIDER });
}
