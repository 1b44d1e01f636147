// Which IOMMU the scenario runs on: the same text with another word after `machine`, where it fits both, or the one of its family
// that is written for it. The reader stays at the same idea.
import type { CardArchitecture, Course, Stop } from "iommu-view";
import type { App } from "./app";
import type { State } from "./store";
import { h } from "./dom";
import { draftKey } from "./storage";

/** What it can be on, each once: a preset says which fit, a text of one's own may be tried on any. */
function choices({ preset, gallery }: State): CardArchitecture[] {
  const cards = gallery.filter((c) => preset === null || c.name === preset);
  const named = new Map(cards.flatMap((c) => c.architectures.map((a) => [a.name, a])));
  return [...named.values()];
}

/** A machine without an IOMMU is left, and not chosen. */
const NONE = "none";
/** The last choice of the list is no architecture: it shows them all. */
const ALL = "*";

export function architecture(app: App, across: () => void): HTMLElement {
  const { t } = app;
  const choice = h("select", {
    id: "architecture",
    "aria-label": t("architecture"),
    title: t("architecture"),
    hidden: true,
    onchange: () => {
      if (choice.value !== ALL) return void turn(app, choice);
      choice.value = app.state.head?.machine ?? "";
      across();
    },
  });
  app.on((state, changed) => {
    if (!["head", "preset", "gallery"].some((key) => changed.has(key as keyof State))) return;
    const now = state.head?.machine;
    const fit = choices(state);
    choice.hidden = fit.length === 0;
    if (choice.hidden) return;
    const none = now === NONE ? [h("option", { value: NONE }, t("noIommu"))] : [];
    choice.replaceChildren(
      ...none,
      ...fit.map((a) => h("option", { value: a.name }, a.title)),
      h("option", { value: ALL }, t("across")),
    );
    choice.value = now ?? "";
  });
  return choice;
}

/** Whether what runs is `original` on another machine, and nothing else is changed. */
export async function onlyTurned(app: App, original: string): Promise<boolean> {
  const { good, preset, head, lang } = app.state;
  if (!head || good === original) return false;
  return (await app.machine.ask("turned", original, preset, head.machine, lang))?.text === good;
}

/** Runs the scenario on the machine that is chosen, at the idea that shows the same; where there is none, at the one before, which
 *  is said. Where it cannot run, the list goes back, and the reason is said. */
async function turn(app: App, choice: HTMLSelectElement): Promise<void> {
  const { good, preset, head, lang } = app.state;
  const title = choice.selectedOptions[0]?.textContent ?? choice.value;
  const there = await app.machine.ask("turned", good, preset, choice.value, lang);
  if (!there || there.why) {
    choice.value = head?.machine ?? "";
    return app.set({ message: app.t("notThere", title) + (there?.why ?? "") });
  }
  const here = idea(app.state);
  const [at, same] = beside(here, there.ideas);
  const operation = same ? operationOf(app.state) : null;
  await openThere(app, there.text, there.preset ?? preset, at, operation, there.ideas === null);
  if (!same) app.set({ message: app.t("notBeside", title) });
}

/** The idea that stands beside one, or the last before it that has one beside it; and whether it shows the same. */
function beside(here: number | null, ideas: (number | null)[] | null): [number | null, boolean] {
  if (here === null || !ideas) return [here, true];
  for (let at = here; at >= 0; at--) {
    const there = ideas[at];
    if (there != null) return [there, at === here];
  }
  return [null, false];
}

/** An operation inside an idea, by what another machine's text has in common with this one. */
interface Operation {
  /** How far its line is below the idea's. */
  below: number;
  words: string;
}

/** Opens a text that was turned, at one of its ideas, and in it at an operation that was shown: at the same line of the same text, or
 *  at the same words of another. It is kept as an edit of its preset, unless it is that preset as written. */
export async function openThere(
  app: App,
  text: string,
  preset: string | null,
  at: number | null,
  operation: Operation | null = null,
  sameText = true,
): Promise<void> {
  if (preset !== null) await app.texts.know(preset);
  if (text === app.texts.original(preset)) app.storage.forget(draftKey(preset));
  else app.storage.remember(draftKey(preset), text);
  if (!(await app.open(text, preset)) || at === null) return;
  const { course } = app.state;
  const stop = course?.ideas[at];
  if (!course || !stop) return;
  const inside = course.operations.slice(stop.first, stop.first + stop.children);
  const found = operation && again(inside, stop.line, operation, sameText ? null : course);
  if (found) await app.time.go(found.to, 2);
  else await app.time.go(stop.to);
}

/** The operation that is shown inside an idea, if one is. */
function operationOf({ way, course }: Readonly<State>): Operation | null {
  const idea = way[0]?.stop;
  const inner = way.filter(({ stop }) => stop.depth === "operation").at(-1)?.stop;
  return idea && inner ? { below: inner.line - idea.line, words: words(course, inner.line) } : null;
}

/** Where an operation is among those of an idea: of the same text, or of another that is run in `other`. One that stands for
 *  several is where its first line is. */
function again(
  among: readonly Stop[],
  line: number,
  { below, words: wanted }: Operation,
  other: Course | null,
): Stop | undefined {
  if (!other) return among.filter((stop) => stop.line - line <= below).at(-1);
  const alike = among.filter((stop) => words(other, stop.line) === wanted);
  return alike.find((stop) => stop.line - line === below) ?? alike[0];
}

const words = (course: Course | null, line: number): string =>
  course?.lines.find((operation) => operation.line === line)?.text ?? "";

/** Which idea is shown, from 0; nothing before the first. */
function idea({ course, position }: Readonly<State>): number | null {
  if (!course || position <= course.start) return null;
  const at = course.ideas.findIndex((stop) => position <= stop.to);
  return at < 0 ? null : at;
}
