// Who plays: three connectors, one of each type, and the connections under them.

import { DEFAULT_SCOPES } from '../support/provider.mjs';

export const connectors = [
  { id: 'team-calendar', type: 'shared', name: 'Team calendar', who: 'everybody in an app shares one connection' },
  { id: 'crm-sync', type: 'superagent', name: 'CRM sync', who: 'each Superagent has its own' },
  { id: 'my-contacts', type: 'app_user', name: 'My contacts', who: 'each person in an app has their own' },
];

const connections = [
  { connector: 'team-calendar', account: 'sales', owner: { apps: ['crm'] } },
  { connector: 'team-calendar', account: 'support', owner: { apps: ['helpdesk'] } },
  { connector: 'crm-sync', account: 'robin', owner: { superagent: 'sa-robin' } },
  { connector: 'crm-sync', account: 'kim', owner: { superagent: 'sa-kim' } },
  { connector: 'my-contacts', account: 'ana', owner: { app: 'crm', user: 'u-ana' } },
  { connector: 'my-contacts', account: 'ben', owner: { app: 'crm', user: 'u-ben' } },
];

export const scopes = DEFAULT_SCOPES;

/** Registers and imports all of them: Map(account → {id, grantId, connector, …}). */
export async function assemble(world, screen) {
  const registered = new Map();
  for (const { id, type, name, who } of connectors) {
    registered.set(id, await world.addConnector({ id, type, register: { name } }));
    screen.line('+', name, `${type}: ${who}`);
  }
  const cast = new Map();
  for (const { connector, account, owner } of connections) {
    const connection = await world.connect(registered.get(connector), { owner, account });
    cast.set(account, { ...connection, account, connector: registered.get(connector) });
    screen.line('+', account, `connected to ${connector} for ${JSON.stringify(owner)}: ${connection.id}`);
  }
  return cast;
}
