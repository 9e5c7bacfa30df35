import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseCompanyId, type CompanyId } from '../../shared/contract/company-id.ts';
import { LinkingSystem, TEST_PHONES, lidOfPhone } from '../harness/linking-system.ts';
import { waitFor } from '../harness/wait-for.ts';

let system: LinkingSystem;
let used = 0;

/** A company and a phone that no other test of this file uses. */
function pair(): { salon: CompanyId; phone: string } {
  const phone = TEST_PHONES[used % TEST_PHONES.length] ?? '';
  used += 1;
  return { salon: parseCompanyId(String(962_400 + used)), phone };
}

/** Asks for a code and waits for it; `count` is how many the company has had by then. */
async function codeFor(salon: CompanyId, phone: string, count = 1): Promise<string> {
  expect(await system.command(salon, 'request-pairing-code', phone)).toMatchObject({ ok: true });
  return (await system.event(salon, 'pairing-code', count)).event.code.text;
}

function typeCode(phone: string, code: string): Promise<unknown> {
  return system.simulator.phones.enterCode(phone, code);
}

const refusedAs = (code: string) => ({ ok: false, error: { code } });

describe('with the times of WhatsApp', () => {
  beforeAll(async () => {
    system = await LinkingSystem.start();
  });
  afterEach(() => system.simulator.scenarios.clear());
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
  });

  test('a code that is typed on the phone leads to connected', async () => {
    const { salon, phone } = pair();
    await typeCode(phone, await codeFor(salon, phone));
    const { event } = await system.event(salon, 'connected');
    expect(event).toMatchObject({ phoneNumber: phone, lid: lidOfPhone(phone) });
    expect(system.types(salon)).toEqual(['starting', 'pairing-code', 'linked', 'connected']);
    const metrics = await (await fetch(`http://127.0.0.1:${system.service.port}/metrics`)).text();
    expect(metrics).toMatch(/whatsapp_time_to_open_seconds_count\{kind="pairing_code"\} 1/);
  });

  test('a code says for whom it is and until when, and nothing of an account that is not linked yet', async () => {
    const { salon, phone } = pair();
    await codeFor(salon, phone);
    const { event } = await system.event(salon, 'pairing-code');
    expect(event).not.toHaveProperty('phoneNumber');
    expect(event).not.toHaveProperty('qr');
    expect(event.code).toEqual({
      text: expect.stringMatching(/^[1-9A-HJ-NP-TV-Z]{8}$/) as string,
      phoneNumber: phone,
      expiresAt: event.timestamp + event.code.ttlMs,
      ttlMs: expect.any(Number) as number,
    });
    expect(event.code.ttlMs).toBeGreaterThan(45_000);
    expect(event.code.ttlMs).toBeLessThanOrEqual(50_000);
    expect(system.service.pool.get(salon)?.machine).toMatchObject({ account: {}, linked: false });
    expect(await system.command(salon, 'start')).toMatchObject({ ok: true, event: { id: event.id } });
  });

  test.each([
    [undefined, 'PHONE_REQUIRED'],
    ['', 'PHONE_REQUIRED'],
    ['123', 'INVALID_PHONE_FORMAT'],
    ['100000000000001@lid', 'INVALID_PHONE_FORMAT'],
  ])('the number %j is refused as %s and starts no session', async (phoneNumber, code) => {
    const { salon } = pair();
    expect(await system.command(salon, 'request-pairing-code', phoneNumber)).toMatchObject(refusedAs(code));
    expect(system.service.pool.get(salon)).toBeUndefined();
  });

  test('two requests at once make one code', async () => {
    const { salon, phone } = pair();
    system.simulator.scenarios.select({ scope: { default: true }, name: 'slow', params: { delayMs: 500 } });
    const replies = await Promise.all([1, 2].map(() => system.command(salon, 'request-pairing-code', phone)));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    expect(replies.find(({ ok }) => !ok)).toMatchObject(refusedAs('REQUEST_IN_PROGRESS'));
    system.simulator.scenarios.clear();
    await typeCode(phone, (await system.event(salon, 'pairing-code')).event.code.text);
    await system.event(salon, 'connected');
    expect(system.types(salon).filter((type) => type === 'pairing-code')).toHaveLength(1);
  });

  test('a code typed wrongly may be typed again', async () => {
    const { salon, phone } = pair();
    const code = await codeFor(salon, phone);
    await expect(typeCode(phone, code === '11111111' ? '22222222' : '11111111')).rejects.toMatchObject({
      code: 'CODE_WRONG',
    });
    expect(system.types(salon).at(-1)).toBe('pairing-code');
    await typeCode(phone, code);
    await system.event(salon, 'connected');
  });

  test('a second code replaces the first one', async () => {
    const { salon, phone } = pair();
    const first = await codeFor(salon, phone);
    const second = await codeFor(salon, phone, 2);
    expect(second).not.toBe(first);
    await expect(typeCode(phone, first)).rejects.toMatchObject({ code: 'CODE_WRONG' });
    await typeCode(phone, second);
    await system.event(salon, 'connected');
    expect(system.types(salon).slice(0, 4)).toEqual(['starting', 'pairing-code', 'starting', 'pairing-code']);
  });

  test('a code for another phone while one is pending is for that phone, and the first phone is left alone', async () => {
    const [mistaken, { salon, phone }] = [pair(), pair()];
    const first = await codeFor(salon, mistaken.phone);
    await codeFor(salon, phone, 2);
    const { event } = await system.event(salon, 'pairing-code', 2);
    expect(event.code.phoneNumber).toBe(phone);
    await expect(typeCode(mistaken.phone, first)).rejects.toMatchObject({ code: 'CODE_EXPIRED' });
    await typeCode(phone, event.code.text);
    expect((await system.event(salon, 'connected')).event.phoneNumber).toBe(phone);
  });

  test('whoever looks at a QR gets a code, and back', async () => {
    const { salon, phone } = pair();
    await system.command(salon, 'start');
    await system.event(salon, 'qr');
    const code = await codeFor(salon, phone);
    await system.command(salon, 'request-qr');
    const { event } = await system.event(salon, 'qr', 2);
    await expect(typeCode(phone, code)).rejects.toMatchObject({ code: 'CODE_EXPIRED' });
    await system.simulator.phones.scan(phone, event.qr.text);
    await system.event(salon, 'connected');
  });

  test.each(['companion_hello', 'companion_finish'])(
    'a line that drops behind %s brings a fresh code for the same phone',
    async (after) => {
      const { salon, phone } = pair();
      system.simulator.scenarios.select({ scope: { phone }, name: 'code-interrupted', params: { after }, times: 1 });
      await system.command(salon, 'request-pairing-code', phone);
      const { event: first } = await system.event(salon, 'pairing-code');
      if (after === 'companion_finish') await typeCode(phone, first.code.text).catch(() => undefined);
      await system.event(salon, 'disconnected');
      const { event: second } = await system.event(salon, 'pairing-code', 2);
      expect(second.code.phoneNumber).toBe(phone);
      expect(second.code.text).not.toBe(first.code.text);
      await typeCode(phone, second.code.text);
      await system.event(salon, 'connected');
      expect(system.types(salon)).not.toContain('qr');
    },
  );

  test('a number that WhatsApp does not know is told with its reason, and a QR follows', async () => {
    const { salon } = pair();
    const phone = '79990009999';
    expect(await system.command(salon, 'request-pairing-code', phone)).toMatchObject({ ok: true });
    const { event } = await system.event(salon, 'pairing-code-error');
    expect(event).toMatchObject({ state: 'starting', error: { code: 'PAIRING_CODE_FAILED' } });
    expect(event.error.message).toContain('404');
    expect(JSON.stringify(event)).not.toContain(phone);
    await system.event(salon, 'qr');
    expect(system.types(salon)).toEqual(['starting', 'pairing-code-error', 'qr']);
    expect(system.logs.filter(({ msg }) => msg === 'no pairing code')).toHaveLength(1);
  });

  test('an account that wants a passkey says so', async () => {
    const { salon, phone } = pair();
    system.simulator.scenarios.select({ scope: { phone }, name: 'passkey', params: {} });
    await expect(typeCode(phone, await codeFor(salon, phone))).rejects.toMatchObject({ code: 'PASSKEY_REQUIRED' });
    await system.event(salon, 'passkey-required');
    system.simulator.scenarios.clear();
    await typeCode(phone, await codeFor(salon, phone, 2));
    await system.event(salon, 'connected');
  });

  test('a linked company needs no code', async () => {
    const { salon, phone } = pair();
    await system.link(salon, phone);
    const reply = await system.command(salon, 'request-pairing-code', phone);
    expect(reply).toMatchObject({ ok: true, event: { type: 'connected', phoneNumber: phone } });
    expect(system.types(salon).at(-1)).toBe('connected');
  });

  test('a restart with a code pending leaves nothing of it, and connects nobody', async () => {
    const { salon, phone } = pair();
    const code = await codeFor(salon, phone);
    await system.stopService();
    await system.startService();
    expect(await system.command(salon, 'status')).toEqual({ ok: true });
    await expect(typeCode(phone, code)).rejects.toMatchObject({ code: 'CODE_EXPIRED' });
    await typeCode(phone, await codeFor(salon, phone, 2));
    expect(await system.event(salon, 'connected')).toMatchObject({ event: { epoch: 2 } });
  });
});

describe('with codes that live half a second', () => {
  beforeAll(async () => {
    system = await LinkingSystem.start({ overrides: { socketTimes: { codeShownMs: 250, codeGraceMs: 250 } } });
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
  });

  test('one that nobody typed makes room for a QR that can be scanned', async () => {
    const { salon, phone } = pair();
    const code = await codeFor(salon, phone);
    const { event } = await system.event(salon, 'qr');
    expect(system.types(salon)).toEqual(['starting', 'pairing-code', 'qr']);
    await expect(typeCode(phone, code)).rejects.toMatchObject({ code: 'CODE_EXPIRED' });
    await system.simulator.phones.scan(phone, event.qr.text);
    await system.event(salon, 'connected');
  });

  test('an answer never shows one that is over', async () => {
    const { salon, phone } = pair();
    const code = await codeFor(salon, phone);
    const over = await waitFor(
      async () => {
        const reply = await system.command(salon, 'status');
        const shown = reply.ok ? reply.event : undefined;
        return shown?.type === 'pairing-code' ? undefined : shown;
      },
      { what: 'the code to be over' },
    );
    expect(JSON.stringify(over)).not.toContain(code);
    expect(['starting', 'qr']).toContain(over.state);
  });
});
