import { MarketplaceClient } from '../../../shared/client/marketplace-client.ts';
import { announceConnected } from './embedding.ts';
import { chooseLanguage, languageOfToken, textsFor } from './language.ts';
import { initialModel, reduce, type OnboardingEvent, type OnboardingModel } from './onboarding-model.ts';
import { toView, type Action } from './onboarding-view.ts';
import { PageView } from './page-view.ts';
import { isRenewalDue } from './renewal.ts';
import { SuspensionDetector } from './suspension.ts';
import { TabMemory, openTabStorage, splitToken } from './token.ts';
import { readTypedPhoneNumber } from './typed-phone-number.ts';

/** Fine enough that a countdown never skips a second and an ended QR leaves the screen at once. */
const TICK_MS = 250;

/** What the person and the gateway do, and what the page makes of it. */
class Onboarding {
  readonly #memory: TabMemory;
  readonly #page: PageView;
  #client: MarketplaceClient | undefined;
  #model: OnboardingModel = initialModel(performance.now());

  constructor(memory: TabMemory) {
    this.#memory = memory;
    const language = chooseLanguage([
      new URLSearchParams(location.search).get('lang'),
      languageOfToken(memory.token),
      ...navigator.languages,
    ]);
    document.documentElement.lang = language;
    this.#page = new PageView({
      texts: textsFor(language),
      onAction: (action) => this.#act(action),
      onPhoneNumber: (typed) => this.#submit(typed),
    });
  }

  start(): void {
    const { token } = this.#memory;
    if (token === undefined) {
      this.#handle({ kind: 'refused', refusal: 'token-missing' });
      return;
    }
    this.#client = new MarketplaceClient({
      token,
      waitingSince: () =>
        this.#model.session?.state === 'connected' ? undefined : this.#memory.waitingSince(Date.now()),
    });
    this.#client.subscribe((event) => this.#handle(event));
    this.#client.connect();
    this.#keepTime(this.#client);
    this.#draw();
  }

  #handle(event: OnboardingEvent): void {
    const before = this.#model.session?.state;
    this.#model = reduce(this.#model, event, performance.now());
    const { session } = this.#model;
    if (session?.state === 'connected') {
      this.#memory.endWait();
      if (before !== 'connected') announceConnected(session);
    }
    this.#renewIfDue();
    this.#draw();
  }

  #draw(): void {
    this.#page.show(toView(this.#model, performance.now()));
  }

  #renewIfDue(): void {
    if (!isRenewalDue(this.#model, document.visibilityState === 'visible')) return;
    if (this.#client?.requestQr() !== true) return;
    this.#model = reduce(this.#model, { kind: 'qr-requested', isAutomatic: true }, performance.now());
  }

  #act(action: Action): void {
    switch (action) {
      case 'reconnect':
        return this.#client?.reopen();
      case 'enter-phone':
      case 'change-phone':
        return this.#handle({ kind: 'phone-asked' });
      case 'use-qr':
        return this.#useQr();
      case 'request-code':
        return this.#requestCode(this.#model.codePhone ?? '');
      case 'request-qr':
      case 'resume':
      case 'other-phone':
        return this.#requestQr();
    }
  }

  /** Where QRs run anyway, the next one comes by itself. */
  #useQr(): void {
    const state = this.#model.session?.state;
    if (state === 'starting' || state === 'qr') this.#handle({ kind: 'qr-chosen' });
    else this.#requestQr();
  }

  #requestQr(): void {
    const isSent = this.#client?.requestQr() === true;
    this.#handle(isSent ? { kind: 'qr-requested', isAutomatic: false } : { kind: 'qr-chosen' });
  }

  #submit(typed: string): void {
    const read = readTypedPhoneNumber(typed);
    if ('error' in read) this.#handle({ kind: 'phone-rejected', code: read.error });
    else this.#requestCode(read.phoneNumber);
  }

  /** A request that cannot be sent is not made: the page is about to say that it has no connection. */
  #requestCode(phoneNumber: string): void {
    if (this.#client?.requestPairingCode(phoneNumber) === true) this.#handle({ kind: 'code-requested', phoneNumber });
  }

  /** Draws as time passes; after a sleep of the machine nothing known before it counts, so the socket is opened anew. */
  #keepTime(client: MarketplaceClient): void {
    const suspension = new SuspensionDetector(Date.now(), performance.now());
    const tick = () => {
      if (suspension.hasSlept(Date.now(), performance.now())) client.reopen();
      this.#renewIfDue();
      this.#draw();
    };
    setInterval(tick, TICK_MS);
    document.addEventListener('visibilitychange', tick);
    addEventListener('offline', () => this.#handle({ kind: 'network', isOffline: true }));
    addEventListener('online', () => {
      this.#handle({ kind: 'network', isOffline: false });
      client.reopen();
    });
  }
}

/** Moves the token of the address, should there be one, into the tab's memory: addresses are copied, sent and logged. */
function takeToken(memory: TabMemory): boolean {
  const { token, cleanAddress } = splitToken(location.href);
  if (token === undefined) return false;
  memory.rememberToken(token);
  history.replaceState(null, '', cleanAddress);
  return true;
}

const memory = new TabMemory(openTabStorage(() => sessionStorage));
takeToken(memory);
// A link pasted into this tab changes the fragment only, and no browser loads a page again for that.
addEventListener('hashchange', () => {
  if (takeToken(memory)) location.reload();
});
new Onboarding(memory).start();
