import { GatewayConnection } from './gateway-connection.ts';
import { initialModel, reduce, type OnboardingEvent } from './onboarding-model.ts';
import { toView, type Action } from './onboarding-view.ts';
import { PageView } from './page-view.ts';
import { SuspensionDetector } from './suspension.ts';
import { chooseLanguage, textsFor } from './texts.ts';
import { TabMemory, openTabStorage, splitToken } from './token.ts';

/** Fine enough that a countdown never skips a second and an ended QR leaves the screen at once. */
const TICK_MS = 250;

function start(): void {
  const language = chooseLanguage(new URLSearchParams(location.search).get('lang'), navigator.languages);
  document.documentElement.lang = language;
  const memory = new TabMemory(openTabStorage(() => sessionStorage));
  takeToken(memory);
  // A link pasted into this tab changes the fragment only, and no browser loads a page again for that.
  addEventListener('hashchange', () => {
    if (takeToken(memory)) location.reload();
  });

  let model = initialModel(performance.now());
  let connection: GatewayConnection | undefined;
  const page = new PageView(textsFor(language), act);
  const draw = () => page.show(toView(model, performance.now()));

  function handle(event: OnboardingEvent): void {
    model = reduce(model, event, performance.now());
    if (model.session?.state === 'connected') memory.endWait();
    draw();
  }

  function act(action: Action): void {
    if (action === 'reconnect') return connection?.reopen();
    handle({ kind: 'requested' });
    connection?.requestQr();
  }

  const { token } = memory;
  if (token === undefined) return handle({ kind: 'refused', refusal: 'no-token' });
  connection = new GatewayConnection({
    onEvent: handle,
    auth: () => ({
      token,
      acknowledges: true,
      ...(model.session?.state !== 'connected' && { waitingSince: memory.waitingSince(Date.now()) }),
      ...(model.seen && { seen: model.seen }),
    }),
  });
  keepTime(draw, () => connection.reopen());
}

/** Draws as time passes; after a sleep of the machine nothing known before it counts, so the socket is opened anew. */
function keepTime(draw: () => void, onSlept: () => void): void {
  const suspension = new SuspensionDetector(Date.now(), performance.now());
  const tick = () => {
    if (suspension.hasSlept(Date.now(), performance.now())) onSlept();
    draw();
  };
  setInterval(tick, TICK_MS);
  document.addEventListener('visibilitychange', tick);
}

/** Moves the token of the address, should there be one, into the tab's memory: addresses are copied, sent and logged. */
function takeToken(memory: TabMemory): boolean {
  const { token, cleanAddress } = splitToken(location.href);
  if (token === undefined) return false;
  memory.rememberToken(token);
  history.replaceState(null, '', cleanAddress);
  return true;
}

start();
