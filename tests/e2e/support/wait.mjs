// Waiting, with a reason: every wait names what it waits for, so that a failure says what didn't happen.

import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** Sanitizer builds are several times slower; nothing here is a performance test. */
const PATIENCE = Number(process.env.REFRESHD_E2E_PATIENCE ?? 1);

/**
 * Calls probe() until it returns something truthy, and returns that. A probe that throws counts as
 * "not yet"; its last error is shown if time runs out.
 */
export async function eventually(what, probe, { within = 15_000, every = 50 } = {}) {
  const deadline = Date.now() + within * PATIENCE;
  let lastError;
  let last;
  for (;;) {
    try {
      last = await probe();
      lastError = undefined;
      if (last) return last;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() >= deadline) {
      const seen = lastError ? `last error: ${lastError.message}` : `last seen: ${JSON.stringify(last)}`;
      throw new Error(`did not happen within ${within * PATIENCE} ms: ${what} (${seen})`, { cause: lastError });
    }
    await sleep(every);
  }
}

/** Fails if probe() becomes truthy during the given time: for "nothing else happens". */
export async function never(what, probe, { during, every = 100 }) {
  const end = Date.now() + during;
  do {
    const seen = await probe();
    if (seen) throw new Error(`must not happen, but did: ${what} (${JSON.stringify(seen)})`);
    await sleep(every);
  } while (Date.now() < end);
}

/** The promise's value, or an error that says what took too long. */
export async function withDeadline(what, promise, milliseconds) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${milliseconds * PATIENCE} ms: ${what}`)),
      milliseconds * PATIENCE,
    );
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
