// Elements in one expression: h("p.note", { id: "x" }, "text", child).
type Child = Node | string | number | null | undefined | false | Child[];
type Props = Record<string, unknown>;

const SVG = "http://www.w3.org/2000/svg";

/** A text with at most sixteen marks on a letter: browsers place thousands of them for minutes. */
const bounded = (text: string): string =>
  text.length < 200 ? text : text.replace(/(\p{M}{16})\p{M}+/gu, "$1");

function add(parent: Element, child: Child): void {
  if (Array.isArray(child)) for (const c of child) add(parent, c);
  else if (child !== null && child !== undefined && child !== false)
    parent.append(child instanceof Node ? child : bounded(String(child)));
}

function fill<E extends Element>(element: E, props: Props, children: Child[]): E {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on") && typeof value === "function")
      element.addEventListener(key.slice(2), value as EventListener);
    else if (key === "value" && "value" in element) (element as { value: unknown }).value = value;
    // As an attribute, a policy without 'unsafe-inline' would refuse it.
    else if (key === "style") (element as unknown as HTMLElement).style.cssText = String(value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) add(element, child);
  return element;
}

/** An HTML element; the tag may carry classes, as in "div.row.wide". */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K | `${K}.${string}`,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name as K);
  if (classes.length) element.className = classes.join(" ");
  return fill(element, props, children);
}

/** An SVG element. */
export function s(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  return fill(document.createElementNS(SVG, tag) as SVGElement, props, children);
}
