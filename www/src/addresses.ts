// Addresses in what is written: each can be pressed to follow it.
import type { App } from "./app";
import { h } from "./dom";

const NUMBER = /0x[0-9a-f_]{3,}/gi;

/** An address as something to press. */
export function address(app: App, value: string): HTMLElement {
  const { t } = app;
  return h(
    "button.address-link",
    { type: "button", title: t("follow"), onclick: () => app.set({ followed: value.replaceAll("_", "") }) },
    // As the picture writes it: a text may group its digits, and the two are compared.
    h("code", {}, value.replaceAll("_", "")),
  );
}

/** A sentence with its addresses to press. */
export function linked(app: App, sentence: string): (string | HTMLElement)[] {
  const out: (string | HTMLElement)[] = [];
  let from = 0;
  for (const found of sentence.matchAll(NUMBER)) {
    const end = found.index + found[0].length;
    // A mark after it stays on its line: to the browser the address is a box, after which it may break.
    const mark = /^[，。：；、）,.:;)]+/.exec(sentence.slice(end))?.[0] ?? "";
    const link = address(app, found[0]);
    out.push(sentence.slice(from, found.index), mark ? h("span.unbroken", {}, link, mark) : link);
    from = end + mark.length;
  }
  out.push(sentence.slice(from));
  return out;
}
