// What is said, with its addresses to press and the terms of the glossary marked: each tells its meaning when it is pointed
// at, has the focus or is tapped.
import type { TermUse } from "iommu-view";
import { linked } from "./addresses";
import type { App } from "./app";
import { h } from "./dom";

/** A text of the run with its addresses and terms. */
export function told(app: App, text: string): (string | HTMLElement)[] {
  const out: (string | HTMLElement)[] = [];
  let from = 0;
  for (const use of app.state.terms.get(text) ?? []) {
    out.push(...linked(app, text.slice(from, use.from)), term(use, text.slice(use.from, use.to)));
    from = use.to;
  }
  out.push(...linked(app, text.slice(from)));
  return out;
}

function term({ meaning }: TermUse, text: string): HTMLElement {
  const show = (event: Event) => tell(event.currentTarget as HTMLElement, meaning);
  return h(
    "dfn.term",
    {
      tabindex: 0,
      "aria-description": meaning,
      onmouseenter: show,
      onfocus: show,
      onclick: show,
      // What was tapped has the focus, and keeps its meaning in sight wherever a mouse is said to be then.
      onmouseleave: (event: Event) => {
        if (!(event.currentTarget as HTMLElement).matches(":focus")) hide();
      },
      onblur: hide,
      onkeydown: (event: KeyboardEvent) => {
        if (event.key === "Escape") hide();
      },
    },
    text,
  );
}

/** The meaning that is shown: one at a time, beside its term. */
let shown: HTMLElement | null = null;

function hide(): void {
  shown?.remove();
  shown = null;
}

function tell(at: HTMLElement, meaning: string): void {
  hide();
  shown = h("p.term-meaning", { "aria-hidden": "true" }, meaning);
  at.append(shown);
  // Below its term, within the window; above it where there is no room below. An embed's host is what is fixed to.
  const spot = at.getBoundingClientRect();
  const own = shown.getBoundingClientRect();
  const left = Math.max(8, Math.min(spot.left, innerWidth - own.width - 8));
  const below = spot.bottom + 4;
  const top = below + own.height > innerHeight ? spot.top - own.height - 4 : below;
  shown.style.left = `${left - own.left}px`;
  shown.style.top = `${top - own.top}px`;
}
