// One child process: started, its output kept, ended by its own pid and no other way.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { withDeadline } from './wait.mjs';

/**
 * setpriv's parent-death signal ends the child even when this process is killed outright, so that
 * a test that times out leaves nothing behind. setpriv execs: the pid stays the program's own.
 */
const GUARD = ['setpriv', '--pdeathsig', 'KILL', '--'];

export class Program {
  #child;
  #exit;
  output = '';

  constructor(command, args, { env = process.env, cwd, input, guard = true } = {}) {
    this.command = command;
    const [program, ...rest] = guard ? [...GUARD, command, ...args] : [command, ...args];
    this.#child = spawn(program, rest, {
      env,
      cwd,
      detached: true, // a Ctrl-C on the terminal is for us, who then stop it in order
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    this.stdout = '';
    this.stderr = '';
    this.#child.stdout.setEncoding('utf8').on('data', (text) => this.#collect('stdout', text));
    this.#child.stderr.setEncoding('utf8').on('data', (text) => this.#collect('stderr', text));
    this.#exit = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (status, signal) => resolve({ status, signal }));
    });
    this.#exit.catch(() => {});
    if (input !== undefined) {
      this.#child.stdin.on('error', () => {}); // it may end without reading
      this.#child.stdin.end(input);
    }
  }

  #collect(stream, text) {
    this[stream] += text;
    this.output += text;
  }

  get pid() {
    return this.#child.pid;
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits for the end: {status, signal}. */
  exited(within = 30_000) {
    return withDeadline(`${this.command} ends`, this.#exit, within);
  }

  signal(name) {
    if (this.running) this.#child.kill(name);
  }

  /** SIGTERM, then SIGKILL for one that doesn't listen. */
  async stop(within = 30_000) {
    if (!this.running) return this.#exit;
    this.signal('SIGCONT'); // a stopped process would never see the next one
    this.signal('SIGTERM');
    try {
      return await this.exited(within);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  async kill() {
    if (!this.running) return this.#exit;
    this.signal('SIGKILL');
    if (this.running) await once(this.#child, 'exit');
    return this.#exit;
  }
}

/** Runs a program to its end: {status, signal, stdout, stderr}. */
export async function run(command, args, { within = 30_000, ...options } = {}) {
  const program = new Program(command, args, options);
  try {
    const { status, signal } = await program.exited(within);
    return { status, signal, stdout: program.stdout, stderr: program.stderr };
  } finally {
    await program.kill();
  }
}
