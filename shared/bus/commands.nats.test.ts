import { ROOT_CONTEXT, TraceFlags, context, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectBus, testCompany, type WatchedBus } from '../../test/harness/bus.ts';
import { startNatsServer, type NatsServer } from '../../test/harness/nats-server.ts';
import { enableTraceContext } from '../../test/harness/otel-context.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import type { Command, CommandReply } from '../contract/commands.ts';
import { ASSIGN_SUBJECT, commandsSubject } from '../contract/subjects.ts';
import { measureClockOffset, serveClock } from './clock-offset.ts';
import { requestCommand, serveAssignments, serveCommands } from './commands.ts';
import { natsOf } from './nats-connection.ts';
import { ping, servePing } from './ping.ts';
import { request } from './request.ts';

const company = testCompany(1);
const done: CommandReply = { ok: true };
const start = { companyId: company, name: 'start', deadlineMs: 5_000 } as const;

let stack: AsyncDisposableStack;
let server: NatsServer;
let gateway: WatchedBus;
let owner: WatchedBus;
let errors: unknown[];
const onError = (error: unknown) => void errors.push(error);

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  server = stack.use(await startNatsServer({ jetstream: false }));
  gateway = stack.use(await connectBus(server, { name: 'gateway' }));
  owner = stack.use(await connectBus(server, { name: 'owner' }));
  errors = [];
});

afterEach(() => stack.disposeAsync());

async function ask(subject: string, body: string | Uint8Array): Promise<unknown> {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const reply = await request(gateway.bus, subject, bytes, { timeoutMs: 5_000 });
  return JSON.parse(new TextDecoder().decode(reply.body));
}

const refusal = (code: string) => ({ ok: false, error: { code, message: expect.any(String) as unknown } });

