// A JSON-RPC 2.0 client for the control socket: one JSON value a line, requests pipelined, pushed
// notifications collected.

import { once } from 'node:events';
import { createConnection } from 'node:net';

import { eventually, withDeadline } from './wait.mjs';

export class RpcError extends Error {
  constructor(method, { code, message, data }) {
    super(`${method}: ${code} ${message} ${data ? JSON.stringify(data) : ''}`.trim());
    this.rpcCode = code;
    this.rpcMessage = message;
    this.data = data;
  }
}

export class RpcClient {
  #socket;
  #pending = new Map(); // id → {method, resolve, reject}
  #nextId = 1;
  #rest = '';
  /** Everything that came, line by line, parsed. */
  lines = [];
  notifications = [];
  closed = false;

  static async connect(path) {
    const client = new RpcClient();
    client.#socket = createConnection({ path, allowHalfOpen: true });
    await once(client.#socket, 'connect');
    client.#socket.setEncoding('utf8');
    client.#socket.on('data', (text) => client.#take(text));
    client.#socket.on('error', () => {}); // 'close' follows
    client.#socket.on('end', () => client.#socket.end());
    client.#socket.on('close', () => client.#fail(new Error('the daemon closed the connection')));
    return client;
  }

  #take(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop();
    for (const line of lines) {
      const value = JSON.parse(line);
      this.lines.push(value);
      for (const message of [value].flat()) this.#dispatch(message);
    }
  }

  #dispatch(message) {
    if ('method' in message) {
      this.notifications.push(message);
      return;
    }
    const call = this.#pending.get(message.id);
    if (!call) return; // an error without an id, or an answer to a raw line: see `lines`
    this.#pending.delete(message.id);
    if (message.error) call.reject(new RpcError(call.method, message.error));
    else call.resolve(message.result);
  }

  #fail(error) {
    this.closed = true;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #expect(method) {
    const id = this.#nextId;
    this.#nextId += 1;
    const answer = new Promise((resolve, reject) => {
      this.#pending.set(id, { method, resolve, reject });
    });
    answer.catch(() => {}); // handled by whoever awaits it, later
    return { request: { jsonrpc: '2.0', id, method }, answer };
  }

  /** The result, or an RpcError. */
  call(method, params, { within = 30_000 } = {}) {
    const { request, answer } = this.#expect(method);
    this.raw(JSON.stringify({ ...request, ...(params && { params }) }));
    return withDeadline(method, answer, within);
  }

  /** Several calls on one line: the promises, in order. */
  batch(calls) {
    const expected = calls.map(([method, params]) => ({ params, ...this.#expect(method) }));
    this.raw(JSON.stringify(expected.map(({ request, params }) => ({ ...request, ...(params && { params }) }))));
    return Promise.all(expected.map(({ answer }) => withDeadline('batch', answer, 30_000)));
  }

  notify(method, params) {
    this.raw(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** Any bytes, as they are, and a newline. */
  raw(line) {
    this.#socket.write(`${line}\n`);
  }

  /** Any bytes without a newline. */
  bytes(bytes) {
    this.#socket.write(bytes);
  }

  /** The next line after those already seen. */
  async nextLine(what = 'a line from the daemon', within = 10_000) {
    const seen = this.lines.length;
    return eventually(what, () => this.lines[seen], { within, every: 10 });
  }

  halfClose() {
    this.#socket.end();
  }

  close() {
    this.#socket.destroy();
  }
}
