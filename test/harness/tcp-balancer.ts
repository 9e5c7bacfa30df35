import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * A balancer of connections in front of several servers, as a layer 4 balancer is: it knows nothing of HTTP. A server that
 * refuses a connection is passed over.
 */
export class TcpBalancer implements AsyncDisposable {
  readonly #targets: readonly number[];
  readonly #listeners: Server[] = [];
  readonly #wires = new Set<Socket>();
  #turn = 0;

  /** @param targets ports of the servers. */
  constructor(targets: readonly number[]) {
    this.#targets = targets;
  }

  /** Where each connection goes to the next server in turn: what one client sends arrives everywhere. */
  plain(): Promise<string> {
    return this.#listen(() => {
      this.#turn += 1;
      return this.#turn;
    });
  }

  /** Where one client address dials: all its connections go to the same server. The addresses are spread in turn. */
  stickyAddress(number: number): Promise<string> {
    return this.#listen(() => number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#listeners.map((listener) => once(listener, 'close'));
    for (const listener of this.#listeners) listener.close();
    for (const wire of this.#wires) wire.destroy();
    await Promise.all(closed);
  }

  async #listen(choose: () => number): Promise<string> {
    const listener = createServer((client) => this.#join(client, choose(), this.#targets.length));
    this.#listeners.push(listener);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  }

  #join(client: Socket, choice: number, triesLeft: number): void {
    const target = this.#targets[choice % this.#targets.length];
    if (target === undefined || triesLeft === 0) {
      client.destroy();
      return;
    }
    const upstream = connect(target, '127.0.0.1');
    upstream.once('error', () => {
      if (upstream.bytesRead === 0 && upstream.bytesWritten === 0) this.#join(client, choice + 1, triesLeft - 1);
      else client.destroy();
    });
    upstream.once('connect', () => {
      this.#wires.add(client);
      client.pipe(upstream).pipe(client);
      const end = () => {
        this.#wires.delete(client);
        client.destroy();
        upstream.destroy();
      };
      for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    });
  }
}
