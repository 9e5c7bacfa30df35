import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DelayLine } from './delay-line.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('each item is handed on after the delay, not before, and in order', () => {
  const taken: string[] = [];
  const line = new DelayLine<string>(1000, (item) => taken.push(item));
  line.put('a');
  vi.advanceTimersByTime(400);
  line.put('b');
  line.put('c');
  vi.advanceTimersByTime(599);
  expect(taken).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(taken).toEqual(['a']);
  vi.advanceTimersByTime(400);
  expect(taken).toEqual(['a', 'b', 'c']);
  expect(vi.getTimerCount()).toBe(0);
});

test('items that are due one after the other within a moment are handed on together, a moment late', () => {
  const taken: number[] = [];
  const line = new DelayLine<number>(1000, (item) => taken.push(item));
  for (let n = 0; n < 5; n += 1) {
    line.put(n);
    vi.advanceTimersByTime(1);
  }
  vi.advanceTimersByTime(995);
  expect(taken).toEqual([0]);
  vi.advanceTimersByTime(10);
  expect(taken).toEqual([0, 1, 2, 3, 4]);
});

test('any number of items costs one timer, and after a rest it runs again', () => {
  const taken: number[] = [];
  const line = new DelayLine<number>(1000, (item) => taken.push(item));
  for (let n = 0; n < 100; n += 1) line.put(n);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(taken).toHaveLength(100);
  line.put(100);
  vi.advanceTimersByTime(1000);
  expect(taken.at(-1)).toBe(100);
});

test('an item that is put in while others are handed on waits for its own time', () => {
  const taken: string[] = [];
  const line: DelayLine<string> = new DelayLine<string>(1000, (item) => {
    taken.push(item);
    if (item === 'a') line.put('b');
  });
  line.put('a');
  vi.advanceTimersByTime(1000);
  expect(taken).toEqual(['a']);
  vi.advanceTimersByTime(1000);
  expect(taken).toEqual(['a', 'b']);
});

test('nobody is handed on after the end', () => {
  const taken: string[] = [];
  const line = new DelayLine<string>(1000, (item) => taken.push(item));
  line.put('a');
  line[Symbol.dispose]();
  vi.advanceTimersByTime(5000);
  expect(taken).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
