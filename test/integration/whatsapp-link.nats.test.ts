import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../services/whatsapp/store/open-database.ts';
import { ConfirmedPublisher } from '../../shared/bus/confirmed-publisher.ts';
import { askJetStream } from '../../shared/bus/jetstream-api.ts';
import { storeEvent } from '../../shared/bus/store-event.ts';
import { parseCompanyId, type CompanyId } from '../../shared/contract/company-id.ts';
import { EVENTS_STREAM } from '../../shared/contract/subjects.ts';
import { readStoredEvents, testEvent, textOf } from '../harness/bus.ts';
import { LinkingSystem, TEST_PHONES, lidOfPhone } from '../harness/linking-system.ts';
import { waitFor } from '../harness/wait-for.ts';

let system: LinkingSystem;
let used = 0;

const LOOK = 'states compared with the stream';

/** A company and a phone that no other test of this file uses. */
function pair(): { salon: CompanyId; phone: string } {
  const phone = TEST_PHONES[used % TEST_PHONES.length] ?? '';
  used += 1;
  return { salon: parseCompanyId(String(962_300 + used)), phone };
}

function jidOf(phone: string): string {
  return system.simulator.phones.devices().find((device) => device.phone === phone && device.online)?.jid ?? '';
}

async function get(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${system.service.port}${path}`, { headers });
  return { status: response.status, body: await response.text() };
}

async function rowsOf(salon: CompanyId): Promise<{ creds: number; keys: number }> {
  const db = await openDatabase({ dataDir: `${system.dataDir}/whatsapp` });
  try {
    const count = async (table: string) =>
      Number(
        (await db.query<{ n: string }>(`SELECT count(*) AS n FROM ${table} WHERE company_id = $1`, [salon]))[0]?.n,
      );
    return { creds: await count('whatsapp_auth'), keys: await count('whatsapp_keys') };
  } finally {
    await db.close();
  }
}

describe('with the QR times of WhatsApp', () => {
  beforeAll(async () => {
    system = await LinkingSystem.start({ overrides: { streamWatchIntervalMs: 100 } });
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
  });

  test('a scan leads to a connected event exactly as the contract has it', async () => {
    const { salon, phone } = pair();
    const before = Date.now() * 1000;
    await system.link(salon, phone);
    expect(system.types(salon)).toEqual(['starting', 'qr', 'linked', 'connected']);
    const seen = await system.event(salon, 'connected');
    const { event } = seen;
    expect(event).toEqual({
      type: 'connected',
      companyId: salon,
      timestamp: expect.any(Number) as unknown,
      publishedAt: expect.any(Number) as unknown,
      id: `${salon}:1:4`,
      epoch: 1,
      seq: 4,
      occurredAt: expect.any(Number) as unknown,
      synthetic: false,
      state: 'connected',
      phoneNumber: phone,
      lid: lidOfPhone(phone),
      name: expect.any(String) as unknown,
    });
    expect(event.occurredAt).toBeGreaterThanOrEqual(before);
    expect(event.occurredAt).toBeLessThanOrEqual(Date.now() * 1000 + 1000);
    expect(seen.header('nats-msg-id')).toBe(event.id);
    expect(seen.header('ce-type')).toBe('whatsapp.session.connected');
    expect(await system.stored(salon)).toEqual(event);
    expect(system.invalid).toEqual([]);
  });

  test('a QR says until when it can be scanned', async () => {
    const { salon } = pair();
    const reply = await system.command(salon, 'request-qr');
    expect(reply).toMatchObject({ ok: true, event: { type: 'starting', epoch: 1, seq: 1 } });
    const { event } = await system.event(salon, 'qr');
    expect(event.qr.text).toMatch(/^https:\/\/wa\.me\/settings\/linked_devices#/);
    expect(event.qr.expiresAt - event.timestamp).toBe(event.qr.ttlMs);
    expect(event.qr.ttlMs).toBeGreaterThan(55_000);
  });

  test('whoever asks while a QR is valid gets that QR, with the time it has left', async () => {
    const { salon } = pair();
    await system.command(salon, 'start');
    const { event } = await system.event(salon, 'qr');
    for (const name of ['request-qr', 'start', 'status'] as const) {
      const reply = await system.command(salon, name);
      expect(reply).toMatchObject({ ok: true, event: { id: event.id, qr: { text: event.qr.text } } });
      expect(reply.ok && reply.event?.qr?.ttlMs).toBeLessThanOrEqual(event.qr.ttlMs);
    }
    expect(system.types(salon)).toEqual(['starting', 'qr']);
  });

  test('nothing secret and no full phone number is in the log', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    const { event } = await system.event(salon, 'qr');
    const lines = JSON.stringify(system.logs);
    const secrets = event.qr.text.split(/[#,]/).filter((part) => part.length > 8);
    for (const secret of [...secrets.slice(1), phone, lidOfPhone(phone), 'privKey', 'private']) {
      expect(lines).not.toContain(secret);
    }
    const connects = system.logs.filter((line) => line.msg === 'whatsapp connected' && line['company.id'] === salon);
    expect(connects).toHaveLength(1);
    expect(connects[0]).toMatchObject({ level: 30, id: `${salon}:1:4`, prepareMs: expect.any(Number) as unknown });
  });

  test('unlinking on the phone logs the session out and leaves nothing of it', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    await system.simulator.phones.unlink(phone);
    const { event } = await system.event(salon, 'logged-out');
    expect(event).toMatchObject({ state: 'logged-out', reason: 'logged-out', willRetry: false, phoneNumber: phone });
    await waitFor(() => !system.service.pool.get(salon), { what: 'the session to be released' });
    expect(await system.command(salon, 'status')).toEqual({ ok: true });
    // Whoever comes next begins anew, at a higher epoch.
    expect(await system.link(salon, phone)).toMatchObject({ epoch: 2, phoneNumber: phone });
  });

  test('a line that is cut is a disconnect that says when it is tried again, and heals', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    system.simulator.phones.disconnect(jidOf(phone), 'cut');
    const { event } = await system.event(salon, 'disconnected');
    expect(event).toMatchObject({ reason: 'connection-closed', willRetry: true, phoneNumber: phone });
    expect(event.retryAt).toBeGreaterThan(event.timestamp);
    expect((await system.event(salon, 'connected', 2)).event.phoneNumber).toBe(phone);
  });

  test('logout removes the device from the phone', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    const reply = await system.command(salon, 'logout');
    expect(reply).toMatchObject({ ok: true, event: { type: 'logged-out', reason: 'logout' } });
    expect(system.types(salon).at(-1)).toBe('logged-out');
    await waitFor(() => !system.simulator.phones.devices().some((device) => device.phone === phone), {
      what: 'the device to be gone from the phone',
    });
  });

  test('status and logout of a company without a session make none', async () => {
    const { salon } = pair();
    expect(await system.command(salon, 'status')).toEqual({ ok: true });
    expect(await system.command(salon, 'logout')).toEqual({ ok: true });
    expect(system.service.pool.get(salon)).toBeUndefined();
    expect(await system.stored(salon)).toBeUndefined();
  });

  test('the ids of the canary are refused, those of load tests belong to the simulator', async () => {
    expect(await system.command(parseCompanyId('9000000001'), 'start')).toMatchObject({
      ok: false,
      error: { code: 'RESERVED_ID' },
    });
    const load = parseCompanyId('9100000001');
    await system.command(load, 'start');
    expect((await system.event(load, 'qr')).event.synthetic).toBe(true);
  });

  test('an epoch in the stream that the database does not know is passed over', async () => {
    const { salon } = pair();
    await using publisher = new ConfirmedPublisher(system.bus, { streams: { replicas: 1, mayChange: false } });
    await publisher.publish(salon, testEvent(salon, { epoch: 41, seq: 7 }, { synthetic: false }));
    await system.command(salon, 'start');
    expect((await system.event(salon, 'qr')).event).toMatchObject({ epoch: 42, seq: 2 });
  });

  test('a session that finds a higher epoch in the stream stops, and begins again above it', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    await using publisher = new ConfirmedPublisher(system.bus, { streams: { replicas: 1, mayChange: false } });
    await publisher.publish(salon, testEvent(salon, { epoch: 9, seq: 1 }, { synthetic: false }));
    system.simulator.phones.disconnect(jidOf(phone), 'cut');
    const next = () => system.seen(salon).find(({ event }) => event.type === 'connected' && event.epoch === 10);
    await waitFor(next, { what: 'the session to be open again', timeoutMs: 30_000 });
    expect(await system.stored(salon)).toMatchObject({ epoch: 10, state: 'connected', phoneNumber: phone });
  });

  test('a stream that was deleted gets every state again, marked and with its old time', async () => {
    const { salon, phone } = pair();
    const { occurredAt } = await system.link(salon, phone);
    await askJetStream(system.bus, `STREAM.DELETE.${EVENTS_STREAM}`);
    const { event } = await system.event(salon, 'connected', 2);
    expect(event).toMatchObject({ republished: true, occurredAt, state: 'connected', phoneNumber: phone });
    await waitFor(async () => (await system.stored(salon))?.id === event.id, { what: 'the event in the new stream' });
  });

  test('what others publish over a live session is answered by its owner, except a connected', async () => {
    const { salon, phone } = pair();
    await system.command(salon, 'start');
    const { event: qr } = await system.event(salon, 'qr');
    const byHand = async (event: object) => {
      const body = { companyId: salon, timestamp: Date.now(), ...event };
      return await storeEvent(system.bus, salon, Buffer.from(JSON.stringify(body)), 2000);
    };
    await waitFor(async () => (await system.stored(salon))?.id === qr.id, { what: 'the QR in the stream' });
    await byHand({ type: 'logged-out', reason: 'by hand' });
    // Looked for in the stream: of what it refuses, because somebody else was faster, the live feed tells, too.
    const correction = async () => {
      const last = await system.stored(salon);
      return last?.type === 'qr' && last;
    };
    expect(await waitFor(correction, { what: 'the correction' })).toMatchObject({
      republished: true,
      epoch: qr.epoch,
      seq: qr.seq + 1,
      occurredAt: qr.occurredAt,
      qr: { text: qr.qr.text, expiresAt: qr.qr.expiresAt },
    });
    // The owner's first attempt expects the event before the one by hand, is refused, and is seen live all the same.
    await waitFor(async () => (await system.stored(salon))?.type === 'qr', { what: "the owner's answer to be stored" });
    const answered = () => system.logs.filter((line) => line.msg === LOOK && line['cause'] === 'by-hand').length;
    const before = answered();
    await byHand({ type: 'connected', phoneNumber: phone });
    await waitFor(() => answered() > before, { what: 'the owner to look' });
    const stored = (await readStoredEvents(system.bus, salon)).map((message) => JSON.parse(textOf(message)) as object);
    expect(stored.map((event) => 'type' in event && event.type)).toEqual([
      'starting',
      'qr',
      'logged-out',
      'qr',
      'connected',
    ]);
  });

  test('the overview names states and no full phone number', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    const { status, body } = await get('/sessions');
    expect(status).toBe(200);
    const { sessions } = JSON.parse(body) as { sessions: { companyId: string }[] };
    expect(sessions.find(({ companyId }) => companyId === salon)).toEqual({
      companyId: salon,
      state: 'connected',
      epoch: 1,
      since: expect.any(String) as unknown,
      phone: `7********${phone.slice(-2)}`,
    });
    expect(body).not.toContain(phone);
  });

  test('health, readiness and metrics answer', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    expect(JSON.parse((await get('/readyz')).body)).toEqual({
      ready: true,
      checks: { nats: 'ok', database: 'ok', stream: 'ok', lease: 'ok' },
    });
    const { body } = await get('/metrics');
    expect(body).toMatch(/whatsapp_event_stage_duration_seconds_count\{stage="publish",synthetic="false"\} [1-9]/);
    expect(body).toMatch(/whatsapp_time_to_open_seconds_count\{kind="qr"\} [1-9]/);
    expect(body).toMatch(/whatsapp_sessions\{state="connected"\} [1-9]/);
    expect(body).not.toMatch(/company_/);
  });

  test('a broker killed while the phone links delays the connect and loses nothing', async () => {
    const { salon, phone } = pair();
    await system.command(salon, 'start');
    const { event: qr } = await system.event(salon, 'qr');
    await system.nats.kill();
    await system.simulator.phones.scan(phone, qr.qr.text);
    await waitFor(() => system.service.pool.get(salon)?.machine.state === 'connected', { what: 'the session to open' });
    expect((await get('/readyz')).status).toBe(503);
    await system.nats.restart();
    await waitFor(async () => (await system.stored(salon))?.type === 'connected', { what: 'connected in the stream' });
    expect(await system.stored(salon)).toMatchObject({ epoch: 1, seq: 4, phoneNumber: phone });
  });

  test('a restart restores every linked session without a scan and without a word but connected, and no other', async () => {
    const linked = pair();
    const unlinked = pair();
    const { epoch } = await system.link(linked.salon, linked.phone);
    await system.command(unlinked.salon, 'start');
    await system.event(unlinked.salon, 'qr');
    await system.stopService();
    expect(await rowsOf(unlinked.salon)).toEqual({ creds: 0, keys: 0 });
    expect((await rowsOf(linked.salon)).keys).toBeGreaterThan(0);
    await system.startService();
    const { event } = await system.event(linked.salon, 'connected', 2);
    expect(event).toMatchObject({ epoch: epoch + 1, phoneNumber: linked.phone });
    expect(system.types(linked.salon).slice(-2)).toEqual(['connected', 'connected']);
    expect(system.service.pool.get(unlinked.salon)).toBeUndefined();
    expect(system.types(unlinked.salon)).toEqual(['starting', 'qr']);
  });

  test('a logout that the stream never got is published after the next start, before the credentials go', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    await system.nats.kill();
    await system.simulator.phones.unlink(phone);
    await waitFor(() => system.service.pool.get(salon)?.machine.state === 'logged-out', { what: 'the logout' });
    await system.stopService();
    expect((await rowsOf(salon)).creds).toBe(1);
    await system.nats.restart();
    await waitFor(() => system.bus.connected, { what: 'the test to be connected again' });
    expect(await system.stored(salon)).toMatchObject({ type: 'connected' });
    await system.startService();
    expect((await system.event(salon, 'logged-out')).event).toMatchObject({ republished: true, epoch: 2, seq: 1 });
    await waitFor(() => !system.service.pool.get(salon), { what: 'the session to be released' });
    await system.stopService();
    expect(await rowsOf(salon)).toEqual({ creds: 0, keys: 0 });
    await system.startService();
  });

  test('credentials that cannot be read cost that session alone, and are kept', async () => {
    const broken = pair();
    const sound = pair();
    await system.link(broken.salon, broken.phone);
    await system.link(sound.salon, sound.phone);
    await system.stopService();
    const db = await openDatabase({ dataDir: `${system.dataDir}/whatsapp` });
    await db.query(`UPDATE whatsapp_auth SET creds = $2 WHERE company_id = $1`, [broken.salon, Buffer.from('rubbish')]);
    await db.close();
    await system.startService();
    await system.event(sound.salon, 'connected', 2);
    const { event } = await system.event(broken.salon, 'failed');
    expect(event).toMatchObject({ reason: 'credentials-unreadable', willRetry: false });
    expect(await system.command(broken.salon, 'request-qr')).toMatchObject({
      ok: false,
      error: { code: 'CREDENTIALS_UNREADABLE' },
    });
    await system.stopService();
    expect((await rowsOf(broken.salon)).creds).toBe(1);
    await system.startService();
    expect(await system.command(broken.salon, 'logout')).toMatchObject({ ok: true, event: { type: 'logged-out' } });
    await system.link(broken.salon, broken.phone);
  });
});

describe('with QRs that live half a second, one session and an API key', () => {
  beforeAll(async () => {
    const env = { MAX_SESSIONS: '1', WHATSAPP_API_KEY: 'secret-key' };
    system = await LinkingSystem.start({ env, overrides: { socketTimes: { qrMs: 500 } } });
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
  });

  test('QRs follow each other until they are used up; then only a request begins again', async () => {
    const { salon } = pair();
    await system.command(salon, 'start');
    const { event } = await system.event(salon, 'qr-expired');
    expect(event).toMatchObject({ state: 'qr-expired', reason: 'qr-refs-ended', willRetry: false });
    expect(event).not.toHaveProperty('qr');
    expect(system.types(salon)).toEqual(['starting', ...Array.from({ length: 6 }, () => 'qr'), 'qr-expired']);
    const texts = system.seen(salon).flatMap((seen) => seen.event.qr?.text ?? []);
    expect(new Set(texts).size).toBe(6);

    expect(await system.command(salon, 'start')).toMatchObject({ event: { type: 'qr-expired' } });
    expect(await system.command(salon, 'request-qr')).toMatchObject({ event: { type: 'starting' } });
    expect(texts).not.toContain((await system.event(salon, 'qr', 7)).event.qr.text);

    expect(await system.command(pair().salon, 'start')).toMatchObject({ ok: false, error: { code: 'SESSION_LIMIT' } });
  });

  test('the overview is for the holder of the key', async () => {
    expect((await get('/sessions')).status).toBe(401);
    expect((await get('/sessions', { authorization: 'Bearer secret-kez' })).status).toBe(401);
    expect((await get('/sessions', { authorization: 'Bearer secret-key' })).status).toBe(200);
    expect((await get('/healthz')).status).toBe(200);
  });
});

describe('with sessions that rest for two seconds', () => {
  beforeAll(async () => {
    system = await LinkingSystem.start({ overrides: { socketTimes: { qrMs: 100 }, idleMs: 2_000 } });
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
  });

  test('one that somebody watches outlives one that nobody does, and a watch starts nothing', async () => {
    const [watched, unwatched] = [pair().salon, pair().salon];
    await system.command(watched, 'start');
    await system.event(watched, 'qr-expired');
    expect(await system.command(watched, 'watch')).toMatchObject({ ok: true, event: { type: 'qr-expired' } });
    await system.command(unwatched, 'start');
    await system.event(unwatched, 'qr-expired');
    await waitFor(() => !system.service.pool.get(unwatched), { what: 'the session that nobody watches to end' });
    expect(system.service.pool.get(watched)).toBeDefined();
    expect(await system.command(unwatched, 'watch')).toEqual({ ok: true });
    expect(system.service.pool.get(unwatched)).toBeUndefined();
  });
});
