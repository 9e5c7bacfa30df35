/**
 * The floor: what NATS and WebSocket cost in the two-process shape when nothing is done in between. The body goes to every
 * browser of its company as it came.
 */
import { createServer } from 'node:http';
import { connect } from 'nats';
import { WebSocketServer, type WebSocket } from 'ws';
import { RAW_SUBJECT_PREFIX } from '../generator/transport.ts';
import { announce } from './announce.ts';

const rooms = new Map<string, Set<WebSocket>>();
const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on('connection', (socket, request) => {
  const company = new URL(request.url ?? '/', 'http://localhost').searchParams.get('company') ?? '';
  const room = rooms.get(company) ?? new Set();
  rooms.set(company, room.add(socket));
  socket.on('close', () => room.delete(socket));
});

const nats = await connect({ servers: process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222', name: 'raw-gateway' });
nats.subscribe(`${RAW_SUBJECT_PREFIX}*`, {
  callback: (_, message) => {
    const room = rooms.get(message.subject.slice(RAW_SUBJECT_PREFIX.length));
    if (room) for (const socket of room) socket.send(message.data, { binary: false });
  },
});
announce(server);
process.once('SIGTERM', () => process.exit());
