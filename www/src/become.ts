// Makes a drawn tree into another one by replacing only what differs: the browser then lays out and paints only that.

/** `old` becomes like `fresh`, whose nodes move into it where the two differ. */
export function become(old: Element, fresh: Element): void {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  // What is the same at both ends stays.
  const least = Math.min(before.length, after.length);
  let from = 0;
  while (from < least && same(before[from], after[from])) from++;
  let end = 0;
  while (end < least - from && same(before.at(-1 - end), after.at(-1 - end))) end++;
  const [gone, come] = [before.slice(from, before.length - end), after.slice(from, after.length - end)];
  // Layers keep their place, and their contents are compared in turn.
  const layers = gone.length === come.length && gone.every((node, i) => isLayer(node) && isLayer(come[i]));
  if (layers) {
    gone.forEach((node, i) => become(node as Element, come[i] as Element));
    return;
  }
  const next = before[before.length - end] ?? null;
  for (const node of gone) node.remove();
  for (const node of come) old.insertBefore(node, next);
}

const same = (a: ChildNode | undefined, b: ChildNode | undefined) => Boolean(a && b && a.isEqualNode(b));

/** A group of many, which is compared piece by piece. */
const isLayer = (node: ChildNode | undefined) =>
  node instanceof SVGGElement && node.classList.contains("layer");
