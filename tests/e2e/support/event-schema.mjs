// docs/schemas/events.schema.json against the code, the documentation and real events.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

import Ajv from 'ajv/dist/2020.js';

const ROOT = new URL('../../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');
const SCHEMA = JSON.parse(read('docs/schemas/events.schema.json'));

/** The types that the schema defines. */
export const schemaTypes = () => SCHEMA.oneOf.map(({ $ref }) => $ref.replace('#/$defs/', '')).sort();

/** The types that the engine's code can send: it names each in a literal of its own. */
export function codeTypes() {
  const types = new Set();
  for (const file of readdirSync(new URL('daemon/engine/', ROOT)).filter((name) => name.endsWith('.c'))) {
    for (const [, type] of read(`daemon/engine/${file}`).matchAll(/STR\("((?:connection|connector|provider|log)\.[a-z_]+)"\)/g)) types.add(type);
  }
  return [...types].sort();
}

/** The events that docs/events.md shows. */
export const documentedEvents = () => [...read('docs/events.md').matchAll(/```json\n([^]*?)```/g)].map(([, text]) => JSON.parse(text));

/** The schema with nothing allowed that it doesn't name: what is sent is also told. */
function strict() {
  const schema = structuredClone(SCHEMA);
  for (const type of schemaTypes()) {
    schema.$defs[type].unevaluatedProperties = false;
    schema.$defs[type].properties.data.unevaluatedProperties = false;
  }
  for (const name of ['provider_error', 'remedy']) schema.$defs[name].additionalProperties = false;
  schema.$defs.connection.properties.account.additionalProperties = false;
  for (const kind of schema.$defs.owner.oneOf) kind.additionalProperties = false;
  return schema;
}

const ajv = new Ajv({ allErrors: true, strictTypes: false, strictRequired: false });
ajv.addSchema(strict());

/** Fails unless the event is, to the last member, what the schema says of its type. */
export function assertFitsSchema(event) {
  assert.ok(schemaTypes().includes(event.type), `no schema for ${event.type}`);
  const validate = ajv.getSchema(`${SCHEMA.$id}#/$defs/${event.type}`);
  const fits = validate(event);
  assert.ok(fits, `${ajv.errorsText(validate.errors)}: ${JSON.stringify(event)}`);
}
