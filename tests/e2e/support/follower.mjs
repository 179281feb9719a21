// refreshctl following the log: started, its lines kept, ended by its own pid.

import { REFRESHCTL, cleanEnvironment } from './binaries.mjs';
import { Program } from './program.mjs';

export class Follower extends Program {
  /** Returns what World.keep() takes: the follower, and how it ends. */
  static start(socket, args) {
    const follower = new Follower(REFRESHCTL, ['--socket', socket, ...args], { env: cleanEnvironment() });
    return [follower, () => follower.kill()];
  }

  /** The events printed so far with --json, parsed; a line that is not whole is an error. */
  get events() {
    return whole(this.stdout).map((line) => JSON.parse(line));
  }

  /** What programs are told on standard error with --json: [{message, data}]. */
  get notes() {
    return whole(this.stderr).map((line) => JSON.parse(line));
  }
}

function whole(text) {
  return text.split('\n').slice(0, -1);
}
