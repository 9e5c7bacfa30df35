import type { DeviceView, PhoneView } from '../people/phone-desk.ts';
import type { MessageView } from '../post/chats.ts';
import type { Screen } from '../screens.ts';
import { ChatPanel } from './chat-panel.ts';
import { PhonePage, type PhoneActions } from './phone-page.ts';
import { describePhone, explain, pickPhone } from './phone-words.ts';
import { readQrFromImage } from './qr-image.ts';
import { ScenarioPanel } from './scenario-panel.ts';
import { simulatorApi, type ScenarioSelection, SimulatorRequestError } from './simulator-api.ts';

/** A QR lives 20 s: a list that is a second old is fresh enough to scan from. */
const REFRESH_MS = 1_000;

/** The phone in somebody's hand: asks the simulator what there is to see, and does what is pressed. */
class Phone {
  readonly #page: PhonePage;
  readonly #chat: ChatPanel;
  readonly #scenarios: ScenarioPanel;
  #phones: readonly PhoneView[] = [];
  #screens: readonly Screen[] = [];
  #messages: readonly MessageView[] = [];
  #table: Awaited<ReturnType<typeof simulatorApi.scenarios>> = { scenarios: [], selections: [] };
  #chosenId: string | undefined;
  #isBusy = true;
  #isLost = false;

  constructor() {
    const actions: PhoneActions = {
      choosePhone: (id) => {
        this.#chosenId = id;
        this.#draw();
      },
      scanScreen: (companyId) => this.#act('Scanning…', (phone) => this.#scanScreen(phone, companyId)),
      scanText: (text) => this.#act('Scanning…', (phone) => this.#scan(phone, text)),
      enterCode: (code) => this.#act('Typing…', (phone) => this.#enterCode(phone, code)),
      scanImage: (image) => this.#act('Reading the picture…', (phone) => this.#scanImage(phone, image)),
      unlink: (device) => this.#act('Unlinking…', () => this.#unlink(device)),
      disconnect: (device, how) => this.#act('Disconnecting…', () => this.#disconnect(device, how)),
      addPhone: (person) => this.#act('Adding…', () => this.#add(person)),
    };
    this.#page = new PhonePage(actions);
    this.#chat = new ChatPanel({
      send: (to, text) => this.#act('Sending…', (phone) => this.#send(phone, to, text)),
      like: (message) => this.#act('Reacting…', (phone) => this.#like(phone, message)),
      read: (message) => this.#act('Reading…', (phone) => this.#read(phone, message)),
    });
    this.#scenarios = new ScenarioPanel({
      select: (selection) => this.#act('Arranging…', () => this.#select(selection)),
      clear: () => this.#act('Arranging…', () => this.#clear()),
    });
  }

  /** Runs for as long as the page is open. */
  async run(): Promise<never> {
    for (;;) {
      await this.#refresh();
      await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
    }
  }

  async #refresh(): Promise<void> {
    try {
      const { phones, screens, scenarios } = simulatorApi;
      [this.#phones, this.#screens, this.#table] = await Promise.all([phones(), screens(), scenarios()]);
      const chosen = pickPhone(this.#phones, this.#chosenId);
      this.#messages = chosen ? await simulatorApi.messages(chosen.id) : [];
    } catch (error) {
      this.#isLost = true;
      return this.#page.showResult('error', sentenceOf(error));
    }
    if (this.#isLost) this.#page.showResult('idle', 'The simulator is back.');
    this.#isLost = false;
    if (this.#isBusy && this.#phones.length > 0) this.#setBusy(false);
    this.#draw();
  }

  #draw(): void {
    const chosen = pickPhone(this.#phones, this.#chosenId);
    if (chosen) {
      this.#page.showPhones(this.#phones, chosen);
      this.#page.showCodeRequest(chosen, Date.now());
      this.#chat.show(this.#phones, this.#messages);
      this.#scenarios.show(this.#table.scenarios, this.#table.selections, chosen.id);
    }
    this.#page.showScreens(this.#screens, Date.now());
  }

  #setBusy(isBusy: boolean): void {
    this.#isBusy = isBusy;
    this.#page.setBusy(isBusy);
  }

  /** One thing at a time, and the result of each in words. */
  async #perform(doing: string, action: (phone: PhoneView) => Promise<string>): Promise<void> {
    const phone = pickPhone(this.#phones, this.#chosenId);
    if (this.#isBusy || !phone) return;
    this.#setBusy(true);
    this.#page.showResult('busy', doing);
    try {
      this.#page.showResult('success', await action(phone));
    } catch (error) {
      this.#page.showResult('error', sentenceOf(error));
    } finally {
      this.#setBusy(false);
    }
    await this.#refresh();
  }

  #act(doing: string, action: (phone: PhoneView) => Promise<string>): void {
    void this.#perform(doing, action);
  }

  async #scan(phone: PhoneView, text: string): Promise<string> {
    if (text === '') throw new SimulatorRequestError('QR_INVALID', 'nothing was pasted');
    const device = await simulatorApi.scan(phone.id, text);
    return `Linked as device ${device.device} of ${describePhone(phone)}.`;
  }

  async #scanScreen(phone: PhoneView, companyId: string): Promise<string> {
    const screen = this.#screens.find((shown) => shown.companyId === companyId);
    if (screen?.code) return this.#enterCode(phone, screen.code.text);
    if (screen?.qr === undefined) throw new SimulatorRequestError('QR_EXPIRED', 'the screen shows no QR any more');
    return this.#scan(phone, screen.qr);
  }

  async #enterCode(phone: PhoneView, code: string): Promise<string> {
    const device = await simulatorApi.enterCode(phone.id, code);
    return `Linked as device ${device.device} of ${describePhone(phone)}.`;
  }

  async #scanImage(phone: PhoneView, image: Blob): Promise<string> {
    const text = await readQrFromImage(image);
    if (text === undefined) throw new SimulatorRequestError('NO_QR', 'no QR in the picture');
    return this.#scan(phone, text);
  }

  async #unlink({ phone, device }: DeviceView): Promise<string> {
    await simulatorApi.unlink(phone, device);
    return `Device ${device} was removed from this phone.`;
  }

  async #disconnect({ jid, device }: DeviceView, how: 'close' | 'cut'): Promise<string> {
    await simulatorApi.disconnect(jid, how);
    return how === 'close' ? `The connection of device ${device} was closed.` : `The line of device ${device} was cut.`;
  }

  async #send(phone: PhoneView, to: string, text: string): Promise<string> {
    await simulatorApi.sendText(phone.id, to, text);
    return 'Sent.';
  }

  async #like(phone: PhoneView, { id, peer }: MessageView): Promise<string> {
    await simulatorApi.react(phone.id, peer, { messageId: id, emoji: '👍' });
    return 'Reacted.';
  }

  async #read(phone: PhoneView, { id }: MessageView): Promise<string> {
    await simulatorApi.markRead(phone.id, id);
    return 'The sender knows that it was read.';
  }

  async #select(selection: ScenarioSelection): Promise<string> {
    await simulatorApi.selectScenario(selection);
    return selection.name === 'normal' ? 'Back to normal.' : `From now on: ${selection.name}.`;
  }

  async #clear(): Promise<string> {
    await simulatorApi.clearScenarios();
    return 'Everything is back to normal.';
  }

  async #add(person: Parameters<typeof simulatorApi.addPhone>[0]): Promise<string> {
    const phone = await simulatorApi.addPhone(person);
    this.#chosenId = phone.id;
    return `This is now the phone of ${describePhone(phone)}.`;
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof SimulatorRequestError ? explain(error) : String(error);
}

await new Phone().run();
