// Which IOMMU the scenario runs on: the same text with another word after `machine`, where it fits both.
import type { App } from "./app";
import type { State } from "./store";
import { h } from "./dom";
import { draftKey } from "./storage";

const NAMES = { "vt-d": "Intel VT-d", riscv: "RISC-V" } as const;
type Name = keyof typeof NAMES;

const machine = (text: string): Name | null => {
  const found = /^\s*machine\s+(vt-d|riscv)\b/m.exec(text)?.[1];
  return found === "vt-d" || found === "riscv" ? found : null;
};

/** A preset says whether it fits; a text of one's own may be tried. */
const fits = ({ preset, gallery }: State): boolean =>
  preset === null || gallery.some((c) => c.name === preset && c.riscv);

export function architecture(app: App): HTMLElement {
  const { t } = app;
  const choice = h(
    "select",
    {
      id: "architecture",
      "aria-label": t("architecture"),
      title: t("architecture"),
      hidden: true,
      onchange: () => void turn(app, choice.value as Name),
    },
    ...Object.entries(NAMES).map(([name, label]) => h("option", { value: name }, label)),
  );
  app.on((state, changed) => {
    if (!["good", "preset", "gallery"].some((key) => changed.has(key as keyof State))) return;
    const now = machine(state.good);
    choice.hidden = now === null || !fits(state);
    if (now) choice.value = now;
  });
  return choice;
}

async function turn(app: App, to: Name): Promise<void> {
  const { good, preset, gallery } = app.state;
  // Turned and not edited, back to where it was written for: that is the preset itself.
  const original = gallery.find((c) => c.name === preset)?.text;
  const now = machine(good);
  const turned = original && now ? await app.machine.ask("onto", original, now) : null;
  const back = original !== undefined && turned === good && machine(original) === to;
  const text = back ? original : await app.machine.ask("onto", good, to);
  if (text === null) return;
  if (back) app.storage.forget(draftKey(preset));
  else app.storage.remember(draftKey(preset), text);
  await app.open(text, preset);
}
