import { element, setHidden, setText } from './dom.ts';
import type { View } from './onboarding-view.ts';
import { spellOut } from './phone-number.ts';
import type { Texts } from './texts.ts';

/** How long the button says that the code was copied, in ms. */
const COPIED_FOR_MS = 3_000;

/** The pairing code, large, with a button that copies it. */
export class CodePanel {
  readonly #texts: Texts;
  readonly #code = element('code');
  readonly #spelled = element('code-spelled');
  readonly #copy = element('copy');
  readonly #say: (sentence: string) => void;
  #text = '';
  #reset: ReturnType<typeof setTimeout> | undefined;

  /** @param say tells a screen reader. */
  constructor(texts: Texts, say: (sentence: string) => void) {
    this.#texts = texts;
    this.#say = say;
    setText(this.#copy, texts.copy);
    this.#copy.addEventListener('click', () => void this.#copyCode());
  }

  show({ code }: View): void {
    setHidden(element('code-panel'), code === undefined);
    const text = code?.text ?? '';
    if (text === this.#text) return;
    this.#text = text;
    this.#label(this.#texts.copy);
    // As WhatsApp shows it: two groups of four.
    setText(this.#code, text === '' ? '' : `${text.slice(0, 4)}-${text.slice(4)}`);
    setText(this.#spelled, text === '' ? '' : this.#texts.codeLabel(spellOut(text)));
  }

  async #copyCode(): Promise<void> {
    const isCopied = await copyText(this.#text, this.#code);
    const said = isCopied ? this.#texts.copied : this.#texts.notCopied;
    this.#label(said);
    this.#say(said);
    this.#reset = setTimeout(() => this.#label(this.#texts.copy), COPIED_FOR_MS);
  }

  #label(text: string): void {
    clearTimeout(this.#reset);
    setText(this.#copy, text);
  }
}

/** The clipboard is closed to frames without permission and to pages without TLS: then the selection is copied. */
async function copyText(text: string, shown: Element): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(shown);
    // Deprecated, and still the only way where there is no clipboard.
    return document.execCommand('copy');
  }
}