describe('a command', () => {
  test('reaches the owner and brings back the snapshot', async () => {
    const commands: Command[] = [];
    const event = { type: 'starting', companyId: company, timestamp: 1 } as const;
    stack.use(
      serveCommands(owner.bus, company, async (command) => {
        commands.push(command);
        return { ok: true, event };
      }),
    );
    stack.use(serveAssignments(owner.bus, async () => refusal('NOT_OWNER') as CommandReply));
    await owner.bus.flush(5_000);
    expect(await requestCommand(gateway.bus, { ...start, name: 'request-qr' })).toEqual({ ok: true, event });
    expect(commands).toMatchObject([{ companyId: company, name: 'request-qr', id: /^[0-9a-f-]{36}$/ }]);
    expect(commands[0]?.deadline).toBeGreaterThan(Date.now());
  });

  test('falls to one member of the queue group when nobody owns the company', async () => {
    let handled = 0;
    const handler = async () => {
      handled += 1;
      return done;
    };
    stack.use(serveAssignments(owner.bus, handler));
    stack.use(serveAssignments(gateway.bus, handler));
    await Promise.all([owner.bus.flush(5_000), gateway.bus.flush(5_000)]);
    expect(await requestCommand(gateway.bus, start)).toEqual(done);
    expect(handled).toBe(1);
  });

  test('that finds the session between two owners asks until one has it', async () => {
    let asked = 0;
    const assign = async () => {
      asked += 1;
      if (asked < 3) return { ok: false, error: { code: 'NOT_OWNER', message: 'held by nobody yet' } } as const;
      stack.use(serveCommands(owner.bus, company, async () => done));
      await owner.bus.flush(5_000);
      return { ok: false, error: { code: 'NOT_OWNER', message: 'held by the other' } } as const;
    };
    stack.use(serveAssignments(owner.bus, assign));
    await owner.bus.flush(5_000);
    expect(await requestCommand(gateway.bus, { ...start, deadlineMs: 30_000 })).toEqual(done);
    expect(asked).toBe(3);
  });

  test("that nobody is the owner for until its deadline is refused in the last one's words", async () => {
    const refused = { ok: false, error: { code: 'NOT_OWNER', message: 'held by replica b' } } as const;
    stack.use(serveAssignments(owner.bus, async () => refused));
    await owner.bus.flush(5_000);
    expect(await requestCommand(gateway.bus, { ...start, deadlineMs: 1000 })).toEqual(refused);
  });

  test('that a full replica was asked to take over is offered to others, and refused when all are full', async () => {
    let asked = 0;
    let full = 3;
    const refused = { ok: false, error: { code: 'SESSION_LIMIT', message: 'full' } } as const;
    stack.use(
      serveAssignments(owner.bus, async () => {
        asked += 1;
        return asked > full ? done : refused;
      }),
    );
    await owner.bus.flush(5_000);
    expect(await requestCommand(gateway.bus, { ...start, deadlineMs: 30_000 })).toEqual(done);
    asked = 0;
    full = Infinity;
    expect(await requestCommand(gateway.bus, { ...start, deadlineMs: 30_000 })).toEqual(refused);
    expect(asked).toBe(5);
  });

  test('without any service is answered at once by an error of its own', async () => {
    await expect(requestCommand(gateway.bus, { ...start, deadlineMs: 600_000 })).rejects.toMatchObject({
      code: 'NO_RESPONDER',
    });
  });

  test('that nobody answers in time says so, and holds up no drain', async () => {
    const serving = serveCommands(owner.bus, company, () => new Promise<never>(() => undefined));
    stack.defer(() => serving.drain(1));
    await owner.bus.flush(5_000);
    await expect(requestCommand(gateway.bus, { ...start, deadlineMs: 50 })).rejects.toMatchObject({
      code: 'COMMAND_TIMEOUT',
    });
  });

  test('ends with the connection instead of with the deadline', async () => {
    const serving = serveCommands(owner.bus, company, () => new Promise<never>(() => undefined));
    stack.defer(() => serving.drain(1));
    await owner.bus.flush(5_000);
    const settled = Promise.allSettled([requestCommand(gateway.bus, { ...start, deadlineMs: 600_000 })]);
    await gateway.bus.flush(5_000);
    await server.kill();
    expect(await settled).toMatchObject([{ status: 'rejected', reason: { code: 'BUS_DISCONNECTED' } }]);
  });

  test('carries the trace of its sender into the handler', async () => {
    using _traced = enableTraceContext();
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const span = { traceId, spanId: 'b7ad6b7169203331', traceFlags: TraceFlags.SAMPLED };
    let parent: string | undefined;
    stack.use(
      serveCommands(owner.bus, company, async () => {
        parent = trace.getSpanContext(context.active())?.traceId;
        return done;
      }),
    );
    await owner.bus.flush(5_000);
    await context.with(trace.setSpanContext(ROOT_CONTEXT, span), () => requestCommand(gateway.bus, start));
    expect(parent).toBe(traceId);
  });

  test.each([
    '',
    'nonsense',
    '[]',
    '{}',
    '{"ok":1}',
    '{"ok":false}',
    '{"ok":false,"error":{"code":"NOVEL","message":""}}',
    '{"ok":true,"event":{"type":"qr"}}',
  ])('answered by %j is a bad answer, not a reply', async (answer) => {
    natsOf(owner.bus).subscribe(commandsSubject(company), { callback: (_error, message) => message.respond(answer) });
    await owner.bus.flush(5_000);
    await expect(requestCommand(gateway.bus, start)).rejects.toMatchObject({ code: 'BUS_BAD_ANSWER' });
  });

  test('whose answer is an event of another company is refused', async () => {
    const event = { type: 'starting', companyId: testCompany(2), timestamp: 1 };
    stack.use(serveCommands(owner.bus, company, async () => ({ ok: true, event }) as CommandReply));
    await owner.bus.flush(5_000);
    await expect(requestCommand(gateway.bus, start)).rejects.toMatchObject({ code: 'BUS_BAD_ANSWER' });
  });
});

