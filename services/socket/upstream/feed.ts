import type { BusConnection } from '../../../shared/bus/connection.ts';
import { subscribeEvents, type EventSubscription } from '../../../shared/bus/event-feed.ts';
import { readLastEvent } from '../../../shared/bus/last-event.ts';
import { onLeaseSignal } from '../../../shared/bus/lease-signal.ts';
import { watchStream } from '../../../shared/bus/stream-watch.ts';
import { recreateStreams, type StreamOptions } from '../../../shared/bus/streams.ts';
import type { CommandReply } from '../../../shared/contract/commands.ts';
import type { CompanyId } from '../../../shared/contract/company-id.ts';
import type { PhoneNumber } from '../../../shared/contract/phone-number.ts';
import { requestTraced } from '../../../shared/instruments/command-tracing.ts';
import type { MessagingInstruments } from '../../../shared/instruments/messaging-instruments.ts';
import type { Clock } from '../clock.ts';
import { EventFeed } from '../event-feed.ts';
import type { SocketInstruments } from '../instruments.ts';
import type { Limits } from '../limits.ts';
import { Resync } from '../resync.ts';
import type { Room, Rooms, Viewer } from '../rooms.ts';
import type { CorkedWrites } from '../screen/corked-writes.ts';
import type { Emitter } from '../screen/emitter.ts';
import { GatewayStatus } from '../screen/gateway-status.ts';
import { Screen } from '../screen/screen.ts';
import { ClockOffsetWatch } from './clock-offset-watch.ts';
import { Joins, LATER_READS_MS } from './joins.ts';
import { limitParallel } from './limit-parallel.ts';
import { Liveness } from './liveness.ts';
import { SessionCommands, type BrowserCommand } from './session-commands.ts';
import { StoredState } from './stored-state.ts';
import { Watching } from './watching.ts';

/** What a test may replace or speed up. */
export interface FeedOverrides {
  /** The live feed; a test puts a lossy one in its place. */
  readonly subscribe?: typeof subscribeEvents;
  /** A test lets things happen before and after each read of the stream. */
  readonly readLastEvent?: typeof readLastEvent;
  readonly laterReadsMs?: readonly number[];
  readonly auditRoundMs?: number;
  readonly flushIntervalMs?: number;
  readonly streamLookMs?: number;
  readonly expiryGraceMs?: number;
  readonly watchIntervalMs?: number;
  readonly commandRetry?: { readonly baseMs: number; readonly maxMs: number };
  readonly commandDeadlineMs?: number;
}

export interface FeedParts {
  readonly bus: BusConnection;
  readonly streams: StreamOptions;
  readonly clock: Clock;
  readonly instruments: SocketInstruments;
  readonly messaging: MessagingInstruments;
  readonly rooms: Rooms;
  readonly emitter: Emitter;
  readonly writes: CorkedWrites;
  readonly limits: Limits;
  readonly overrides: FeedOverrides;
}

export interface Feed {
  readonly subscription: EventSubscription;
  readonly resync: Resync;
  readonly liveness: Liveness;
  readonly status: GatewayStatus;
  readonly commands: SessionCommands;
  readonly joins: Joins;
  /** When the stream was created, in ms since the epoch; `undefined` until it was found. */
  readonly streamCreatedAtMs: () => number | undefined;
}

/** Two rounds pass in less than a minute, so every room is compared within one. */
const AUDIT_ROUND_MS = 25_000;
export const FLUSH_INTERVAL_MS = 2000;
const COMMAND_DEADLINE_MS = 5000;
const REPAIR_TIMEOUT_MS = 5000;

