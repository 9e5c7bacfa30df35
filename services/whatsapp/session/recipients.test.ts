import { expect, test } from 'vitest';
import type { Address } from './address.ts';
import { Recipients } from './recipients.ts';

const byNumber = (user: string): Address => ({ user, server: 's.whatsapp.net', device: 0 });
const ANNA = byNumber('79990000001');

function setUp(answers: Record<string, Address | 'nobody'>) {
  const clock = { ms: 0 };
  const asked: string[] = [];
  const recipients = new Recipients({
    lookUp: async (phoneNumber) => {
      asked.push(phoneNumber);
      return answers[phoneNumber] ?? byNumber(phoneNumber);
    },
    now: () => clock.ms,
  });
  return { clock, asked, recipients };
}

test('a number is asked for once a day, and is written to as WhatsApp spells it', async () => {
  const spelt = byNumber('550000000001');
  const { clock, asked, recipients } = setUp({ '5500000000019': spelt });
  const find = () => recipients.find(byNumber('5500000000019'));
  expect([await find(), await find()]).toEqual([spelt, spelt]);
  expect(asked).toHaveLength(1);
  clock.ms += 24 * 3_600_000;
  await find();
  expect(asked).toHaveLength(2);
});

test('a number that nobody has is refused, and asked for again: it may be taken tomorrow', async () => {
  const { asked, recipients } = setUp({ [ANNA.user]: 'nobody' });
  for (const _ of [1, 2]) await expect(recipients.find(ANNA)).rejects.toMatchObject({ code: 'NOT_ON_WHATSAPP' });
  expect(asked).toHaveLength(2);
});

test('a LID is nothing to ask for', async () => {
  const { asked, recipients } = setUp({});
  const lid: Address = { user: '100000000000002', server: 'lid', device: 0 };
  expect(await recipients.find(lid)).toBe(lid);
  expect(asked).toEqual([]);
});

test('of more than a thousand numbers the latest are remembered', async () => {
  const { asked, recipients } = setUp({});
  for (let n = 0; n <= 1000; n += 1) await recipients.find(byNumber(String(79_990_000_000 + n)));
  asked.length = 0;
  for (const n of [1000, 1, 0]) await recipients.find(byNumber(String(79_990_000_000 + n)));
  expect(asked).toEqual(['79990000000']);
});
