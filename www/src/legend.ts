// What the signs and colours mean.
import { h } from "./dom";
import { icon } from "./icons";
import { SIGNS } from "./signs";
import type { Key, Words } from "./strings";

const COLOURS: [sample: string, key: Key][] = [
  ["ram", "legendRam"],
  ["buffer", "legendBuffer"],
  ["table", "legendTable"],
  ["mmio", "legendDevice"],
  ["fold", "legendFold"],
  ["hole", "legendHole"],
];
const WAYS: [sample: string, key: Key][] = [
  ["token", "legendToken"],
  ["cached", "legendCached"],
  ["shortcut", "legendShort"],
  ["stale", "legendStale"],
];
/** The token, by what became of it. */
const FATES: [fate: string, sign: string, key: Key][] = [
  ["arrived", "✓", "legendArrived"],
  ["dead", "✕", "legendRefused"],
  ["wrong", "!", "legendOld"],
  ["wrong", "≠", "legendWrong"],
  ["interrupt", "◆", "legendInterrupt"],
];
const MARKS: [tone: string, key: Key][] = [
  ["miss", "miss"],
  ["stale", "staleHit"],
  ["fault", "fault"],
  ["invalidate", "invalidation"],
  ["interrupt", "interrupt"],
];

export function legend(t: Words): HTMLElement {
  const item = (sample: HTMLElement, key: Key) => h("li", {}, sample, t(key));
  const box: HTMLDetailsElement = h(
    "details.legend",
    {
      // It lies over the picture: only while it is read.
      onfocusout: (event: FocusEvent) => {
        if (!box.contains(event.relatedTarget as Node | null)) box.open = false;
      },
      onkeydown: (event: KeyboardEvent) => {
        if (event.key === "Escape") box.open = false;
      },
    },
    h("summary", { title: t("legend"), "aria-label": t("legend") }, icon("signs")),
    h(
      "ul",
      {},
      ...COLOURS.map(([sample, key]) => item(h("i.swatch", { "data-kind": sample }), key)),
      ...WAYS.map(([sample, key]) => item(h("i.stroke", { "data-kind": sample }), key)),
      ...FATES.map(([fate, sign, key]) => item(h("b.fate-sign", { "data-fate": fate }, sign), key)),
      item(h("b.fate-sign", { "data-fate": "letter" }, "X"), "legendLetter"),
      item(h("b.fate-sign", { "data-fate": "letter" }, "S1 S2"), "legendStages"),
      item(h("i.swatch", { "data-owner": "stale" }), "stale"),
      ...MARKS.map(([tone, key]) => item(h("b.mark-sign", { "data-tone": tone }, SIGNS[tone] ?? ""), key)),
    ),
  );
  return box;
}
