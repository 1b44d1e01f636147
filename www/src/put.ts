// Drawing into an element only where that is to say something else: what stays keeps its elements, is not announced again, and
// costs the browser nothing.

/** What each element says, as data. */
const says = new WeakMap<HTMLElement, string>();

/** Replaces what is in an element by what `draw` makes of `what`, unless it is that already. */
export function put(into: HTMLElement, what: unknown, draw: () => readonly (Node | string)[]): void {
  const key = JSON.stringify(what ?? null);
  if (says.get(into) === key) return;
  says.set(into, key);
  into.replaceChildren(...draw());
}
