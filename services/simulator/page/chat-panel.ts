import type { PhoneView } from '../people/phone-desk.ts';
import type { MessageView } from '../post/chats.ts';
import { byId, make, makeRow, RowList, setText, type Row } from './dom.ts';
import { describeMessage, describePhone } from './phone-words.ts';

export interface ChatActions {
  readonly send: (to: string, text: string) => void;
  readonly like: (message: MessageView) => void;
  readonly read: (message: MessageView) => void;
}

/** Longer chats are cut at their beginning. */
const SHOWN_MESSAGES = 20;

/** What the phone's owner writes and gets. */
export class ChatPanel {
  readonly #to = byId('message-to', HTMLSelectElement);
  readonly #messages: RowList<MessageView>;
  readonly #time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
  #drawnPeople = '';

  constructor(actions: ChatActions) {
    this.#messages = new RowList(byId('messages', HTMLElement), (message) => makeMessage(message, actions));
    const text = byId('message-text', HTMLInputElement);
    const form = byId('message-form', HTMLFormElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (text.value === '') return;
      actions.send(this.#to.value, text.value);
      text.value = '';
    });
  }

  show(phones: readonly PhoneView[], messages: readonly MessageView[]): void {
    const people = JSON.stringify(phones.map(describePhone));
    if (people !== this.#drawnPeople) {
      this.#to.replaceChildren(...phones.map((phone) => new Option(describePhone(phone), phone.id)));
      this.#drawnPeople = people;
    }
    byId('messages-empty', HTMLElement).hidden = messages.length > 0;
    this.#messages.show(
      messages.slice(-SHOWN_MESSAGES),
      // Both phones of a message have it under one id, and differ in what can be done with it.
      ({ id, direction }) => `${direction} ${id}`,
      (row, message) => {
        const { title, detail } = describeMessage(message, phones, this.#time);
        setText(row.title, title);
        setText(row.detail, detail);
      },
    );
  }
}

function makeMessage(message: MessageView, { like, read }: ChatActions): Row {
  if (message.direction === 'out' || 'reaction' in message) return makeRow();
  const buttons = [makeButton('👍', 'React', () => like(message)), makeButton('Read', 'Read', () => read(message))];
  return makeRow(...buttons);
}

function makeButton(label: string, name: string, onClick: () => void): HTMLButtonElement {
  const button = make('button', 'button button-quiet', label);
  button.type = 'button';
  button.setAttribute('aria-label', name);
  button.addEventListener('click', onClick);
  return button;
}
