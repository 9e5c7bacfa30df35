/** The element with this id. @throws TypeError when index.html has none: the two belong together. */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new TypeError(`index.html has no element #${id}`);
  return found;
}

/** As `element`, of one kind. */
export function elementOf<T extends Element>(id: string, kind: new () => T): T {
  const found: Element = element(id);
  if (!(found instanceof kind)) throw new TypeError(`#${id} is no ${kind.name}`);
  return found;
}

/** Writes only what differs, so that screen readers and selections are left alone. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** As `setText`, and takes the element away while there is nothing to say. */
export function setLine(target: Element, text: string): void {
  setText(target, text);
  setHidden(target, text === '');
}

export function setAttribute(target: Element, name: string, value: string): void {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

export function setHidden(target: Element, isHidden: boolean): void {
  if (target.hasAttribute('hidden') !== isHidden) target.toggleAttribute('hidden', isHidden);
}
