import fc from 'fast-check';
import type { Msg } from 'nats';
import { expect, test } from 'vitest';
import {
  findHeader,
  findLastHeader,
  headerBlockOf,
  parseHeaderBlock,
  readHeader,
  statusOf,
  toHeaders,
} from './message-headers.ts';

test('a header is read without regard to case and is undefined when absent or empty', () => {
  const headers = toHeaders({ TraceParent: 'a', 'x-empty': '' });
  expect(readHeader(headers, 'traceparent')).toBe('a');
  expect(readHeader(headers, 'TRACEPARENT')).toBe('a');
  expect(readHeader(headers, 'x-empty')).toBeUndefined();
  expect(readHeader(headers, 'absent')).toBeUndefined();
  expect(readHeader(undefined, 'traceparent')).toBeUndefined();
});

test('a stored header block is read line by line, malformed lines aside', () => {
  const header = parseHeaderBlock(
    'NATS/1.0\r\nbad key: v\r\nno colon\r\n: nameless\r\nNats-Msg-Id:  x:1 \r\nNats-Msg-Id: y\r\n\r\n',
  );
  expect(header('nats-msg-id')).toBe('x:1');
  expect(header('bad key')).toBe('v');
  expect(header('')).toBeUndefined();
  expect(header('traceparent')).toBeUndefined();
});

test('headers either keep to their own lines or are refused', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('\r', '\n', ':', ' ', 'a', '\0', 'NATS/1.0', 'ё') }),
  );
  fc.assert(
    fc.property(hostile, hostile, (name, value) => {
      let wire: string;
      try {
        wire = wireOf({ [name]: value });
      } catch {
        return;
      }
      expect(wire.split('\r\n').filter(Boolean)).toHaveLength(2);
      expect(wire.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
      expect(parseHeaderBlock(wire)(name) ?? '').toBe(value.trim());
    }),
    { numRuns: 5_000 },
  );
});

test('every header arrives under its own name, whatever that is', () => {
  const record = { 'ce-id': 'a', 'CE-ID': 'b', constructor: 'c', ['__proto__']: 'd', '!~': ' e ' };
  const header = parseHeaderBlock(wireOf(record));
  expect(Object.keys(record).map((name) => [name, header(name)])).toEqual([
    ['ce-id', 'a'],
    ['CE-ID', 'a'],
    ['constructor', 'c'],
    ['__proto__', 'd'],
    ['!~', 'e'],
  ]);
});

test.each(['', 'a:b', 'a b', 'a\tb', 'ё', 'a\r\nb', '\x7f'])('no header is named %j', (name) => {
  expect(() => toHeaders({ [name]: 'value' })).toThrow(TypeError);
});

test('no stored block whatever makes reading throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (block, name) => {
      parseHeaderBlock(block)(name);
    }),
  );
});

test('one header is found in a block as all of them would be read', () => {
  const block = 'NATS/1.0\r\nA: 1\r\nbad key: v\r\ntraceparent:  00-x \r\nTraceParent: later\r\nempty:\r\n\r\n';
  for (const name of ['A', 'a', 'traceparent', 'TRACEPARENT', 'bad key', 'empty', 'absent', 'NATS/1.0', '']) {
    expect([name, findHeader(block, name)]).toEqual([name, parseHeaderBlock(block)(name)]);
  }
  expect(findHeader(block, 'traceparent')).toBe('00-x');
  expect(findHeader('NATS/1.0\r\ntraceparent: cut', 'traceparent')).toBe('cut');
});

test('the last of equal names is the one that the server has put behind those of the publisher', () => {
  const block = 'NATS/1.0\r\nNats-Sequence: 666\r\nA: 1\r\nNats-Sequence: 7\r\nnats-sequence: 8\r\nB:\r\n\r\n';
  expect(findLastHeader(block, 'Nats-Sequence')).toBe('7');
  expect(findLastHeader(block, 'B')).toBeUndefined();
  expect(findLastHeader(block, 'Nats')).toBeUndefined();
});

test('the status of an answer stands in the first line alone', () => {
  expect(statusOf('NATS/1.0 404 Message Not Found\r\n\r\n')).toBe(404);
  expect(statusOf('NATS/1.0 503\r\n\r\n')).toBe(503);
  expect(statusOf('NATS/1.0\r\nA: NATS/1.0 404\r\n\r\n')).toBeUndefined();
  expect(statusOf('')).toBeUndefined();
  expect(statusOf(undefined)).toBeUndefined();
});

test('a message of another shape than the client library makes has no header block', () => {
  expect(headerBlockOf({} as Msg)).toBeUndefined();
  expect(headerBlockOf({ _rdata: new Uint8Array(3), _msg: { hdr: -1 } } as unknown as Msg)).toBeUndefined();
});

/** The encoded form of the client library, as it goes out. */
function wireOf(record: Readonly<Record<string, string>>): string {
  return (toHeaders(record) as { toString(): string }).toString();
}
