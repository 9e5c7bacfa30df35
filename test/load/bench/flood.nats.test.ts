import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toSeats } from '../generator/crew.ts';
import { Remote } from '../generator/remote.ts';
import { LoadPlan } from '../plan.ts';
import { OwnSystem } from '../system/own-system.ts';
import type { FloodMethods } from './flood.ts';

const PLAN = { profile: 'constant', rate: 1, durationMs: 1000, warmupMs: 0, seed: 1, traceRatio: 0 } as const;
const SEATED = new LoadPlan({ ...PLAN, companies: 19, sockets: 20 });
const CONTENT = { shape: { companies: 190, rooms: 19, audience: 0.5 }, events: 3000 };

let system: OwnSystem;
beforeAll(async () => {
  system = await OwnSystem.start({ gateways: 0, whatsapp: false });
});
afterAll(() => system[Symbol.asyncDispose]());

async function open(port: number, client: 'packets' | 'raw'): Promise<Remote<FloodMethods>> {
  const generator = new Remote<FloodMethods>(join(import.meta.dirname, 'flood.ts'));
  const seats = await toSeats(SEATED, {
    gatewayUrls: [`http://127.0.0.1:${port}`],
    client,
    token: system.token,
  });
  const wire = client === 'raw' ? 'nats-raw' : 'nats';
  await generator.call('open', { client, seats, wire, port: system.nats.port });
  return generator;
}

describe('a flood', () => {
  test.each(['packets', 'raw'] as const)(
    'finds every delivery in the bytes of %s listeners, run after run',
    async (client) => {
      const port =
        client === 'raw'
          ? await system.startProcess('floor', [join(import.meta.dirname, 'raw-gateway.ts')])
          : await system.startGateway('gateway');
      await using generator = await open(port, client);
      for (const epoch of [101, 102]) {
        await generator.call('prepare', { ...CONTENT, epoch });
        const { delivered, seconds } = await generator.call('run');
        const verdict = await generator.call('judge');
        expect(verdict).toMatchObject({ lost: 0, duplicated: 0, outOfOrder: 0, wrongRoom: 0, delivered });
        expect(delivered).toBe(verdict.expected);
        expect(delivered).toBeGreaterThan(1300);
        expect(seconds).toBeGreaterThan(0);
      }
    },
  );

  test('counts as lost what was prepared and not sent', async () => {
    await using generator = await open(await system.startGateway('unsent'), 'packets');
    await generator.call('prepare', { ...CONTENT, epoch: 201 });
    const verdict = await generator.call('judge');
    expect(verdict.lost).toBe(verdict.expected);
    expect(verdict.expected).toBeGreaterThan(1300);
  });
});