/** The way from NATS into the rooms: live, from the stream, and by asking owners. It ends with the stack. */
export function createFeed(stack: AsyncDisposableStack, parts: FeedParts): Feed {
  const { bus, streams, clock, instruments, rooms, emitter, writes, overrides } = parts;
  const { auditRoundMs = AUDIT_ROUND_MS, flushIntervalMs = FLUSH_INTERVAL_MS } = overrides;
  const now = () => clock.monotonicMs();
  const offset = stack.use(new ClockOffsetWatch(bus, instruments));
  const recover = (room: Room) => commands.recover(room);
  const screen = stack.use(new Screen({ emitter, now, graceMs: overrides.expiryGraceMs, onOutdated: recover }));
  let streamCreatedAtMs: number | undefined;
  const read = overrides.readLastEvent ?? readLastEvent;
  const storedState = new StoredState({
    read: limitParallel(parts.limits.maxParallelReads, (companyId) => read(bus, companyId)),
    screen,
    clock,
    instruments,
    clockOffsetMs: () => offset.offsetMs,
    streamCreatedAtMs: () => streamCreatedAtMs,
    onRead: (room) => status.read(room),
    onUnknownAge: recover,
  });
  const commands: SessionCommands = stack.use(createCommands(parts, storedState));
  const repairStream = () => recreateStreams(bus, { ...streams, timeoutMs: REPAIR_TIMEOUT_MS });
  const isConnected = () => bus.connected;
  const resync = stack.use(new Resync({ rooms, storedState, instruments, repairStream, auditRoundMs, isConnected }));
  stack.defer(bus.onReconnected(() => resync.request('reconnect')));
  stack.defer(bus.onSlowConsumer(() => resync.request('gap')));
  const onFound = (created: string) => {
    if (streamCreatedAtMs !== undefined) {
      rooms.forgetOrder();
      instruments.streamRecreated();
      resync.request('gap');
    }
    streamCreatedAtMs = Date.parse(created);
  };
  const onError = (error: unknown) => instruments.streamRepairFailed(error);
  stack.use(watchStream(bus, { streams, intervalMs: overrides.streamLookMs, onFound, onError }));
  const liveness = stack.use(new Liveness({ bus, instruments, intervalMs: flushIntervalMs }));
  const takeUp = (room: Room) => commands.takeUp(room);
  const send = watchSender(parts);
  const watching = stack.use(new Watching({ rooms, send, takeUp, intervalMs: overrides.watchIntervalMs }));
  stack.use(onLeaseSignal(bus, () => watching.lookSoon()));
  const { receive } = new EventFeed({
    rooms,
    screen,
    writes,
    clock,
    instruments,
    streamCreatedAtMs: () => streamCreatedAtMs,
    onGap: () => resync.request('gap'),
  });
  const subscribe = overrides.subscribe ?? subscribeEvents;
  const subscription = stack.use(subscribe(bus, receive, (error) => instruments.feedFailed(error)));
  const isLive = () => bus.connected && liveness.alive && subscription.active && !resync.isBehind;
  const status: GatewayStatus = stack.use(new GatewayStatus({ emitter, isLive }));
  const onFailed = (room: Room, viewer: Viewer) => {
    status.unread(room, viewer);
    resync.request('join');
  };
  const laterReadsMs = overrides.laterReadsMs ?? LATER_READS_MS;
  const joins = stack.use(new Joins({ storedState, laterReadsMs, onFailed }));
  return { subscription, resync, liveness, status, commands, joins, streamCreatedAtMs: () => streamCreatedAtMs };
}

function createCommands(parts: FeedParts, storedState: StoredState): SessionCommands {
  const { bus, messaging, emitter, instruments, clock, overrides } = parts;
  const deadlineMs = overrides.commandDeadlineMs ?? COMMAND_DEADLINE_MS;
  const send = (companyId: CompanyId, name: BrowserCommand, phoneNumber?: PhoneNumber) =>
    requestTraced(bus, messaging, { companyId, name, phoneNumber, deadlineMs });
  const now = () => clock.monotonicMs();
  return new SessionCommands({ send, emitter, storedState, instruments, now, retry: overrides.commandRetry });
}

function watchSender({ bus, messaging, overrides }: FeedParts): (companyId: CompanyId) => Promise<CommandReply> {
  const deadlineMs = overrides.commandDeadlineMs ?? COMMAND_DEADLINE_MS;
  return (companyId) => requestTraced(bus, messaging, { companyId, name: 'watch', deadlineMs });
}
