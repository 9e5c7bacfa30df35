import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { SamplingDecision } from '@opentelemetry/sdk-trace';
import { expect, test } from 'vitest';
import { ConnectSampler } from './connect-sampler.ts';
import { CANARY_SPAN, CONNECT_SPAN } from './span-names.ts';

/** The SDK folds a trace id by XOR of its 32-bit words and compares the result with the ratio. */
const UNLUCKY = `${'f'.repeat(8)}${'0'.repeat(24)}`;
const LUCKY = `${'0'.repeat(31)}1`;

function samplerAt(clock: { ms: number }, ratio = 0) {
  const sampler = new ConnectSampler({ connectsPerSecond: 5, ratio, now: () => clock.ms });
  return (name: string, traceId = UNLUCKY) =>
    sampler.shouldSample(ROOT_CONTEXT, traceId, name, SpanKind.INTERNAL, {}, []).decision ===
    SamplingDecision.RECORD_AND_SAMPLED;
}

test('the first five connects of a second are traced, the sixth falls to the ratio', () => {
  const sampled = samplerAt({ ms: 0 });
  expect(Array.from({ length: 6 }, () => sampled(CONNECT_SPAN))).toEqual([true, true, true, true, true, false]);
});

test('the allowance comes back with time and never exceeds one second of it', () => {
  const clock = { ms: 0 };
  const sampled = samplerAt(clock);
  const burst = () => Array.from({ length: 10 }, () => sampled(CONNECT_SPAN)).filter(Boolean).length;
  expect(burst()).toBe(5);
  clock.ms += 200;
  expect(burst()).toBe(1);
  clock.ms += 3_600_000;
  expect(burst()).toBe(5);
});

test('other roots are sampled by trace id alone and use up no allowance', () => {
  const sampled = samplerAt({ ms: 0 }, 0.01);
  expect(Array.from({ length: 100 }, () => sampled('request whatsapp.commands.{companyId}')).some(Boolean)).toBe(false);
  expect(sampled('request whatsapp.commands.{companyId}', LUCKY)).toBe(true);
  expect(sampled(CONNECT_SPAN)).toBe(true);
});

test('every canary round is traced, and none uses up the allowance', () => {
  const sampled = samplerAt({ ms: 0 });
  expect(Array.from({ length: 20 }, () => sampled(CANARY_SPAN)).every(Boolean)).toBe(true);
  expect(sampled(CONNECT_SPAN)).toBe(true);
});
