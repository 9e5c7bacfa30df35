import { describe, expect, test } from 'vitest';
import { UsageError } from '../../deploy/operate/usage-error.ts';
import { parseLoadArgs, type LoadOptions } from './options.ts';

function parse(...args: string[]): LoadOptions {
  const command = parseLoadArgs(args, undefined);
  if (command.kind !== 'run') throw new TypeError('a run was meant');
  return command.options;
}

describe('the command line of npm run load', () => {
  test('starts a system of its own when nothing names one', () => {
    expect(parse()).toMatchObject({
      replicas: undefined,
      rate: 200,
      publish: 'jetstream',
      through: 'publish',
      maxLost: 0,
    });
  });

  test('drives the gateways it is given, without their trailing slashes', () => {
    expect(parse('--replicas', 'http://a:3000/, https://b').replicas).toEqual(['http://a:3000', 'https://b']);
  });

  test('drives the local gateway when only NATS_URL is set', () => {
    const command = parseLoadArgs([], 'nats://127.0.0.1:4222');
    expect(command).toMatchObject({ kind: 'run', options: { replicas: ['http://127.0.0.1:3000'] } });
  });

  test('takes seconds and keeps ms', () => {
    expect(parse('--duration', '1.5', '--warmup', '0')).toMatchObject({ durationMs: 1500, warmupMs: 0 });
  });

  test('links two phones a second through WhatsApp unless told', () => {
    expect(parse('--through', 'whatsapp')).toMatchObject({ through: 'whatsapp', rate: 2 });
  });

  test('compares two files', () => {
    const command = parseLoadArgs(['--compare', 'a.json', 'b.json'], undefined);
    expect(command).toEqual({ kind: 'compare', files: ['a.json', 'b.json'] });
  });

  test.each([
    ['--rate', '0'],
    ['--rate', ''],
    ['--rate', 'fast'],
    ['--sockets', '1'],
    ['--sockets', '2.5'],
    ['--companies', '-3'],
    ['--seed', '4294967296'],
    ['--profile', 'zigzag'],
    ['--publish', 'redis'],
    ['--through', 'telegram'],
    ['--trace-ratio', '1.1'],
    ['--replicas', 'localhost:3000'],
    ['--replicas', 'ftp://a'],
    ['--max-p99', 'NaN'],
    ['--max-lost', '0.5'],
  ])('refuses %s %j and names the flag', (flag, value) => {
    expect(() => parse(`${flag}=${value}`)).toThrow(UsageError);
    expect(() => parse(`${flag}=${value}`)).toThrow(flag);
  });

  test.each([
    ['a flag that does not exist', ['--sokets', '5'], /--sokets/],
    ['a stray word', ['fast'], /unexpected argument "fast"/],
    ['a comparison of one file', ['--compare', 'a.json'], /two files/],
    ['a comparison of three files', ['--compare', 'a', 'b', 'c'], /two files/],
    ['a profile of links', ['--through', 'whatsapp', '--profile', 'spike'], /--profile/],
  ])('refuses %s', (_, args, message) => {
    expect(() => parseLoadArgs(args, undefined)).toThrow(message);
  });
});