describe('the owner', () => {
  test('answers INTERNAL when its handler fails, reports it, and goes on', async () => {
    let fail = true;
    const handler = async () => {
      if (fail) throw new Error('no database');
      return done;
    };
    stack.use(serveCommands(owner.bus, company, handler, { onError }));
    await owner.bus.flush(5_000);
    expect(await requestCommand(gateway.bus, start)).toEqual(refusal('INTERNAL'));
    expect(errors).toEqual([new Error('no database')]);
    fail = false;
    expect(await requestCommand(gateway.bus, start)).toEqual(done);
  });

  test('refuses a command whose deadline has passed without handling it', async () => {
    let handled = 0;
    const handler = async () => {
      handled += 1;
      return done;
    };
    const now = () => Date.now() + 60_000;
    stack.use(serveCommands(owner.bus, company, handler, { now }));
    await owner.bus.flush(5_000);
    expect(await requestCommand(gateway.bus, start)).toEqual(refusal('DEADLINE_PASSED'));
    expect(handled).toBe(0);
  });

  test('answers BAD_COMMAND to whatever is none, and handles the next one', async () => {
    stack.use(serveCommands(owner.bus, company, async () => done, { onError }));
    await owner.bus.flush(5_000);
    const subject = commandsSubject(company);
    const valid = { id: 'x', companyId: company, name: 'start', deadline: Date.now() + 60_000 };
    const bad = [
      '',
      'nonsense',
      JSON.stringify({ ...valid, companyId: testCompany(2) }),
      JSON.stringify({ ...valid, name: 'format-disk' }),
      JSON.stringify({ ...valid, deadline: -1 }),
      JSON.stringify({ ...valid, padding: 'x'.repeat(8_000) }),
    ];
    for (const body of bad) expect(await ask(subject, body)).toEqual(refusal('BAD_COMMAND'));
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (body) => {
        expect(await ask(subject, body)).toEqual(refusal('BAD_COMMAND'));
      }),
      { numRuns: 100 },
    );
    expect(await ask(subject, JSON.stringify(valid))).toEqual(done);
    expect(errors).toEqual([]);
  });

  test('takes no more at once than it may', async () => {
    const release = Promise.withResolvers<CommandReply>();
    let running = 0;
    const handler = () => {
      running += 1;
      return release.promise;
    };
    stack.use(serveAssignments(owner.bus, handler, { maxInFlight: 2 }));
    await owner.bus.flush(5_000);
    const first = [requestCommand(gateway.bus, start), requestCommand(gateway.bus, start)];
    await waitFor(() => running === 2, { what: 'two commands at work' });
    expect(await requestCommand(gateway.bus, start)).toEqual(refusal('BUSY'));
    release.resolve(done);
    expect(await Promise.all(first)).toEqual([done, done]);
  });

  test('answers what is at hand before its drain ends, and nothing after', async () => {
    const release = Promise.withResolvers<CommandReply>();
    let running = false;
    const serving = serveCommands(owner.bus, company, () => {
      running = true;
      return release.promise;
    });
    await owner.bus.flush(5_000);
    const requested = requestCommand(gateway.bus, start);
    await waitFor(() => running, { what: 'the command at work' });
    const drained = serving.drain();
    release.resolve(done);
    await drained;
    expect(await requested).toEqual(done);
    await expect(requestCommand(gateway.bus, start)).rejects.toMatchObject({ code: 'NO_RESPONDER' });
    await serving.drain();
  });

  test('survives a command that nobody waits for', async () => {
    let handled = 0;
    const handler = async () => {
      handled += 1;
      return done;
    };
    stack.use(serveAssignments(owner.bus, handler, { onError }));
    await owner.bus.flush(5_000);
    const body = JSON.stringify({ id: 'x', companyId: company, name: 'start', deadline: Date.now() + 60_000 });
    natsOf(gateway.bus).publish(ASSIGN_SUBJECT, body);
    await waitFor(() => handled === 1, { what: 'the command' });
    expect(await requestCommand(gateway.bus, start)).toEqual(done);
    expect(errors).toEqual([]);
  });
});

describe('ping and clock', () => {
  test('a ping measures the way to a service, and rejects without one', async () => {
    await expect(ping(gateway.bus)).rejects.toMatchObject({ code: 'BUS_NO_RESPONDERS' });
    stack.use(servePing(owner.bus));
    await owner.bus.flush(5_000);
    expect((await ping(gateway.bus)).latencyMs).toBeGreaterThan(0);
  });

  test('the offset of a peer that is ahead is found, from its own answers', async () => {
    expect(await measureClockOffset(gateway.bus)).toBeUndefined();
    stack.use(serveClock(owner.bus, () => performance.timeOrigin + performance.now() + 5_000));
    await owner.bus.flush(5_000);
    const measured = await measureClockOffset(gateway.bus, { nowMs: () => performance.timeOrigin + performance.now() });
    expect(measured?.roundTripMs).toBeGreaterThan(0);
    expect(Math.abs((measured?.offsetMs ?? 0) - 5_000)).toBeLessThanOrEqual((measured?.roundTripMs ?? 0) / 2);
  });

  test('a peer that answers nonsense has no known offset', async () => {
    natsOf(owner.bus).subscribe('whatsapp.clock', {
      callback: (_error, message) => message.respond('{"receivedMs":"x"}'),
    });
    await owner.bus.flush(5_000);
    expect(await measureClockOffset(gateway.bus)).toBeUndefined();
  });
});
