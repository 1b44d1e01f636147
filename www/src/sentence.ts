// What just happened, in one sentence, with the operation it belongs to; announced to screen readers.
import type { App, State } from "./app";
import { h } from "./dom";
import { t } from "./strings";

export const SIGNS: Record<string, string> = {
  plain: "·",
  good: "✓",
  miss: "○",
  stale: "◆",
  fault: "✕",
  invalidate: "–",
  interrupt: "▲",
};

export function sentence(app: App): HTMLElement {
  const live = h("p.sentence", { "aria-live": "polite", id: "sentence" });
  const where = h("p.where", { id: "where" });
  const note = h("p.note", { id: "note" });
  const box = h("div.now", {}, note, where, live);
  app.on((state, changed) => {
    if (!changed.has("view")) return;
    const view = state.view;
    const tone = view?.tone ?? "plain";
    const begun = view !== null && view.position !== state.course?.start;
    box.dataset.tone = begun ? tone : "plain";
    const words = begun ? view.sentence : t("ready");
    live.replaceChildren(
      h("span.sign", { "aria-hidden": "true" }, begun ? SIGNS[tone] : "▶"),
      h("span.words", {}, words),
      begun && view.section ? h("cite", {}, view.section) : "",
    );
    const line = currentLine(state);
    const text = line ? state.course?.operations.find((o) => o.line === line)?.text : "";
    where.replaceChildren(...(text ? [h("span.line", {}, `${t("at")} ${line}`), h("code", {}, text)] : []));
    note.textContent = noteAt(state, line);
  });
  return box;
}

function currentLine(state: State): number | null {
  const operations = state.course?.operations ?? [];
  const found = operations.find((o) => state.position <= o.to);
  return found?.line ?? operations.at(-1)?.line ?? null;
}

/** The last note at or before a line; before the first step, what the scenario answers. */
function noteAt(state: State, line: number | null): string {
  if (!state.head) return "";
  if (state.position <= (state.course?.start ?? 0) || line === null) return state.head.answer;
  const before = state.head.notes.filter((n) => n.line <= line);
  return before.at(-1)?.text ?? state.head.answer;
}
