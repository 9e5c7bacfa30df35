import type { Action, Note, ViewName } from './onboarding-view.ts';

interface StateText {
  readonly title: string;
  readonly text: string;
}

type Steps = readonly [string, string, string];

/** All words of the page. Written for the owner of a salon: what is the matter, and what to do next. */
export interface Texts {
  readonly heading: string;
  readonly qrLabel: string;
  readonly steps: Steps;
  readonly codeSteps: Steps;
  readonly samePhone: string;
  readonly phoneLabel: string;
  readonly phoneHint: string;
  readonly phoneSubmit: string;
  readonly codeLabel: (spelled: string) => string;
  readonly copy: string;
  readonly copied: string;
  readonly notCopied: string;
  readonly states: Readonly<Record<ViewName, StateText>>;
  readonly actions: Readonly<Record<Action, string>>;
  readonly notes: Readonly<Record<Note, string>>;
  /** By the contract's code. */
  readonly codeErrors: Readonly<Record<string, string>>;
  readonly otherCodeError: string;
  readonly qrCountdown: (seconds: number) => string;
  readonly codeCountdown: (seconds: number) => string;
  readonly qrAwaited: string;
  readonly retryIn: (seconds: number) => string;
  readonly retryNow: string;
  readonly retryEnded: string;
  readonly reason: (reason: string) => string;
}
