import { WebSocket } from 'ws';
import { waitFor } from './wait-for.ts';

/** A client of Engine.IO alone, which sends whatever it is told to. */
export class RawTransport implements Disposable {
  readonly socket: WebSocket;
  /** Every packet in order of arrival. */
  readonly received: string[] = [];

  private constructor(url: string) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    // Being cut off is what these clients are for.
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data: Buffer) => this.received.push(data.toString()));
  }

  /** @param url of the gateway, with `http`. */
  static async open(url: string): Promise<RawTransport> {
    const transport = new RawTransport(url);
    await transport.got('0');
    return transport;
  }

  /** Joins the namespace with the token. */
  async join(token: string): Promise<this> {
    this.socket.send(`40/marketplace,${JSON.stringify({ token })}`);
    await this.got('40/marketplace');
    return this;
  }

  /** Resolves to the first packet that begins so. */
  got(beginning: string): Promise<string> {
    return waitFor(() => this.received.find((packet) => packet.startsWith(beginning)), { what: `packet ${beginning}` });
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}
