// The runs that the one shown can be compared with: the original, the scenario's own change, and one word changed (by the core).
import type { Variant } from "iommu-view";
import type { App } from "./app";

/** All that this run can be compared with. */
export function variants({ state, t }: App): Variant[] {
  const original = state.gallery.find((c) => c.name === state.preset)?.text;
  const all: Variant[] = [];
  if (original && original !== state.good) all.push({ label: t("withOriginal"), text: original });
  if (state.head?.changed) all.push({ label: t("withChange"), text: state.head.changed });
  all.push(...state.variants);
  return all.filter((v) => v.text !== state.good);
}
