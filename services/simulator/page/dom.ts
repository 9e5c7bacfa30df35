/** The element of this id and kind; a missing one is a mistake in index.html. */
export function byId<Kind extends Element>(id: string, kind: abstract new (...args: never[]) => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new TypeError(`index.html has no ${kind.name} #${id}`);
}

/** An element with its class and content. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  ...content: (string | Node)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...content);
  return made;
}

export interface Row {
  readonly element: HTMLElement;
  readonly title: HTMLElement;
  readonly detail: HTMLElement;
}

/** A line of a list: two lines of text, and the buttons for it. */
export function makeRow(...buttons: readonly HTMLButtonElement[]): Row {
  const title = make('span', 'row-title');
  const detail = make('span', 'row-detail');
  const text = make('span', 'row-text', title, detail);
  return { element: make('li', 'row', text, make('span', 'row-buttons', ...buttons)), title, detail };
}

export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Makes a list show exactly these items, keeping the rows of those that stay: a button under the pointer or with the focus
 * is never replaced by its twin.
 */
export class RowList<Item> {
  readonly #list: HTMLElement;
  readonly #create: (item: Item) => Row;
  readonly #rows = new Map<string, Row>();

  constructor(list: HTMLElement, create: (item: Item) => Row) {
    this.#list = list;
    this.#create = create;
  }

  show(items: readonly Item[], keyOf: (item: Item) => string, update: (row: Row, item: Item) => void): void {
    const keys = new Set(items.map(keyOf));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    for (const item of items) {
      const key = keyOf(item);
      const row = this.#rows.get(key) ?? this.#create(item);
      if (!this.#rows.has(key)) this.#list.append(row.element);
      this.#rows.set(key, row);
      update(row, item);
    }
  }
}
