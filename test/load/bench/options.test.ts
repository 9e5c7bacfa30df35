import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../deploy/operate/usage-error.ts';
import { parseBenchArgs } from './options.ts';

describe('the command line of npm run bench', () => {
  test('compares with the other designs unless told, in at least six repetitions', () => {
    expect(parseBenchArgs([])).toMatchObject({ benchmark: 'comparison', repetitions: 6 });
  });

  test('takes the name of another benchmark', () => {
    expect(parseBenchArgs(['sockets', '--sockets', '500'])).toMatchObject({ benchmark: 'sockets', sockets: 500 });
  });

  test.each([
    [['rockets']],
    [['sockets', 'sessions']],
    [['--repetitions', '0']],
    [['--seconds', '1.5']],
    [['--events', 'many']],
    [['--sessions', '10001']],
    [['--sockets', '']],
  ])('refuses %j', (args) => {
    expect(() => parseBenchArgs(args)).toThrow(UsageError);
  });
});
