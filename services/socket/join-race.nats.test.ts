import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { subscribeEvents } from '../../shared/bus/event-feed.ts';
import { readLastEvent } from '../../shared/bus/last-event.ts';
import type { CompanyId } from '../../shared/contract/company-id.ts';
import type { SessionEvent } from '../../shared/contract/events.ts';
import { startNatsCluster, type NatsCluster } from '../../test/harness/nats-cluster.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { GatewayUnderTest, ownerEvent, type TestBrowser } from '../../test/harness/socket-gateway.ts';
import { waitFor } from '../../test/harness/wait-for.ts';

/** The moments of a join, in order. Between entering the room and asking the stream no event can be processed. */
const MOMENTS = [
  'before the handshake',
  'after the handshake and before the first read is asked for',
  'after the stream has answered and before the answer is looked at',
  'after the first state was shown',
  'before the second read is asked for',
  'after the second answer and before it is looked at',
  'after the last read',
] as const;
type Moment = (typeof MOMENTS)[number];

const LATER_READS_MS = [60, 120];

/** Each test has a company of its own. */
let lastSalon = 962_301;

describe.each([
  ['one server', 1],
  ['a cluster of three with three copies', 3],
] as const)('a join on %s', (_title, replicas) => {
  let nats: NatsServer | NatsCluster;
  let gateway: GatewayUnderTest;
  /** Runs at the moments of the reads of the company under test; `undefined` runs nothing. */
  let onMoment: ((moment: Moment) => Promise<void>) | undefined;
  /** Ids of events that the gateway's feed brought, and of those that it is made to lose. */
  const arrived = new Set<string>();
  const lost = new Set<string>();

  beforeAll(async () => {
    nats = replicas === 1 ? await startNatsServer() : await startNatsCluster();
    const reads = new Map<CompanyId, number>();
    gateway = await GatewayUnderTest.start(nats.url, {
      env: { STREAM_REPLICAS: String(replicas) },
      laterReadsMs: LATER_READS_MS,
      auditRoundMs: 1000,
      subscribe: (bus, onMessage, onError) =>
        subscribeEvents(
          bus,
          (message) => {
            const { id = '' } = JSON.parse(new TextDecoder().decode(message.body)) as { id?: string };
            if (!lost.has(id)) onMessage(message);
            arrived.add(id);
          },
          onError,
        ),
      readLastEvent: async (bus, companyId) => {
        const count = (reads.get(companyId) ?? 0) + 1;
        reads.set(companyId, count);
        if (count === 1) await onMoment?.('after the handshake and before the first read is asked for');
        if (count === 2) await onMoment?.('before the second read is asked for');
        const stored = await readLastEvent(bus, companyId);
        if (count === 1) await onMoment?.('after the stream has answered and before the answer is looked at');
        if (count === 2) await onMoment?.('after the second answer and before it is looked at');
        if (count === 3) await onMoment?.('after the last read');
        return stored;
      },
    });
  });

  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await nats?.[Symbol.asyncDispose]();
  });

  function store(event: SessionEvent): Promise<unknown> {
    return gateway.nats.jetstream().publish(`whatsapp.events.${event.companyId}`, JSON.stringify(event));
  }

  describe.each([
    ['delivered live', false],
    ['lost on its way', true],
  ] as const)('while an event is %s', (_how, loses) => {
    test.each(MOMENTS)('%s ends on that event, and never goes back', async (when) => {
      lastSalon += 1;
      const salon = lastSalon;
      const event = ownerEvent(salon, 'connected', { epoch: 1, seq: 2 });
      if (loses) lost.add(String(event.id));
      let fired = false;
      const fire = async (moment: Moment) => {
        if (moment !== when || fired) return;
        fired = true;
        // In the stream for certain, and through the feed or past it, before the join goes on.
        await store(event);
        await waitFor(() => arrived.has(String(event.id)), { what: 'the event to reach the gateway' });
      };
      await store(ownerEvent(salon, 'starting', { epoch: 1, seq: 1 }));
      onMoment = fire;
      await fire('before the handshake');
      const browser = await gateway.join(salon);
      if (when === 'after the first state was shown') {
        await browser.got('session-state');
        await fire(when);
      }
      await browser.showing('connected', 30_000);
      onMoment = undefined;
      expect(fired).toBe(true);
      expectOrdered(browser);
      browser.socket.disconnect();
    });
  });

  test('of sixty tabs, while their companies are linked, ends connected for each', async () => {
    const salons = Array.from({ length: 20 }, (_, n) => 970_000 + n);
    const link = async (salon: number) => {
      for (const [seq, type] of (['starting', 'linked', 'connected'] as const).entries()) {
        await gateway.publishEvent(ownerEvent(salon, type, { epoch: 1, seq: seq + 1 }));
      }
    };
    const open = async (salon: number) => [
      await gateway.join(salon),
      await gateway.join(salon),
      await gateway.join(salon),
    ];
    const [tabs] = await Promise.all([Promise.all(salons.map(open)), Promise.all(salons.map(link))]);
    for (const tab of tabs.flat()) {
      await tab.showing('connected', 30_000);
      expectOrdered(tab);
      tab.socket.disconnect();
    }
  });

  if (replicas === 1) return;
  test('while the leader of the stream is dead is shown live events at once and its state when there is a new one', async () => {
    await store(ownerEvent(980_001, 'connected', { epoch: 1, seq: 1 }));
    const open = await gateway.join(980_002);
    const leader = await (nats as NatsCluster).leaderOf(gateway.nats, 'WHATSAPP_EVENTS');
    await leader.kill();
    const joining = await gateway.join(980_001);
    await waitFor(
      async () => {
        // Both sides may have stood on the server that died: repeated until it was heard, told apart by its id.
        await gateway.publishEvent(ownerEvent(980_002, 'connected', { epoch: 1, seq: 1 }));
        return open.payloads('whatsapp-connected').length > 0;
      },
      { what: 'a live event', timeoutMs: 60_000 },
    );
    await joining.showing('connected', 60_000);
    await waitFor(() => gateway.service.readiness().ready, { what: 'readiness', timeoutMs: 60_000 });
    const mistaken = 'the stream of the events is another one than before';
    expect(gateway.log.filter(({ msg }) => msg === mistaken)).toEqual([]);
  }, 120_000);
});

function expectOrdered(browser: TestBrowser): void {
  const shown = browser.states.map(({ seq = 0 }) => seq);
  expect(shown).toEqual(shown.toSorted((a, b) => a - b));
}
