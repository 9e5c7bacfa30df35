import { formatClock } from './clock.ts';

/** What a process said in one line, whatever its format. */
export interface LogLine {
  readonly level: LogLevel;
  /** The message with its error and fields, on one line. */
  readonly text: string;
  /** `HH:MM:SS.mmm`, local time; absent for plain text. */
  readonly time?: string;
  readonly ready?: boolean;
  readonly listening?: { readonly variable: string; readonly port: number };
}

export const LOG_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** True for what a person should see without asking for it. */
export function isWarning({ level }: LogLine): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf('WARN');
}

/** Reads a line of a service (pino's JSON), of nats-server, of Prometheus, or anything else. */
export function readLogLine(raw: string): LogLine {
  return readJson(raw) ?? readNats(raw) ?? readPrometheus(raw) ?? { level: 'INFO', text: raw };
}

/** One line for the terminal: time, process, level, text. */
export function formatLogLine(name: string, line: LogLine): string {
  const time = line.time ?? ' '.repeat(12);
  return `${time}  ${name.padEnd(10)}  ${line.level.padEnd(5)}  ${line.text}`;
}

const NATS_LINE = /^\[\d+\] \S+ (\d\d:\d\d:\d\d\.\d{3})\d* \[(\w{3})\] (.*)$/;
const NATS_LEVELS: Readonly<Record<string, LogLevel>> = {
  TRC: 'TRACE',
  DBG: 'DEBUG',
  WRN: 'WARN',
  ERR: 'ERROR',
  FTL: 'FATAL',
};

function readNats(raw: string): LogLine | undefined {
  const [, time, level, text] = NATS_LINE.exec(raw) ?? [];
  if (time === undefined || level === undefined || text === undefined) return undefined;
  const port = /^Listening for client connections on .*:(\d+)$/.exec(text)?.[1];
  return {
    // The server calls it information; for the client it is the end of its connection.
    level: text.includes('Slow Consumer') ? 'WARN' : (NATS_LEVELS[level] ?? 'INFO'),
    text,
    time,
    ready: text === 'Server is ready',
    ...(port !== undefined && { listening: { variable: 'NATS_PORT', port: Number(port) } }),
  };
}

/** Up to 2.x the keys are `ts`, `caller`, `level`; from 3.0 on `time`, `level`, `source`, the level in capitals. */
const PROMETHEUS_LINE = /^(?:ts|time)=\S+ (?:.* )?level=(\w+) (?:.* )?msg="?(.*)$/;

function readPrometheus(raw: string): LogLine | undefined {
  const [, level = '', text] = PROMETHEUS_LINE.exec(raw) ?? [];
  if (text === undefined) return undefined;
  return {
    // It warns of being stopped, which is what was asked of it.
    level: text.startsWith('Received SIGTERM')
      ? 'INFO'
      : (LOG_LEVELS.find((known) => known === level.toUpperCase()) ?? 'INFO'),
    text: text.replace(/"$/, ''),
    ready: text.startsWith('Server is ready to receive web requests'),
  };
}

function readJson(raw: string): LogLine | undefined {
  if (!raw.startsWith('{')) return undefined;
  const fields = parseObject(raw);
  if (!fields || typeof fields['level'] !== 'number') return undefined;
  const { level, time, msg, port, variable } = fields;
  const isListening = msg === 'listening' && typeof port === 'number';
  return {
    level: LOG_LEVELS[Math.min(Math.max(Math.round(level / 10) - 1, 0), 5)] ?? 'INFO',
    text: toText(fields),
    ready: msg === 'ready',
    ...(typeof time === 'number' && { time: formatClock(time) }),
    ...(isListening && { listening: { variable: typeof variable === 'string' ? variable : '', port } }),
  };
}

function parseObject(raw: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(raw);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch (error) {
    // Cut off or plain text that starts with a brace: shown as it is.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Said elsewhere in the line, or of no use to a reader. */
const HIDDEN = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err', 'trace_flags', 'faults', 'stack']);

function toText(fields: Readonly<Record<string, unknown>>): string {
  const parts = [typeof fields['msg'] === 'string' ? fields['msg'] : ''];
  const { err } = fields;
  if (typeof err === 'object' && err !== null && 'message' in err) {
    const code = 'code' in err && typeof err.code === 'string' ? ` (${err.code})` : '';
    parts.push(`${String(err.message)}${code}`);
  }
  const message = parts.filter((part) => part !== '').join(': ');
  const rest = Object.entries(fields)
    .filter(([key, value]) => !HIDDEN.has(key) && value !== null && typeof value !== 'object')
    .map(([key, value]) => `${key}=${String(value)}`);
  return [message, ...rest].join(' ').replaceAll(/\s*\n\s*/g, ' ');
}
