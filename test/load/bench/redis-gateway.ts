/**
 * The design that this system replaces: one Redis channel for all companies, each message parsed and emitted to the room
 * of its salon. No durability, no deduplication, no validation, no trace, no metric. The token is read, not verified:
 * that happens once a connection and is not what is measured.
 */
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import { decodeJwt } from 'jose';
import { Server } from 'socket.io';
import { CONNECTED_MESSAGE, MARKETPLACE_NAMESPACE } from '../../../shared/contract/socket-events.ts';
import { REDIS_CHANNEL } from '../generator/transport.ts';
import { announce } from './announce.ts';

interface LegacyEvent {
  readonly type: string;
  readonly companyId: string;
  readonly phoneNumber: string;
  readonly epoch: number;
  readonly seq: number;
}

const server = createServer();
const namespace = new Server(server, { serveClient: false }).of(MARKETPLACE_NAMESPACE);
namespace.on('connection', (socket) => {
  const { salon_id: salonId } = decodeJwt(String(socket.handshake.auth['token']));
  void socket.join(`company-${String(salonId)}`);
});

const redis = new Redis(Number(process.env['REDIS_PORT']), '127.0.0.1');
redis.on('message', (_, text: string) => {
  const { type, companyId, phoneNumber, epoch, seq } = JSON.parse(text) as LegacyEvent;
  if (type !== 'connected') return;
  // Epoch and seq are the benchmark's: it counts by them what arrives.
  namespace.to(`company-${companyId.replace('company_', '')}`).emit('whatsapp-connected', {
    success: true,
    phone: phoneNumber,
    sessionId: companyId,
    message: CONNECTED_MESSAGE,
    epoch,
    seq,
  });
});
await redis.subscribe(REDIS_CHANNEL);
announce(server);
process.once('SIGTERM', () => process.exit());
