// A structure or a register, bit by bit and field by field. A bit of a structure in memory can be flipped: that
// writes a line into the scenario.
import type { Entry, Field } from "iommu-view";
import type { App } from "./app";
import { h } from "./dom";
import type { Words } from "./strings";

/** A bit of memory can be flipped where `flips` says so. */
export function entryBits(entry: Entry, app: App, flips = false): HTMLElement {
  const { t } = app;
  const said = h("p.said", { "aria-hidden": "true" }, entry.meaning || t("pointAtBit"));
  const rest = said.textContent ?? "";
  const box = h("div.entry", {});
  const show = (field: Field | null) => {
    said.textContent = field ? `${place(field)} ${field.name}${t("is")}${field.meaning}` : rest;
    for (const el of box.querySelectorAll<HTMLElement>("[data-field]"))
      el.classList.toggle("lit", field !== null && el.dataset.field === String(field.lo));
  };
  // One listener for all cells: there are sixty-four of them a word, made anew with each step.
  const under = (event: Event) => (event.target as Element).closest<HTMLElement>("[data-field]");
  box.addEventListener("mouseover", (event) => {
    const lo = under(event)?.dataset.field;
    show(entry.fields.find((f) => String(f.lo) === lo) ?? null);
  });
  box.addEventListener("mouseleave", () => show(null));
  const flip = flips && !entry.register ? (bit: number) => flipBit(app, entry, bit) : null;
  if (flip)
    box.addEventListener("click", (event) => {
      const bit = (event.target as HTMLElement).dataset.bit;
      if (bit !== undefined) flip(Number(bit));
    });
  box.append(
    h(
      "p.entry-head",
      {},
      h("strong", {}, entry.name),
      h("code", {}, entry.register ? `+${entry.at}` : `@ ${entry.at}`),
      h("cite", {}, entry.section),
    ),
    ...entry.words.map((word, w) => strip(entry, word, w, flip !== null, t)),
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
              { "data-field": f.lo, class: f.changed ? "changed" : "" },
              h("td.place", {}, place(f)),
              h("th", { scope: "row" }, f.name),
              h("td", {}, flip && f.hi === f.lo ? turning(f, flip, t) : h("code", {}, f.shown), told(f, t)),
              h("td.meaning", {}, f.meaning),
            ),
          ),
      ),
    ),
  );
  return box;
}

/** The value of a single bit, to press. */
const turning = (f: Field, flip: (bit: number) => void, t: Words) =>
  h(
    "button",
    {
      type: "button",
      title: t("flipTip"),
      "aria-label": `${t("flipBit")} ${f.lo} ${f.name}${t("is")}${f.shown}`,
      onclick: () => flip(f.lo),
    },
    h("code", {}, f.shown),
  );

/** The mark beside a changed value, for those who hear the page. */
const told = (f: Field, t: Words) => (f.changed ? h("span.for-readers", {}, t("changed")) : "");

const place = (f: Field) => (f.hi === f.lo ? `${f.hi}` : `${f.hi}:${f.lo}`);

/** The bit of the structure's first word: 0 unless only a later word is shown. */
const firstBit = (entry: Entry) => Math.floor((entry.fields[0]?.lo ?? 0) / 64) * 64;

/** Writes the word with one bit turned, and runs again. */
function flipBit(app: App, entry: Entry, bit: number): void {
  const index = Math.floor((bit - firstBit(entry)) / 64);
  const word = entry.words[index];
  if (word === undefined) return;
  const value = BigInt(word) ^ (1n << BigInt(bit % 64));
  const field = entry.fields.find((f) => f.lo <= bit && bit <= f.hi);
  const at = `0x${(BigInt(entry.at) + BigInt(8 * index)).toString(16)}`;
  void app.poke(at, `0x${value.toString(16)}`, `${entry.name}, bit ${bit} ${field?.name ?? ""}`.trim());
}

/** Sixty-four cells, high bit first, in two rows; neighbouring fields differ in shade. */
function strip(entry: Entry, word: string, index: number, flips: boolean, t: Words): HTMLElement {
  const value = BigInt(word);
  const old = entry.before[index] === undefined ? value : BigInt(entry.before[index]);
  const low = firstBit(entry) + index * 64;
  const cells: HTMLElement[] = [];
  for (let bit = 63; bit >= 0; bit--) {
    const nth = entry.fields.findIndex((f) => f.lo <= low + bit && low + bit <= f.hi);
    const field = entry.fields[nth];
    const on = (value >> BigInt(bit)) & 1n;
    const classes = [on ? "on" : "", nth % 2 ? "odd" : "", field?.dull ? "dull" : "", flips ? "turns" : ""];
    if (((value ^ old) >> BigInt(bit)) & 1n) classes.push("changed");
    const what = field ? `${place(field)} ${field.name}${t("is")}${field.meaning}` : `${bit}`;
    // Mouse and finger turn it here; the values below, which are buttons, are for everyone.
    const cell = document.createElement("i");
    cell.className = classes.join(" ");
    if (field) cell.dataset.field = String(field.lo);
    cell.dataset.bit = String(low + bit);
    cell.title = flips ? `${what}\n${t("flipBit")} ${low + bit}` : what;
    cell.textContent = String(on);
    cells.push(cell);
  }
  const row = (from: number) => [
    h("span.bit", {}, String(low + 63 - from)),
    h("span.cells", {}, ...cells.slice(from, from + 32)),
    h("span.bit", {}, String(low + 32 - from)),
  ];
  return h("div.strip", { role: "img", "aria-label": `${entry.name} ${word}` }, ...row(0), ...row(32));
}
