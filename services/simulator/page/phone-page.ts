import type { DeviceView, PhoneView } from '../people/phone-desk.ts';
import type { Screen } from '../screens.ts';
import { byId, make, makeRow, RowList, setText, type Row } from './dom.ts';
import { describeCodeRequest, describeDevice, describePhone, describeScreen, initials } from './phone-words.ts';
import type { Person } from './simulator-api.ts';

/** What a person does with the phone. */
export interface PhoneActions {
  readonly choosePhone: (id: string) => void;
  readonly scanScreen: (companyId: string) => void;
  readonly scanText: (text: string) => void;
  readonly enterCode: (code: string) => void;
  readonly scanImage: (image: Blob) => void;
  readonly unlink: (device: DeviceView) => void;
  readonly disconnect: (device: DeviceView, how: 'close' | 'cut') => void;
  readonly addPhone: (person: Person) => void;
}

export type Tone = 'idle' | 'busy' | 'success' | 'error';

/** The document of the phone: draws lists and results, and turns clicks into actions. */
export class PhonePage {
  readonly #actions: PhoneActions;
  readonly #phone = byId('phone', HTMLElement);
  readonly #person = byId('person', HTMLSelectElement);
  readonly #result = byId('result', HTMLElement);
  readonly #screens: RowList<Screen>;
  readonly #devices: RowList<DeviceView>;
  readonly #time = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' });
  #drawnPeople = '';

  constructor(actions: PhoneActions) {
    this.#actions = actions;
    this.#screens = new RowList(byId('screens', HTMLElement), (screen) => this.#makeScreen(screen));
    this.#devices = new RowList(byId('devices', HTMLElement), (device) => this.#makeDevice(device));
    this.#person.addEventListener('change', () => actions.choosePhone(this.#person.value));
    this.#listenToCode();
    this.#listenToPaste();
    this.#listenToImages();
    this.#listenToAdd();
  }

  showPhones(phones: readonly PhoneView[], chosen: PhoneView): void {
    const people = JSON.stringify(phones.map(describePhone));
    if (people !== this.#drawnPeople) {
      this.#person.replaceChildren(...phones.map((phone) => new Option(describePhone(phone), phone.id)));
      this.#drawnPeople = people;
    }
    this.#person.value = chosen.id;
    setText(byId('avatar', HTMLElement), initials(chosen.name));
    byId('devices-empty', HTMLElement).hidden = chosen.devices.length > 0;
    this.#devices.show(
      chosen.devices,
      ({ jid }) => jid,
      (row, device) => this.#updateDevice(row, device),
    );
  }

  /** Who waits for a code, and for how long. */
  showCodeRequest(phone: PhoneView, nowMs: number): void {
    setText(byId('code-request', HTMLElement), describeCodeRequest(phone, nowMs));
  }

  showScreens(screens: readonly Screen[], nowMs: number): void {
    byId('screens-empty', HTMLElement).hidden = screens.length > 0;
    this.#screens.show(
      screens,
      ({ companyId, code }) => `${companyId} ${code ? 'code' : 'qr'}`,
      (row, screen) => {
        const { title, detail } = describeScreen(screen, nowMs);
        setText(row.title, title);
        setText(row.detail, detail);
      },
    );
  }

  /** Says how it went, also to a screen reader. */
  showResult(tone: Tone, text: string): void {
    this.#result.dataset['tone'] = tone;
    setText(this.#result, text);
  }

  /**
   * Controls are dead until the first phones have come. Later a busy phone only looks so: a disabled button would lose the
   * focus of whoever pressed it by keyboard.
   */
  setBusy(isBusy: boolean): void {
    this.#phone.dataset['state'] = isBusy ? 'busy' : 'ready';
    if (isBusy) return;
    for (const control of this.#phone.querySelectorAll(':disabled')) control.removeAttribute('disabled');
  }

  #makeScreen(screen: Screen): Row {
    const verb = screen.code ? 'Type' : 'Scan';
    const scan = this.#makeButton(verb, 'button', () => this.#actions.scanScreen(screen.companyId));
    scan.setAttribute('aria-label', `${verb} ${screen.companyId}`);
    return makeRow(scan);
  }

  #makeDevice(device: DeviceView): Row {
    const quiet = 'button button-quiet';
    const row = makeRow(
      this.#makeButton('Close', quiet, () => this.#actions.disconnect(device, 'close')),
      this.#makeButton('Cut', quiet, () => this.#actions.disconnect(device, 'cut')),
      this.#makeButton('Unlink', 'button button-danger', () => this.#actions.unlink(device)),
    );
    const [close, cut] = row.element.querySelectorAll('button');
    if (close) close.title = 'End the connection in order; the device may come back';
    if (cut) cut.title = 'Drop the connection without a word, as a network does';
    return row;
  }

  #updateDevice(row: Row, device: DeviceView): void {
    const { title, detail } = describeDevice(device, this.#time);
    setText(row.title, title);
    setText(row.detail, detail);
    row.element.dataset['online'] = String(device.online);
    for (const button of row.element.querySelectorAll<HTMLButtonElement>('.button-quiet'))
      button.hidden = !device.online;
  }

  #makeButton(label: string, className: string, onClick: () => void): HTMLButtonElement {
    const button = make('button', className, label);
    button.type = 'button';
    button.addEventListener('click', onClick);
    return button;
  }

  #listenToCode(): void {
    const code = byId('code', HTMLInputElement);
    byId('code-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#actions.enterCode(code.value);
    });
  }

  #listenToPaste(): void {
    const text = byId('qr-text', HTMLTextAreaElement);
    byId('paste', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#actions.scanText(text.value.trim());
    });
  }

  #listenToImages(): void {
    const input = byId('image', HTMLInputElement);
    const take = (files: FileList | undefined) => {
      const image = files?.item(0);
      if (image) this.#actions.scanImage(image);
    };
    input.addEventListener('change', () => {
      take(input.files ?? undefined);
      // The same file again is a new scan.
      input.value = '';
    });
    document.addEventListener('paste', (event) => take(event.clipboardData?.files));
    document.addEventListener('dragover', (event) => event.preventDefault());
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      take(event.dataTransfer?.files);
    });
  }

  #listenToAdd(): void {
    const name = byId('add-name', HTMLInputElement);
    const number = byId('add-number', HTMLInputElement);
    const form = byId('add', HTMLFormElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const phoneNumber = number.value.replaceAll(/\D/g, '');
      this.#actions.addPhone({
        ...(name.value.trim() !== '' && { name: name.value.trim() }),
        ...(phoneNumber !== '' && { phoneNumber }),
      });
      form.reset();
    });
  }
}
