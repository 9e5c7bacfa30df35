import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A wire between a client and a server that shows what passes and can be meddled with. */
export class TcpProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #target: number;
  readonly #clients = new Set<Socket>();
  readonly #sent: Buffer[] = [];
  #isHolding = false;
  #peak = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    this.url = `nats://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (client) => this.#join(client));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, targetPort);
  }

  /** Everything that clients sent so far, byte for byte, as Latin-1. */
  get sent(): string {
    return Buffer.concat(this.#sent).toString('latin1');
  }

  get connections(): number {
    return this.#clients.size;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The most connections at a time since `hold`. */
  get peak(): number {
    return this.#peak;
  }

  /** Cuts all connections; new ones are taken, and nothing passes. */
  hold(): void {
    this.#isHolding = true;
    this.cut();
    this.#peak = 0;
  }

  /** Cuts what was held; new connections pass again. */
  release(): void {
    this.#isHolding = false;
    this.cut();
  }

  /** Says something to all clients in the server's name. */
  inject(text: string): void {
    for (const client of this.#clients) client.write(text);
  }

  /** Cuts all connections without a word; new ones are taken. */
  cut(): void {
    for (const client of this.#clients) client.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  #join(client: Socket): void {
    this.#clients.add(client);
    this.#peak = Math.max(this.#peak, this.#clients.size);
    if (this.#isHolding) {
      client.on('error', () => undefined).on('close', () => this.#clients.delete(client));
      client.resume();
      return;
    }
    const upstream = connect(this.#target, '127.0.0.1');
    client.on('data', (chunk: Buffer) => this.#sent.push(chunk));
    client.pipe(upstream).pipe(client);
    const end = () => {
      this.#clients.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  }
}
