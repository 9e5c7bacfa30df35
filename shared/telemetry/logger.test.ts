import { Writable } from 'node:stream';
import { ROOT_CONTEXT, context, trace } from '@opentelemetry/api';
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

test('secrets given by mistake are not written', () => {
  const { lines, logger } = capture();
  logger.info({ token: 'SECRET', session: { qr: 'SECRET', creds: 'SECRET' }, code: { text: 'SECRET' } }, 'oops');
  expect(lines.join('')).not.toContain('SECRET');
});
