import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { droppedConsoleCalls, guardConsole } from './console-guard.ts';

function capturedConsole() {
  const written: string[] = [];
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });
  return { target: new Console({ stdout, stderr: stdout }), written };
}

test('nothing that is printed comes out any more, whatever the method', () => {
  const { target, written } = capturedConsole();
  target.info('before');
  guardConsole(target);
  const before = droppedConsoleCalls();
  const secret = { privKey: 'do not print' };
  target.log(secret);
  target.info('Closing session:', secret);
  target.warn('Session already closed', secret);
  target.error(secret);
  target.debug(secret);
  target.trace(secret);
  target.dir(secret);
  target.table([secret]);
  expect(written).toEqual(['before\n']);
  expect(droppedConsoleCalls() - before).toBe(8);
});

test('no later code can put a method back', () => {
  const { target, written } = capturedConsole();
  guardConsole(target);
  expect(() => {
    target.info = () => {};
  }).toThrow(TypeError);
  expect(() => Object.defineProperty(target, 'info', { value: () => {} })).toThrow(TypeError);
  target.info('still silent');
  expect(written).toEqual([]);
});

test('guarding twice is the same as once', () => {
  const { target } = capturedConsole();
  guardConsole(target);
  expect(() => guardConsole(target)).not.toThrow();
});
