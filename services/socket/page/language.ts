import { english } from './english.ts';
import { russian } from './russian.ts';
import type { Texts } from './texts.ts';

export type Language = 'ru' | 'en';

const TEXTS: Readonly<Record<Language, Texts>> = { ru: russian, en: english };

export function textsFor(language: Language): Texts {
  return TEXTS[language];
}

/** The first language that the page has, of tags such as `en-GB`; Russian when it has none of them. */
export function chooseLanguage(wishes: readonly (string | null | undefined)[]): Language {
  const known = wishes.map((tag) => (tag ?? '').toLowerCase().split('-')[0]);
  return known.find((tag): tag is Language => tag === 'ru' || tag === 'en') ?? 'ru';
}

/** The `lang` claim of a token; not verified, because the words are all that depends on it. */
export function languageOfToken(token: string | undefined): string | undefined {
  try {
    const payload = token?.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? '';
    const claims: unknown = JSON.parse(atob(payload));
    if (typeof claims !== 'object' || claims === null || !('lang' in claims)) return undefined;
    return typeof claims.lang === 'string' ? claims.lang : undefined;
  } catch {
    return undefined;
  }
}
