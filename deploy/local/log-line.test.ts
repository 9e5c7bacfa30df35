import { describe, expect, test } from 'vitest';
import { formatLogLine, isWarning, readLogLine } from './log-line.ts';

describe('a line of a service', () => {
  test('that says ready or listening is understood', () => {
    expect(readLogLine('{"level":30,"time":0,"msg":"ready"}').ready).toBe(true);
    const line = readLogLine('{"level":30,"time":0,"port":3000,"variable":"SOCKET_HTTP_PORT","msg":"listening"}');
    expect(line).toMatchObject({ ready: false, listening: { variable: 'SOCKET_HTTP_PORT', port: 3000 } });
  });

  test('with an error shows message, cause and code on one line', () => {
    const raw = JSON.stringify({
      level: 50,
      time: 0,
      pid: 7,
      companyId: 'company_962302',
      err: { type: 'FencedError', message: 'epoch 3\n  has ended', code: 'FENCED', stack: 'at …' },
      msg: 'write refused',
    });
    expect(readLogLine(raw).text).toBe('write refused: epoch 3 has ended (FENCED) companyId=company_962302');
    expect(isWarning(readLogLine(raw))).toBe(true);
  });

  test('that only looks like JSON is plain text', () => {
    expect(readLogLine('{"level":30')).toEqual({ level: 'INFO', text: '{"level":30' });
    expect(readLogLine('{"message":"no level"}').level).toBe('INFO');
    expect(readLogLine('{"level":9e9,"msg":"x"}').level).toBe('FATAL');
    expect(readLogLine('{"level":-1,"msg":"x"}').level).toBe('TRACE');
  });

  test('cannot pretend to listen without a port', () => {
    expect(readLogLine('{"level":30,"port":"3000","msg":"listening"}').listening).toBeUndefined();
  });
});

describe('a line of Prometheus', () => {
  test('tells readiness and level, of both of its formats', () => {
    const two =
      'ts=2026-01-31T12:00:00.174Z caller=main.go:987 level=info msg="Server is ready to receive web requests."';
    const three =
      'time=2026-01-31T12:00:00.174Z level=INFO source=main.go:1286 msg="Server is ready to receive web requests."';
    for (const line of [two, three]) expect(readLogLine(line)).toMatchObject({ ready: true, level: 'INFO' });
    const failed = 'ts=2026-01-31T12:00:00.174Z caller=main.go:469 level=error msg="Error loading config" file=x';
    expect(readLogLine(failed)).toMatchObject({ ready: false, level: 'ERROR' });
  });
});

describe('a line of nats-server', () => {
  test('tells readiness, port and level', () => {
    const at = '[71] 2026/01/31 12:00:00.174617';
    expect(readLogLine(`${at} [INF] Server is ready`)).toMatchObject({ ready: true, time: '12:00:00.174' });
    expect(readLogLine(`${at} [INF] Listening for client connections on 127.0.0.1:4222`).listening).toEqual({
      variable: 'NATS_PORT',
      port: 4222,
    });
    expect(isWarning(readLogLine(`${at} [WRN] Filestore: out of space`))).toBe(true);
    expect(isWarning(readLogLine(`${at} [INF] JetStream Shutdown`))).toBe(false);
  });

  test('that reports a slow consumer is a warning although the server calls it information', () => {
    const raw = '[71] 2026/01/31 12:00:00.174617 [INF] 127.0.0.1:5 - cid:3 - Slow Consumer Detected: WriteDeadline';
    expect(isWarning(readLogLine(raw))).toBe(true);
  });
});

test('a terminal line names time, process and level', () => {
  const line = formatLogLine('nats', { level: 'WARN', text: 'out of space', time: '12:00:00.174' });
  expect(line).toBe('12:00:00.174  nats        WARN   out of space');
});
