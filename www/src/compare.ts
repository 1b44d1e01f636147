// Two runs side by side: what to compare with, and what each does at the pair of steps that is shown.
import type { App } from "./app";
import type { Other } from "./store";
import { diagram } from "./diagram";
import { h } from "./dom";
import { said } from "./sentence";
import type { Words } from "./strings";
import { variants } from "./variants";

/** The list of runs to compare with. */
export function compareMenu(app: App): HTMLElement {
  const { t } = app;
  const menu = h("select", {
    id: "compare",
    "aria-label": t("compare"),
    onchange: () => {
      const variant = variants(app)[Number(menu.value)];
      if (variant) void app.beside.start(variant.text, variant.label);
      else void app.beside.end();
    },
  });
  app.on((state, changed) => {
    if (!changed.has("head") && !changed.has("good") && !changed.has("other")) return;
    const all = variants(app);
    menu.disabled = all.length === 0;
    menu.replaceChildren(
      h("option", { value: "" }, state.other ? t("endCompare") : t("compareOff")),
      ...all.map((v, i) =>
        h("option", { value: i, selected: state.other?.text === v.text ? true : null }, v.label),
      ),
    );
  });
  return menu;
}

/** The other run's side: its picture and its sentence; beside them where the two differ. */
export function otherRun(app: App): HTMLElement {
  const { t } = app;
  const label = h("h2", { id: "other-label" });
  const live = h("p.sentence", { id: "other-sentence", "aria-live": "polite" });
  const state = h("p.differs", { id: "differs" });
  const first = h("button", {
    type: "button",
    id: "first-difference",
    onclick: () => {
      const at = app.state.other?.first;
      if (at !== null && at !== undefined) void app.time.goPair(at);
    },
  });
  first.textContent = t("firstDifference");
  const close = h(
    "button",
    { type: "button", id: "end-compare", onclick: () => void app.beside.end() },
    t("endCompare"),
  );
  const box = h(
    "section.other",
    { "aria-label": t("compare"), hidden: true },
    h("div.other-head", {}, label, first, close),
    h("div.now", {}, state, live),
    diagram(app, 1),
  );
  app.on((now, changed) => {
    if (!changed.has("other")) return;
    const { other } = now;
    box.hidden = !other;
    document.documentElement.toggleAttribute("data-comparing", other !== null);
    if (!other) return;
    const same = other.pairs[other.at]?.same ?? true;
    label.textContent = `${t("otherRun")}: ${other.label}`;
    first.disabled = other.first === null || other.first === other.at;
    box.dataset.differs = String(!same);
    (box.querySelector(".now") as HTMLElement).dataset.tone = same ? "plain" : "stale";
    state.textContent = verdict(other, t);
    const begun = other.view.position > other.course.start;
    live.replaceChildren(...(begun ? said(app, other.view) : [h("span.words", {}, t("ready"))]));
  });
  return box;
}

function verdict(other: Other, t: Words): string {
  if (other.first === null) return t("noDifference");
  const [before, now] = [other.pairs[other.at - 1], other.pairs[other.at]];
  if (!now || now.same) return `= ${t("sameStep")}`;
  // One of them waits while the other goes on.
  if (before?.a === now.a) return `≠ ${t("onlyOther")}`;
  if (before?.b === now.b) return `≠ ${t("onlyThis")}`;
  return `≠ ${t("differs")}`;
}
