// What a test started, it stops: in reverse order, whatever happened before.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Cleanup {
  #steps = [];

  /** Registers a step and hands the thing back: const redis = cleanup.add(r, () => r.stop()). */
  add(thing, step) {
    this.#steps.push(step);
    return thing;
  }

  /** A fresh directory, removed at the end. Short, since a Unix socket's path has at most 107 bytes. */
  async directory() {
    const path = await mkdtemp(join(tmpdir(), 'rfd-'));
    return this.add(path, async () => {
      if (!process.env.REFRESHD_E2E_KEEP) await rm(path, { recursive: true, force: true });
    });
  }

  async run() {
    const errors = [];
    while (this.#steps.length > 0) {
      const step = this.#steps.pop();
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, errors.map((e) => e.message).join('; '));
  }
}
