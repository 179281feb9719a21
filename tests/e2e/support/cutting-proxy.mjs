// Stands between refreshd and Redis on TCP, can break off in the middle of a reply or of a command,
// and remembers what went through.

import { connect, createServer } from 'node:net';

export class CuttingProxy {
  #server;
  #sockets = new Set();
  #cut = false;
  #cutCommand = false;
  #scheme;
  /** Every byte of both directions, one after the other, as latin1. */
  tape = '';
  /** Of each connection, in their order, what refreshd sent, as latin1. */
  sent = [];

  /** Returns what World.keep() takes: the proxy, and how it ends. */
  static async start(port, { tls = false } = {}) {
    const proxy = new CuttingProxy();
    proxy.#scheme = tls ? 'rediss' : 'redis';
    proxy.#server = createServer((client) => proxy.#relay(client, port));
    await new Promise((resolve) => { proxy.#server.listen(0, '127.0.0.1', resolve); });
    return [proxy, () => proxy.stop()];
  }

  get url() {
    return `${this.#scheme}://127.0.0.1:${this.#server.address().port}/0`;
  }

  /** The next reply arrives by half, and the connection ends. */
  cutNextReply() {
    this.#cut = true;
  }

  /** The next command arrives by half, and the connection ends. */
  cutNextCommand() {
    this.#cutCommand = true;
  }

  #relay(client, port) {
    const server = connect(port, '127.0.0.1');
    const end = () => {
      for (const socket of [client, server]) {
        socket.destroy();
        this.#sockets.delete(socket);
      }
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    for (const socket of [client, server]) socket.on('data', (bytes) => { this.tape += bytes.toString('latin1'); });
    const number = this.sent.push('') - 1;
    client.on('data', (bytes) => {
      this.sent[number] += bytes.toString('latin1');
      if (!this.#cutCommand) {
        server.write(bytes);
        return;
      }
      this.#cutCommand = false;
      server.write(bytes.subarray(0, Math.floor(bytes.length / 2)), end);
    });
    server.on('data', (bytes) => {
      if (!this.#cut) {
        client.write(bytes);
        return;
      }
      this.#cut = false;
      client.write(bytes.subarray(0, Math.floor(bytes.length / 2)), end);
    });
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => { this.#server.close(resolve); });
  }
}
