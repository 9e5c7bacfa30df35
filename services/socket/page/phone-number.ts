/**
 * E.164 digits as people write them: Russian and Kazakh numbers in their usual groups, others with a plus only, because
 * grouping needs the numbering plan of each country.
 */
export function formatPhone(digits: string): string {
  const match = /^7(\d{3})(\d{3})(\d{2})(\d{2})$/.exec(digits);
  if (match === null) return `+${digits}`;
  const [, area, first, second, third] = match;
  return `+7 ${area} ${first}-${second}-${third}`;
}

/** Whole seconds as `0:42`. */
export function formatCountdown(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** A code letter by letter, so that a screen reader does not take it for a word. */
export function spellOut(code: string): string {
  return code.split('').join(' ');
}
