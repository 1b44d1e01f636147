// What a reader has changed of a scenario: the line in which its text parts from the original, and what the original came to.
import type { Course, Stop } from "iommu-view";
import type { App } from "./app";
import { onlyTurned } from "./architecture";
import { h } from "./dom";
import { has } from "./own";

/** The machine's place for the run of the original. */
const SLOT = 1;
/** A longer text is not run a second time only to be compared with. */
const LONGEST = 20_000;

export interface Change {
  /** From 1, in the text as it is now. */
  line: number;
  was: string;
  is: string;
}

/** The first line that differs; nothing where none does. What is proposed to be changed is no part of what runs. */
export function changeOf(before: string, now: string): Change | null {
  const lines = (text: string) =>
    text
      .split("\n")
      .map((line, i) => ({ nth: i + 1, text: line.trim() }))
      .filter((line) => !/^change\b/.test(line.text));
  const [a, b] = [lines(before), lines(now)];
  let from = 0;
  while (from < a.length && a[from]?.text === b[from]?.text) from++;
  let [x, y] = [a.length, b.length];
  while (x > from && y > from && a[x - 1]?.text === b[y - 1]?.text) [x, y] = [x - 1, y - 1];
  if (x === from && y === from) return null;
  const [was, is] = [from < x ? a[from] : null, from < y ? b[from] : null];
  return { line: (b[from] ?? b.at(-1))?.nth ?? 1, was: was?.text ?? "", is: is?.text ?? "" };
}

/** The line that says what was changed, and what came of an idea before that. */
export interface Changed {
  element: HTMLElement;
  before(idea: Stop): string;
}

export function changed(app: App, redraw: () => void): Changed {
  const { t } = app;
  const element = h("p.change", { id: "change", hidden: true });
  let was: Course | null = null;
  let turn = 0;
  const look = async () => {
    const mine = ++turn;
    was = null;
    element.hidden = true;
    const { good, preset, lang } = app.state;
    const original = app.texts.original(preset);
    const change = original ? changeOf(original, good) : null;
    // On another machine it is still the scenario as it is written.
    if (!original || !change || (await onlyTurned(app, original)) || mine !== turn) return;
    element.hidden = false;
    element.replaceChildren(
      h("b", {}, `${t("changedLine", change.line)}${t("is")}`),
      change.was ? h("del", {}, h("code", {}, change.was)) : "",
      " → ",
      h("ins", {}, h("code", {}, change.is || "–")),
      h("span", {}, ` ${t("noteBefore")}`),
    );
    if (original.length > LONGEST || app.state.other) return;
    const opened = await app.machine.ask("open", SLOT, original, lang);
    if (mine !== turn || app.state.other || has(opened, "troubles")) return;
    was = opened.course;
    redraw();
  };
  app.on((state, keys) => {
    if (keys.has("course") && state.course) void look();
  });
  return {
    element,
    before(idea) {
      const ideas = app.state.course?.ideas ?? [];
      // The same idea, also where some were added or taken away before it.
      const same = was?.ideas.filter((other) => other.sentence === idea.sentence) ?? [];
      const nth = ideas.filter((other) => other.sentence === idea.sentence).indexOf(idea);
      const there = was?.ideas.length === ideas.length ? was.ideas[ideas.indexOf(idea)] : same[nth];
      const text = there?.outcome?.text ?? "";
      return text === idea.outcome?.text ? "" : text;
    },
  };
}
