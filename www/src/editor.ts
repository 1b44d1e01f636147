// The scenario's text: a plain summary until it is opened, then CodeMirror, loaded only then.
import type { Trouble } from "iommu-view";
import type { App } from "./app";
import { h } from "./dom";
import { draftKey } from "./storage";
import type { Words } from "./strings";

/** Typing pauses this long before the text runs. */
const PAUSE = 250;
/** So many problems are listed; all of them are marked in the text. */
const LISTED = 4;

export function editor(app: App): HTMLElement {
  const { t } = app;
  const place = h("div.code", { id: "code" });
  const problems = h("div.problems", { id: "problems", role: "status" });
  const original = h("button", { type: "button", id: "original", onclick: () => revert(app) }, t("original"));
  const box = h(
    "details.editor",
    { id: "editor" },
    h("summary", {}, t("editor"), h("span.edited", {}, "")),
    h("div.editor-row", {}, original),
    problems,
    place,
  );
  let shown: { set(text: string): void; mark(): void } | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const typed = (text: string) => {
    app.storage.remember(draftKey(app.state.preset), text);
    app.set({ text });
    clearTimeout(timer);
    timer = setTimeout(() => void app.open(text, app.state.preset, app.state.position), PAUSE);
  };
  box.addEventListener("toggle", () => {
    if (!box.open || shown) return;
    void import("./lazy-editor").then((m) => {
      shown = m.codeEditor(place, app, typed);
    });
  });
  app.on((state, changed) => {
    if (changed.has("text")) shown?.set(state.text);
    if (changed.has("course") || changed.has("good")) shown?.mark();
    if (changed.has("troubles") || changed.has("text")) {
      shown?.mark();
      const { troubles } = state;
      problems.replaceChildren(...(troubles.length ? listed(troubles, t) : []));
      if (troubles.length) box.open = true;
    }
    if (changed.has("text") || changed.has("preset") || changed.has("good")) {
      const first = originalText(app);
      const edited = first !== null && state.text !== first;
      original.hidden = !edited;
      box.querySelector(".edited")!.textContent = edited ? ` (${t("edited")})` : "";
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
        p.suggestion ? ` ${t("didYouMean")} ${p.suggestion}?` : "",
      ),
    );
  const more = troubles.length - LISTED;
  if (more > 0) items.push(h("li", {}, `+${more} ${t("andMore")}`));
  return [h("p", {}, t("lastGood")), h("ul", {}, ...items)];
}

function originalText(app: App): string | null {
  return app.state.gallery.find((c) => c.name === app.state.preset)?.text ?? null;
}

function revert(app: App): void {
  const text = originalText(app);
  if (text === null) return;
  app.storage.forget(draftKey(app.state.preset));
  void app.open(text, app.state.preset);
}
