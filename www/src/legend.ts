// What the signs and colours mean.
import { h } from "./dom";
import { SIGNS } from "./signs";
import type { Key, Words } from "./strings";

const COLOURS: [sample: string, key: Key][] = [
  ["ram", "legendRam"],
  ["buffer", "legendBuffer"],
  ["table", "legendTable"],
  ["mmio", "legendDevice"],
];
const WAYS: [sample: string, key: Key][] = [
  ["token", "legendToken"],
  ["shortcut", "legendShort"],
  ["stale", "legendStale"],
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
  return h(
    "details.legend",
    {},
    h("summary", {}, t("legend")),
    h(
      "ul",
      {},
      ...COLOURS.map(([sample, key]) => item(h("i.swatch", { "data-kind": sample }), key)),
      ...WAYS.map(([sample, key]) => item(h("i.stroke", { "data-kind": sample }), key)),
      ...MARKS.map(([tone, key]) => item(h("b.mark-sign", { "data-tone": tone }, SIGNS[tone] ?? ""), key)),
    ),
  );
}
