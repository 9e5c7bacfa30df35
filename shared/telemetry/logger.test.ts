import { Writable } from 'node:stream';
import { INVALID_SPAN_CONTEXT, ROOT_CONTEXT, context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from './logger.ts';

const manager = new AsyncLocalStorageContextManager();
beforeAll(() => void context.setGlobalContextManager(manager.enable()));
afterAll(() => context.disable());

function capture() {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return { lines, logger: createLogger({ name: 'probe', level: 'info', destination }) };
}

test('a line inside a span carries its trace id, a line outside carries none', () => {
  const { lines, logger } = capture();
  const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  context.with(trace.setSpanContext(ROOT_CONTEXT, spanContext), () => logger.info('inside'));
  logger.info('outside');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    name: 'probe',
    trace_id: spanContext.traceId,
    span_id: spanContext.spanId,
    trace_flags: '01',
  });
  expect(lines[1]).not.toContain('trace_id');
});

test('a span of nobody, as there is without the SDK, leaves no ids of zeros', () => {
  const { lines, logger } = capture();
  context.with(trace.setSpanContext(ROOT_CONTEXT, INVALID_SPAN_CONTEXT), () => logger.info('inside'));
  expect(lines[0]).not.toContain('trace_id');
});

const failed = Object.assign(new Error('no'), { code: 'X', token: 'SECRET', creds: { noiseKey: 'SECRET' } });

test.each([
  ['as a field', { token: 'SECRET', qr: 'SECRET', creds: { noiseKey: 'SECRET' } }],
  ['in an object', { session: { qr: 'SECRET', creds: { noiseKey: 'SECRET' }, token: 'SECRET' } }],
  ['as a header', { headers: { authorization: 'SECRET' } }],
  ['as the text of a pairing code', { code: { text: 'SECRET' } }],
  ['in an error', { err: failed }],
  ['in an error alone', failed],
])('a secret given by mistake %s is not written', (_, given) => {
  const { lines, logger } = capture();
  logger.info(given, 'oops');
  logger.child(given instanceof Error ? { err: given } : given).info('oops');
  expect(lines[0]).toContain('oops');
  expect(lines[0]).not.toContain('SECRET');
});

test('a secret of a child logger or in the text of a line is not written', () => {
  const { lines, logger } = capture();
  logger.child({ token: 'SECRET' }).info('oops');
  logger.info('oops %j', { token: 'SECRET' });
  expect(lines).toHaveLength(2);
  expect(lines.join('')).not.toContain('SECRET');
});

test('everything else is written as it is', () => {
  const { lines, logger } = capture();
  const loop: Record<string, unknown> = { n: 1 };
  loop['self'] = loop;
  const says = { token: 'SECRET', toJSON: () => ({ id: 1 }) };
  const fields = { code: 'BUS_TIMEOUT', text: 'x', list: [1, { a: 2 }], none: null, absent: undefined, says };
  logger.info(fields, 'fine');
  logger.info({ loop }, 'fine');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    code: 'BUS_TIMEOUT',
    text: 'x',
    list: [1, { a: 2 }],
    none: null,
    says: { id: 1 },
    msg: 'fine',
  });
  expect(lines[1]).toContain('"n":1');
  expect(lines).toHaveLength(2);
});

test('what was given stays as it is', () => {
  const { logger } = capture();
  const session = { qr: 'SECRET' };
  logger.info({ session, failed }, 'oops');
  expect([session.qr, failed.token]).toEqual(['SECRET', 'SECRET']);
});
