// Which IOMMU the scenario runs on: the same text with another word after `machine`, where it fits both.
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

export function architecture(app: App): HTMLElement {
  const { t } = app;
  const choice = h("select", {
    id: "architecture",
    "aria-label": t("architecture"),
    title: t("architecture"),
    hidden: true,
    onchange: () => void turn(app, choice.value),
  });
  app.on((state, changed) => {
    if (!["good", "preset", "gallery"].some((key) => changed.has(key as keyof State))) return;
    const now = machine(state.good);
    const fit = choices(state);
    choice.hidden = fit.length < 2 || !fit.some((a) => a.name === now);
    if (choice.hidden) return;
    choice.replaceChildren(...fit.map((a) => h("option", { value: a.name }, a.title)));
    choice.value = now ?? "";
  });
  return choice;
}

/** Whether what runs is `original` on another machine, and nothing else is changed. */
export async function onlyTurned(app: App, original: string): Promise<boolean> {
  const { good } = app.state;
  const now = machine(good);
  if (now === null || now === machine(original)) return false;
  return (await app.machine.ask("onto", original, now)) === good;
}

async function turn(app: App, to: string): Promise<void> {
  const { good, preset, gallery } = app.state;
  const original = gallery.find((c) => c.name === preset)?.text;
  // Turned and not edited: it is turned from how it is written, since a machine between may lack some of its words. Back to
  // where it was written for, it is the preset itself.
  const written = original !== undefined && (await onlyTurned(app, original));
  const back = written && machine(original) === to;
  const text = back ? original : await app.machine.ask("onto", written ? original : good, to);
  if (text === null) return;
  if (back) app.storage.forget(draftKey(preset));
  else app.storage.remember(draftKey(preset), text);
  await app.open(text, preset);
}
