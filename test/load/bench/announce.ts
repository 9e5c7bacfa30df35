import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Listens on a free port and says so as the services do. */
export function announce(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    const line = (fields: object) => process.stdout.write(`${JSON.stringify({ level: 30, ...fields })}\n`);
    line({ msg: 'listening', variable: 'PORT', port });
    line({ msg: 'ready' });
  });
}
