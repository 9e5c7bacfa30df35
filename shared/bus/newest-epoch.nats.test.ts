import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectBus, readStoredEvents, testCompany, testEvent, type WatchedBus } from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import type { CompanyId } from '../contract/company-id.ts';
import { MAX_EPOCH } from '../contract/position.ts';
import { ConfirmedPublisher } from './confirmed-publisher.ts';
import { readNewestEpoch } from './newest-epoch.ts';
import { storeEvent } from './store-event.ts';
import { ensureStreams } from './streams.ts';

const STREAMS = { replicas: 1, mayChange: true } as const;

let server: NatsServer;
let watched: WatchedBus;
let publisher: ConfirmedPublisher;
let next = 0;

beforeAll(async () => {
  server = await startNatsServer();
  watched = await connectBus(server);
  await ensureStreams(watched.bus, STREAMS);
  publisher = new ConfirmedPublisher(watched.bus, { streams: STREAMS });
});
afterAll(async () => {
  await publisher.drain(0);
  await watched[Symbol.asyncDispose]();
  await server.stop();
});

function company(): CompanyId {
  next += 1;
  return testCompany(next);
}

async function byHand(companyId: CompanyId, extra: object = {}): Promise<void> {
  const event = { type: 'starting', companyId, timestamp: 1, ...extra };
  await storeEvent(watched.bus, companyId, new TextEncoder().encode(JSON.stringify(event)), 5_000);
}

describe('the newest epoch of a company', () => {
  test('is 0 without events, and that of the last one otherwise', async () => {
    const salon = company();
    expect(await readNewestEpoch(watched.bus, salon)).toBe(0);
    await publisher.publish(salon, testEvent(salon, { epoch: 41, seq: 1 }));
    expect(await readNewestEpoch(watched.bus, salon)).toBe(41);
  });

  test('is found behind events published by hand', async () => {
    const salon = company();
    await byHand(salon);
    expect(await readNewestEpoch(watched.bus, salon)).toBe(0);
    await publisher.publish(salon, testEvent(salon, { epoch: 7, seq: 1 }));
    await byHand(salon);
    await storeEvent(watched.bus, salon, new TextEncoder().encode('not JSON'), 5_000);
    expect(await readNewestEpoch(watched.bus, salon)).toBe(7);
  });

  test('an epoch that somebody made up is followed: gateways have believed it', async () => {
    const salon = company();
    await byHand(salon, { epoch: 2 ** 39, seq: 1 });
    expect(await readNewestEpoch(watched.bus, salon)).toBe(2 ** 39);
  });

  test('one beyond the highest is no event at all', async () => {
    const salon = company();
    await publisher.publish(salon, testEvent(salon, { epoch: 3, seq: 1 }));
    await byHand(salon, { epoch: Number.MAX_SAFE_INTEGER, seq: 1 });
    expect(await readNewestEpoch(watched.bus, salon)).toBe(3);
    const outcome = await publisher.publish(salon, testEvent(salon, { epoch: 4, seq: 1 }));
    expect(outcome).toEqual({ kind: 'stored' });
  });

  test('events that would leave no room are taken out, and the next owner publishes', async () => {
    const salon = company();
    await publisher.publish(salon, testEvent(salon, { epoch: 3, seq: 1 }));
    await byHand(salon, { epoch: MAX_EPOCH, seq: 1 });
    await byHand(salon, { epoch: MAX_EPOCH - 1, seq: 9 });
    const forged: unknown[] = [];
    const onForged = (companyId: CompanyId, events: number) => void forged.push([companyId, events]);
    expect(await readNewestEpoch(watched.bus, salon, { onForged })).toBe(3);
    expect(forged).toEqual([[salon, 2]]);
    expect(await readStoredEvents(watched.bus, salon)).toHaveLength(1);
    const outcome = await publisher.publish(salon, testEvent(salon, { epoch: 4, seq: 1 }));
    expect(outcome).toEqual({ kind: 'stored' });
  });
});
