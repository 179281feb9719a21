// Runs refreshctl against one daemon's socket.

import { REFRESHCTL, cleanEnvironment } from './binaries.mjs';
import { run } from './program.mjs';

export class Ctl {
  constructor(socket) {
    this.socket = socket;
  }

  /** {status, stdout, stderr}; never throws for an exit status. */
  run(args, options = {}) {
    return run(REFRESHCTL, ['--socket', this.socket, ...args], { env: cleanEnvironment(), input: '', ...options });
  }

  /** The parsed --json output of a verb that must succeed. */
  async json(args, options) {
    const { status, stdout, stderr } = await this.run(['--json', ...args], options);
    if (status !== 0) throw new Error(`refreshctl ${args.join(' ')}: exit ${status}: ${stderr}`);
    return JSON.parse(stdout);
  }
}

/** Makes a master key, as a new user does. */
export async function keygen(file) {
  const result = await run(REFRESHCTL, ['keygen', file], { env: cleanEnvironment(), input: '' });
  if (result.status !== 0) throw new Error(`refreshctl keygen: exit ${result.status}: ${result.stderr}`);
  return result;
}
