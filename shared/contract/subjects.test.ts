import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCompanyId, type CompanyId } from './company-id.ts';
import { commandsSubject, companyIdOfEventsSubject, eventsSubject, messagesSubject } from './subjects.ts';

/** Strings that are likely to break out of a subject token, and anything else. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('company_', '1', '9', '.', '*', '>', ' ', '\r', '\n', '\t', '\0', 'PUB', '٣') }),
  fc.bigInt({ min: 0n }).map((n) => `company_${n}`),
);

test('no string whatever makes a subject of another company or a malformed protocol line', () => {
  fc.assert(
    fc.property(hostile, (input) => {
      let companyId: CompanyId;
      try {
        companyId = parseCompanyId(input);
      } catch {
        return;
      }
      for (const subject of [eventsSubject(companyId), messagesSubject(companyId), commandsSubject(companyId)]) {
        expect(subject).toMatch(/^whatsapp\.(events|messages|commands)\.company_[1-9][0-9]{0,18}$/);
      }
      expect(companyIdOfEventsSubject(eventsSubject(companyId))).toBe(companyId);
    }),
    { numRuns: 5000 },
  );
});

test('a subject is read back only in canonical form', () => {
  fc.assert(
    fc.property(hostile, (token) => {
      const companyId = companyIdOfEventsSubject(`whatsapp.events.${token}`);
      if (companyId !== undefined) expect(eventsSubject(companyId)).toBe(`whatsapp.events.${token}`);
    }),
    { numRuns: 5000 },
  );
  expect(companyIdOfEventsSubject('whatsapp.events.962302')).toBeUndefined();
  expect(companyIdOfEventsSubject('whatsapp.commands.company_962302')).toBeUndefined();
});
