// Where the test provider keeps its clients, grants and tokens. oidc-provider's own memory adapter
// forgets the oldest past 1,000 records, and knows no grace for a rotated refresh token; many real
// providers do (Okta 30 s, Atlassian 10 min), so this one can.

export class ProviderStore {
  records = new Map(); // "Model:id" → payload
  grants = new Map(); // grant id → Set of keys
  /** (client id) → seconds in which a rotated refresh token still works. */
  graceOf = () => 0;

  adapter = (model) => new Adapter(this, model);
}

class Adapter {
  constructor(store, model) {
    this.store = store;
    this.model = model;
  }

  #key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    const key = this.#key(id);
    this.store.records.set(key, payload);
    if (payload.grantId) {
      if (!this.store.grants.has(payload.grantId)) this.store.grants.set(payload.grantId, new Set());
      this.store.grants.get(payload.grantId).add(key);
    }
  }

  async find(id) {
    const payload = this.store.records.get(this.#key(id));
    if (!payload?.rotatedAt) return payload;
    const graceMs = this.store.graceOf(payload.clientId) * 1000;
    const spent = Date.now() >= payload.rotatedAt + graceMs;
    return { ...payload, consumed: spent ? Math.floor(payload.rotatedAt / 1000) : undefined };
  }

  async findByUid(uid) {
    for (const [key, payload] of this.store.records) {
      if (key.startsWith(`${this.model}:`) && payload.uid === uid) return payload;
    }
    return undefined;
  }

  async findByUserCode() {
    return undefined; // the device flow is off
  }

  async consume(id) {
    const payload = this.store.records.get(this.#key(id));
    payload.rotatedAt ??= Date.now();
  }

  async destroy(id) {
    this.store.records.delete(this.#key(id));
  }

  async revokeByGrantId(grantId) {
    for (const key of this.store.grants.get(grantId) ?? []) this.store.records.delete(key);
    this.store.grants.delete(grantId);
  }
}
