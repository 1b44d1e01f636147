// Two runs side by side: what to compare with, and what each does at the pair of steps that is shown.
import type { OutcomeLine } from "iommu-view";
import type { App } from "./app";
import type { Other } from "./store";
import { diagram } from "./diagram";
import { h } from "./dom";
import { pathWords, type PathWords } from "./path/words";
import { said } from "./sentence";
import { SIGNS, toneOf } from "./signs";
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

/** A comparison: over both pictures what the runs come to and what the other does now; beside this run's picture the other's. */
export function comparing(app: App): { strip: HTMLElement; pane: HTMLElement } {
  const { t } = app;
  const say = pathWords(app.state.lang);
  const left = h("p.end", {});
  const right = h("p.end", { id: "other-label" });
  const state = h("p.differs", { id: "differs" });
  const live = h("p.sentence", { id: "other-sentence", "aria-live": "polite" });
  const button = (id: string, label: string, act: () => void) =>
    h("button", { type: "button", id, onclick: act }, label);
  const to = (pair: number | null | undefined) => {
    if (pair !== null && pair !== undefined) void app.time.goPair(pair);
  };
  const parting = button("go-parting", say("goParting"), () => to(app.state.other?.parted.pair));
  const first = button("first-difference", t("firstDifference"), () => to(app.state.other?.first));
  const close = button("end-compare", t("endCompare"), () => void app.beside.end());
  const strip = h(
    "section.verdicts",
    { id: "verdicts", "aria-label": say("outcomes"), hidden: true },
    left,
    right,
    h("p.line", {}, parting, first, close),
    h("div.now", {}, state, live),
  );
  const pane = h("section.other", { "aria-label": t("compare"), hidden: true }, diagram(app, 1));
  app.on(({ other }, changed) => {
    if (!changed.has("other")) return;
    strip.hidden = pane.hidden = !other;
    document.documentElement.toggleAttribute("data-comparing", other !== null);
    if (!other) return;
    const { pair, a, b } = other.parted;
    left.replaceChildren(...ending(say("left"), pair === null ? null : a, say));
    right.replaceChildren(...ending(`${say("rightSide")} (${other.label})`, pair === null ? null : b, say));
    parting.disabled = pair === null || pair === other.at;
    first.disabled = other.first === null || other.first === other.at;
    strip.dataset.differs = String(other.at === pair || !(other.pairs[other.at]?.same ?? true));
    state.textContent = verdict(other, t);
    const begun = other.view.position > other.course.start;
    live.replaceChildren(...(begun ? said(app, other.view) : [h("span.words", {}, t("ready"))]));
    // What the run came to there is said above.
    live.hidden = begun && other.view.sentence === b?.text;
  });
  return { strip, pane };

  function ending(word: string, of: OutcomeLine | null, words: PathWords): (HTMLElement | string)[] {
    const name = h("b", {}, `${word}${t("is")}`);
    if (!of) return [name, words(app.state.other?.parted.pair === null ? "sameVerdict" : "notDone")];
    const tone = toneOf(of.kind);
    return [name, h("b", { "data-tone": tone }, `${SIGNS[tone] ?? ""} ${of.word}${t("is")}`), of.text];
  }
}

function verdict(other: Other, t: Words): string {
  if (other.first === null) return t("noDifference");
  const [before, now] = [other.pairs[other.at - 1], other.pairs[other.at]];
  // Where what comes of them parts, though both end alike.
  if (now && other.at === other.parted.pair) return `Δ ${t("differs")}`;
  if (!now || now.same) return `= ${t("sameStep")}`;
  // One of them waits while the other goes on.
  if (before?.a === now.a) return `Δ ${t("onlyOther")}`;
  if (before?.b === now.b) return `Δ ${t("onlyThis")}`;
  return `Δ ${t("differs")}`;
}
