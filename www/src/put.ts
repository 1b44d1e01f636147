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

/** All that something shows, as the key of {@link each}. */
export const key = (...parts: readonly unknown[]): string => JSON.stringify(parts);

/** What stays while what it shows changes. */
export interface Drawn<T> {
  readonly element: HTMLElement;
  show(what: T): void;
}

/** What is in each element, by key. */
const holds = new WeakMap<HTMLElement, Map<string, Node>>();

/** Gives an element these children. A key says all that its child shows: one that was there already stays as it is, and where it is. */
export function each(into: HTMLElement, wanted: readonly (readonly [key: string, make: () => Node])[]): void {
  const had = holds.get(into);
  const now = new Map<string, Node>();
  for (const [key, make] of wanted) {
    // Two may show the same.
    let unique = key;
    while (now.has(unique)) unique += " ";
    now.set(unique, had?.get(unique) ?? make());
  }
  holds.set(into, now);
  const staying = new Set(now.values());
  for (const node of [...into.childNodes]) if (!staying.has(node)) node.remove();
  let next = into.firstChild;
  for (const node of staying) {
    if (node === next) next = next.nextSibling;
    else into.insertBefore(node, next);
  }
}

/** Who draws what is in each element, by name. */
const drawers = new WeakMap<HTMLElement, Map<string, Drawn<never>>>();

/** Gives an element a child for each name, in this order: one of a name that was there already shows what is new in its place,
    so that what a reader has opened stays open. */
export function keep<T>(
  into: HTMLElement,
  wanted: readonly (readonly [name: string, what: T])[],
  make: () => Drawn<T>,
): void {
  const had = drawers.get(into) as Map<string, Drawn<T>> | undefined;
  const now = new Map<string, Drawn<T>>();
  for (const [name, what] of wanted) {
    let unique = name;
    while (now.has(unique)) unique += " ";
    const one = had?.get(unique) ?? make();
    one.show(what);
    now.set(unique, one);
  }
  drawers.set(into, now as Map<string, Drawn<never>>);
  each(
    into,
    [...now].map(([name, { element }]) => [name, () => element]),
  );
}

/** A list of things that have a name each, which stay by it. */
export function listed<T extends { readonly name: string }>(
  element: HTMLElement,
  make: () => Drawn<T>,
): Drawn<readonly T[]> {
  const show = (all: readonly T[]) =>
    keep(
      element,
      all.map((one) => [one.name, one]),
      make,
    );
  return { element, show };
}
