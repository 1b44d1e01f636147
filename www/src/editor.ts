// The scenario's text: a plain summary until it is opened, then CodeMirror, loaded only then.
import type { Trouble } from "iommu-view";
import type { App } from "./app";
import { h } from "./dom";
import { lookForNewer } from "./newer";
import { count, type Words } from "./strings";

/** So many problems are listed; all of them are marked in the text. */
const LISTED = 4;

export function editor(app: App): HTMLDetailsElement {
  const { t } = app;
  const place = h("div.code", { id: "code" });
  const problems = h("div.problems", { id: "problems", role: "status" });
  const original = h(
    "button",
    { type: "button", id: "original", onclick: () => void app.texts.revert() },
    t("original"),
  );
  const edited = h("span.edited", {});
  // Also of a folded text one sees that it has problems, and that the picture is of another.
  const wrong = h("span.wrong", { id: "has-problems", hidden: true });
  const box = h(
    "details.editor",
    { id: "editor" },
    h("summary", {}, t("editor"), edited, wrong),
    h("div.editor-row", {}, original),
    problems,
    place,
  );
  let shown: { set(text: string): void; mark(): void } | null = null;
  box.addEventListener("toggle", () => {
    if (!box.open || shown) return;
    import("./lazy-editor").then(
      (m) => (shown = m.codeEditor(place, app, (text) => app.texts.type(text))),
      () => {
        app.set({ message: t("partMissing") });
        void lookForNewer();
      },
    );
  });
  app.on((state, changed) => {
    if (changed.has("text")) shown?.set(state.text);
    if (changed.has("course") || changed.has("good")) shown?.mark();
    if (changed.has("troubles")) {
      shown?.mark();
      const { troubles } = state;
      problems.replaceChildren(...(troubles.length ? listed(troubles, t) : []));
      wrong.hidden = troubles.length === 0;
      wrong.textContent = ` ✕ ${count(t, troubles.length, "problem1", "problemN")}`;
      if (troubles.length) box.open = true;
    }
    if (changed.has("text") || changed.has("preset") || changed.has("good")) {
      const first = app.texts.original(state.preset);
      const differs = first !== null && state.text !== first;
      original.hidden = !differs;
      edited.textContent = differs ? ` (${t("edited")})` : "";
    }
  });
  return box;
}

/** What is wrong with the text. */
function listed(troubles: Trouble[], t: Words): HTMLElement[] {
  const items = troubles
    .slice(0, LISTED)
    .map((p) =>
      h(
        "li",
        {},
        h("b", {}, `${p.line}:${p.column}`),
        ` ${p.message}`,
        p.suggestion ? ` ${t("didYouMean", p.suggestion)}` : "",
      ),
    );
  const more = troubles.length - LISTED;
  if (more > 0) items.push(h("li", {}, `+${more} ${t("andMore")}`));
  return [h("p", {}, t("lastGood")), h("ul", {}, ...items)];
}
