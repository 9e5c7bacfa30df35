import { claimsOf } from '../../../shared/client/token-claims.ts';
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
  const { lang } = claimsOf(token);
  return typeof lang === 'string' ? lang : undefined;
}
