// The address that is looked up, cut into the indexes of its tables: bits as they stand in it, and what they say.
import type { WalkRow } from "iommu-view";
import type { App } from "./app";
import { h } from "./dom";

/** One stretch of bits. */
interface Cut {
  hi: number;
  lo: number;
  row: WalkRow | null;
}

/** The address that `now` is a read for; nothing when no index is cut from an address. */
export function cut(now: WalkRow, rows: WalkRow[], app: App): HTMLElement | null {
  const { t } = app;
  const input = now.bits ? now.input : null;
  if (!input) return null;
  // The reads of this one walk: others of the same stage look up other addresses.
  const own = rows.filter(
    (r) => r.bits && r.input === input && r.stage === now.stage && r.depth === now.depth,
  );
  const cuts: Cut[] = own.map((row) => {
    const [hi, lo] = row.bits.split(":").map(Number) as [number, number];
    return { hi, lo, row };
  });
  let low = cuts.at(-1)?.lo ?? 12;
  // Not read yet: the levels that may come. A leaf ends them, and the rest is the offset in its page.
  const done = Boolean(own.at(-1)?.leaf);
  while (!done && low > 12) {
    cuts.push({ hi: low - 1, lo: low - 9, row: null });
    low -= 9;
  }
  cuts.push({ hi: low - 1, lo: 0, row: null });
  const value = BigInt(input);
  return h(
    "div.cut",
    { role: "group", "aria-label": `${t("indexes")} ${input}` },
    ...cuts.map((c) => stretch(c, value, app)),
  );
}

function stretch({ hi, lo, row }: Cut, value: bigint, app: App): HTMLElement {
  const { t } = app;
  const part = (value >> BigInt(lo)) & ((1n << BigInt(hi - lo + 1)) - 1n);
  const offset = lo === 0;
  const said = offset ? `0x${part.toString(16)}` : String(part);
  const inside = [
    h("small", {}, `${hi}:${lo}`),
    h("code", {}, part.toString(2).padStart(hi - lo + 1, "0")),
    h("b", {}, said),
  ];
  if (!row)
    return h(offset ? "span.offset" : "span.ahead", { title: offset ? t("offset") : null }, ...inside);
  return h(
    "button",
    {
      type: "button",
      title: `${t("levelN", row.level)}: ${row.entry}`,
      "aria-current": row.current ? "step" : null,
      onclick: () => void app.time.go(row.position),
    },
    ...inside,
  );
}
