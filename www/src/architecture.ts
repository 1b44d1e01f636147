// Which IOMMU the scenario runs on: the same text with another word after `machine`, where it fits both, or the one of its family
// that is written for it. The reader stays at the same idea.
import type { CardArchitecture } from "iommu-view";
import type { App } from "./app";
import type { State } from "./store";
import { h } from "./dom";
import { draftKey } from "./storage";

const machine = (text: string): string | null => /^\s*machine\s+([\w-]+)/m.exec(text)?.[1] ?? null;

/** What it can be on, each once: a preset says which fit, a text of one's own may be tried on any. */
function choices({ preset, gallery }: State): CardArchitecture[] {
  const cards = gallery.filter((c) => preset === null || c.name === preset);
  const named = new Map(cards.flatMap((c) => c.architectures.map((a) => [a.name, a])));
  return [...named.values()];
}

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
      if (choice.value !== ALL) return void turn(app, choice.value);
      choice.value = machine(app.state.good) ?? "";
      across();
    },
  });
  app.on((state, changed) => {
    if (!["good", "preset", "gallery"].some((key) => changed.has(key as keyof State))) return;
    const now = machine(state.good);
    const fit = choices(state);
    choice.hidden = fit.length < 2 || !fit.some((a) => a.name === now);
    if (choice.hidden) return;
    choice.replaceChildren(
      ...fit.map((a) => h("option", { value: a.name }, a.title)),
      h("option", { value: ALL }, t("across")),
    );
    choice.value = now ?? "";
  });
  return choice;
}

/** Whether what runs is `original` on another machine, and nothing else is changed. */
export async function onlyTurned(app: App, original: string): Promise<boolean> {
  const { good, preset } = app.state;
  const now = machine(good);
  if (now === null || now === machine(original)) return false;
  return (await app.machine.ask("turned", original, preset, now))?.text === good;
}

async function turn(app: App, to: string): Promise<void> {
  const { good, preset } = app.state;
  const there = await app.machine.ask("turned", good, preset, to);
  if (there) await openThere(app, there.text, there.preset ?? preset, idea(app.state));
}

/** Opens a text that was turned, at one of its ideas. It is kept as an edit of its preset, unless it is that preset as written. */
export async function openThere(
  app: App,
  text: string,
  preset: string | null,
  at: number | null,
): Promise<void> {
  if (text === app.texts.original(preset)) app.storage.forget(draftKey(preset));
  else app.storage.remember(draftKey(preset), text);
  if (!(await app.open(text, preset)) || at === null) return;
  const stop = app.state.course?.ideas[at];
  if (stop) await app.time.go(stop.to);
}

/** Which idea is shown, from 0; nothing before the first. */
function idea({ course, position }: Readonly<State>): number | null {
  if (!course || position <= course.start) return null;
  const at = course.ideas.findIndex((stop) => position <= stop.to);
  return at < 0 ? null : at;
}
