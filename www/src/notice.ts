// What the page has to say about itself: a name nobody knows, a run that was stopped, a bit that was turned.
import type { App } from "./app";
import { h } from "./dom";

export function notice(app: App): HTMLElement {
  const { t } = app;
  const said = h("span", { role: "status" });
  const undo = h(
    "button",
    { type: "button", id: "undo", hidden: true, onclick: () => void app.undo() },
    t("undo"),
  );
  const close = h(
    "button.icon",
    {
      type: "button",
      title: t("close"),
      "aria-label": t("close"),
      onclick: () => app.set({ message: "", undo: null, draft: null, newer: false }),
    },
    "✕",
  );
  const keep = h(
    "span.draft",
    { id: "draft", hidden: true },
    h("span", {}, t("draftKept")),
    h(
      "button",
      { type: "button", id: "draft-open", onclick: () => void app.texts.openDraft() },
      t("openDraft"),
    ),
    h("button", { type: "button", id: "draft-drop", onclick: () => app.texts.dropDraft() }, t("dropDraft")),
  );
  const newer = h(
    "span.newer",
    { id: "newer", hidden: true, role: "status" },
    h("span", {}, t("newer")),
    h("button", { type: "button", id: "reload", onclick: () => location.reload() }, t("reload")),
  );
  const box = h("div.message", {}, said, newer, undo, keep, close);
  app.on((state, changed) => {
    if (changed.has("message")) said.textContent = state.message;
    if (changed.has("undo")) undo.hidden = state.undo === null;
    newer.hidden = !state.newer;
    keep.hidden = state.draft === null;
    box.classList.toggle("empty", !state.message && state.draft === null && !state.newer);
  });
  return box;
}
