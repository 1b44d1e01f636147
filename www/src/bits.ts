// A structure or a register, bit by bit and field by field.
import type { Entry, Field } from "iommu-view";
import { h } from "./dom";
import { t } from "./strings";

export function entryBits(entry: Entry): HTMLElement {
  const said = h("p.said", { "aria-hidden": "true" }, entry.meaning || entry.section);
  const rest = said.textContent ?? "";
  const box = h("div.entry", {});
  const show = (field: Field | null) => {
    said.textContent = field ? `${place(field)} ${field.name}: ${field.meaning}` : rest;
    for (const el of box.querySelectorAll<HTMLElement>("[data-field]"))
      el.classList.toggle("lit", field !== null && el.dataset.field === String(field.lo));
  };
  const over = (field: Field) => ({ onmouseenter: () => show(field), onmouseleave: () => show(null) });
  box.append(
    h(
      "p.entry-head",
      {},
      h("strong", {}, entry.name),
      h("code", {}, entry.register ? `+${entry.at}` : `@ ${entry.at}`),
      h("cite", {}, entry.section),
    ),
    ...entry.words.map((word, w) => strip(entry, word, w, over)),
    said,
    h(
      "table.fields",
      {},
      h(
        "tbody",
        {},
        ...[...entry.fields]
          .reverse()
          .filter((f) => !f.dull || f.value !== "0x0")
          .map((f) =>
            h(
              "tr",
              { "data-field": f.lo, class: f.changed ? "changed" : "", ...over(f) },
              h("td.place", {}, place(f)),
              h("th", { scope: "row" }, f.name),
              h("td", {}, h("code", {}, f.shown), f.changed ? h("small", {}, ` ${t("changed")}`) : ""),
              h("td.meaning", {}, f.meaning),
            ),
          ),
      ),
    ),
  );
  return box;
}

const place = (f: Field) => (f.hi === f.lo ? `${f.hi}` : `${f.hi}:${f.lo}`);

/** Sixty-four cells, high bit first, in two rows; neighbouring fields differ in shade. */
function strip(
  entry: Entry,
  word: string,
  index: number,
  over: (f: Field) => Record<string, unknown>,
): HTMLElement {
  const value = BigInt(word);
  const old = entry.before[index] === undefined ? value : BigInt(entry.before[index]);
  const low = Math.floor((entry.fields[0]?.lo ?? 0) / 64) * 64 + index * 64;
  const cells: HTMLElement[] = [];
  for (let bit = 63; bit >= 0; bit--) {
    const nth = entry.fields.findIndex((f) => f.lo <= low + bit && low + bit <= f.hi);
    const field = entry.fields[nth];
    const on = (value >> BigInt(bit)) & 1n;
    const classes = [on ? "on" : "", nth % 2 ? "odd" : "", field?.dull ? "dull" : ""];
    if (((value ^ old) >> BigInt(bit)) & 1n) classes.push("changed");
    cells.push(
      h(
        "i",
        {
          class: classes.join(" "),
          "data-field": field?.lo,
          title: field ? `${place(field)} ${field.name}: ${field.meaning}` : `${bit}`,
          ...(field ? over(field) : {}),
        },
        String(on),
      ),
    );
  }
  const row = (from: number) => [
    h("span.bit", {}, String(low + 63 - from)),
    h("span.cells", {}, ...cells.slice(from, from + 32)),
    h("span.bit", {}, String(low + 32 - from)),
  ];
  return h("div.strip", { role: "img", "aria-label": `${entry.name} ${word}` }, ...row(0), ...row(32));
}
