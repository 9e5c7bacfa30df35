import type { Action, View } from './onboarding-view.ts';
import { formatPhone } from './phone-number.ts';
import { toQrPath } from './qr-path.ts';
import { STATE_LOOKS } from './state-look.ts';
import type { Texts } from './texts.ts';

/** Writes views into the document; touches only what differs from the last one. */
export class PageView {
  readonly #texts: Texts;
  readonly #page = element('page');
  readonly #tile = element('tile');
  readonly #qr = element('qr');
  readonly #title = element('title');
  readonly #action = element('action');
  #drawnQr: string | undefined;
  #announced = '';
  #actionKind: Action | undefined;

  constructor(texts: Texts, onAction: (action: Action) => void) {
    this.#texts = texts;
    this.#action.addEventListener('click', () => {
      if (this.#actionKind !== undefined) onAction(this.#actionKind);
    });
    setText('heading', texts.heading);
    setText('qr-label', texts.qrLabel);
    setText('same-phone', texts.samePhone);
    const steps = element('steps').children;
    texts.steps.forEach((step, index) => steps.item(index)?.replaceChildren(step));
  }

  show(view: View): void {
    const { title, text } = this.#texts.states[view.name];
    const { tone, icon, ...look } = STATE_LOOKS[view.name];
    // Something went wrong: what to do about it takes the place of the steps.
    const hasSteps = look.hasSteps && view.note === undefined;
    this.#showQr(view);
    setAttribute(this.#tile, 'data-icon', icon);
    setAttribute(this.#page, 'data-tone', tone);
    setAttribute(this.#page, 'data-steps', String(hasSteps));
    setText('title', title);
    setText('text', text);
    setText('phone', view.phone === undefined ? '' : formatPhone(view.phone));
    setText('retry', this.#retryText(view));
    setText('note', view.note === undefined ? '' : this.#texts.notes[view.note]);
    setText('reason', view.reason === undefined ? '' : this.#texts.reason(view.reason));
    setHidden(element('steps'), !hasSteps);
    setHidden(element('same-phone'), !hasSteps);
    this.#showAction(view.action);
    this.#announce(view, title, text);
    document.title = `${title} · WhatsApp`;
    // Last, so that whoever waits for a state finds all of it drawn.
    setAttribute(this.#page, 'data-state', view.name);
  }

  #showQr({ qr, name }: View): void {
    setHidden(this.#qr, qr === undefined);
    if (qr?.text !== this.#drawnQr) this.#drawQr(qr?.text);
    const bar = element('countdown-bar');
    setAttribute(bar, 'max', String(qr?.secondsTotal ?? 1));
    setAttribute(bar, 'value', String(qr?.secondsLeft ?? 0));
    setAttribute(element('countdown'), 'data-shown', String(qr !== undefined));
    const text = qr === undefined ? undefined : this.#texts.qrCountdown(qr.secondsLeft);
    setText('countdown-text', text ?? (name === 'qr-refreshing' ? this.#texts.qrAwaited : ''));
  }

  #drawQr(text: string | undefined): void {
    this.#drawnQr = text;
    const symbol = text === undefined ? undefined : toQrPath(text);
    setAttribute(this.#qr, 'viewBox', symbol === undefined ? '0 0 1 1' : `0 0 ${symbol.size} ${symbol.size}`);
    this.#qr.querySelector('path')?.setAttribute('d', symbol?.path ?? '');
  }

  #retryText({ name, retryInSeconds, action }: View): string {
    if (name !== 'disconnected') return '';
    if (action !== undefined) return this.#texts.retryEnded;
    return retryInSeconds === undefined || retryInSeconds === 0
      ? this.#texts.retryNow
      : this.#texts.retryIn(retryInSeconds);
  }

  /** A button that goes away while it has the focus hands it to the title, not to the top of the page. */
  #showAction(action: Action | undefined): void {
    this.#actionKind = action;
    if (action === undefined && document.activeElement === this.#action) this.#title.focus();
    setHidden(this.#action, action === undefined);
    if (action !== undefined) setText('action', this.#texts.actions[action]);
  }

  /** Said once per state: a countdown or the next QR of a series is no news. */
  #announce(view: View, title: string, text: string): void {
    const note = view.note === undefined ? '' : this.#texts.notes[view.note];
    const phone = view.phone === undefined ? '' : formatPhone(view.phone);
    const said = [title, phone, text, note].filter((part) => part !== '').map((part) => part.replace(/\.$/, ''));
    const sentence = `${said.join('. ')}.`;
    if (sentence === this.#announced) return;
    this.#announced = sentence;
    setText('announcement', sentence);
  }
}

function element(id: string): Element & HTMLOrSVGElement {
  const found = document.getElementById(id);
  if (found === null) throw new TypeError(`index.html has no element #${id}`);
  return found;
}

function setText(id: string, text: string): void {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
  if (target.localName === 'p' && target.getAttribute('role') === null) setHidden(target, text === '');
}

function setAttribute(target: Element, name: string, value: string): void {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

function setHidden(target: Element, isHidden: boolean): void {
  if (target.hasAttribute('hidden') !== isHidden) target.toggleAttribute('hidden', isHidden);
}
