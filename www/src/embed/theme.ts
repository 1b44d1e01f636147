// Light or dark, as the page around is: what documentation tools write on their pages, then the reader's own wish.
export type Theme = "light" | "dark";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Classes of mdBook's themes, and those that other tools use. */
const CLASSES = new Map<string, Theme>([
  ["light", "light"],
  ["rust", "light"],
  ["coal", "dark"],
  ["navy", "dark"],
  ["ayu", "dark"],
  ["dark", "dark"],
]);
/** Attributes that name a theme, and what stands in them. */
const ATTRIBUTES = ["data-theme", "data-md-color-scheme", "data-bs-theme", "data-color-mode"];
const VALUES = new Map<string, Theme>([
  ["light", "light"],
  ["default", "light"],
  ["dark", "dark"],
  ["slate", "dark"],
]);

function told(element: Element): Theme | null {
  for (const name of ATTRIBUTES) {
    const value = VALUES.get(element.getAttribute(name) ?? "");
    if (value) return value;
  }
  for (const name of element.classList) {
    const value = CLASSES.get(name);
    if (value) return value;
  }
  return null;
}

/** The theme around an element: the nearest that says one, else the page's colour scheme, else the reader's. */
export function around(element: Element): Theme {
  for (let at: Element | null = element.parentElement; at; at = at.parentElement) {
    const theme = told(at);
    if (theme) return theme;
  }
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  if (scheme === "dark" || scheme === "light") return scheme;
  return dark.matches ? "dark" : "light";
}

const watching = new Set<() => void>();
const tell = () => watching.forEach((listener) => listener());
let observer: MutationObserver | null = null;

/** Calls back when the theme around may have changed; returns how to end that. */
export function watch(listener: () => void): () => void {
  if (!observer) {
    observer = new MutationObserver(tell);
    for (const element of [document.documentElement, document.body])
      observer.observe(element, { attributeFilter: ["class", "style", ...ATTRIBUTES] });
    dark.addEventListener("change", tell);
  }
  watching.add(listener);
  return () => watching.delete(listener);
}
