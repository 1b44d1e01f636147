// What just happened, in one sentence, with the operation it belongs to; announced to screen readers. At the start
// it is the scenario's question, at the end what was expected and what to change.
import type { View } from "iommu-view";
import { linked } from "./addresses";
import type { App } from "./app";
import type { State } from "./store";
import { h } from "./dom";
import type { Words } from "./strings";
import { SIGNS } from "./signs";

export function sentence(app: App): HTMLElement {
  const { t } = app;
  const live = h("p.sentence", { "aria-live": "polite", id: "sentence" });
  const where = h("p.where", { id: "where" });
  const note = h("p.note", { id: "note" });
  const box = h("div.now", {}, h("div.context", {}, note, where), live);
  app.on((state, changed) => {
    if (!changed.has("view")) return;
    const view = state.view;
    const tone = view?.tone ?? "plain";
    const begun = view !== null && view.position !== state.course?.start;
    box.dataset.tone = begun ? tone : "plain";
    live.replaceChildren(...(begun ? said(app, view) : begin(state, app.t)));
    const line = currentLine(state);
    const text = line ? state.course?.lines.find((o) => o.line === line)?.text : "";
    where.replaceChildren(
      ...(text && begun ? [h("span.line", {}, `${t("at")} ${line}`), h("code", {}, text)] : []),
    );
    note.textContent = begun ? noteAt(state, line) : "";
  });
  return box;
}

/** A step in words: sign, sentence, section. */
export function said(app: App, view: View): HTMLElement[] {
  return [
    h("span.sign", { "aria-hidden": "true" }, SIGNS[view.tone] ?? ""),
    h("span.words", {}, ...linked(app, view.sentence), view.section ? h("cite", {}, ` ${view.section}`) : ""),
  ];
}

function begin(state: Readonly<State>, t: Words): HTMLElement[] {
  return [
    h("span.sign", { "aria-hidden": "true" }, "▶"),
    h("span.words", {}, h("b", {}, state.head?.title ?? ""), h("span.begin", {}, ` ${t("ready")}`)),
  ];
}

function currentLine(state: Readonly<State>): number | null {
  const operations = state.course?.lines ?? [];
  const found = operations.find((o) => state.position <= o.to);
  return found?.line ?? operations.at(-1)?.line ?? null;
}

/** The last note at or before a line. */
function noteAt(state: Readonly<State>, line: number | null): string {
  if (!state.head || line === null) return "";
  return state.head.notes.filter((n) => n.line <= line).at(-1)?.text ?? "";
}
