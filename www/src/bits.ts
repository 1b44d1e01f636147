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
  let lit: Field | null = null;
  const show = (field: Field | null) => {
    if (field === lit) return;
    lit = field;
    said.textContent = field ? inWords(field, t) : rest;
    for (const el of box.querySelectorAll<HTMLElement>("[data-field]"))
      el.classList.toggle("lit", field !== null && el.dataset.field === String(field.lo));
  };
  const flip = flips && !entry.register ? (bit: number) => flipBit(app, entry, bit) : null;
  // One listener for all bits: there are sixty-four of them a word, made anew with each step.
  const under = (event: Event) => (event.target as Element).closest<HTMLElement>("[data-field]");
  box.addEventListener("mousemove", (event) => {
    const lo = under(event)?.dataset.field;
    const field = entry.fields.find((f) => String(f.lo) === lo) ?? null;
    show(field);
    const bit = bitUnder(event);
    if (!bit) return;
    const what = field ? inWords(field, t) : `${bit.number}`;
    // Mouse and finger turn it here; the values below, which are buttons, are for everyone.
    bit.half.title = flip ? `${what}\n${t("flipBit")} ${bit.number}` : what;
    bit.half.style.setProperty("--bit", String(bit.column));
  });
  box.addEventListener("mouseleave", () => show(null));
  if (flip)
    box.addEventListener("click", (event) => {
      const bit = bitUnder(event);
      if (bit) flip(bit.number);
    });
  box.append(
    h(
      "p.entry-head",
      {},
      h("strong", {}, entry.name),
      h("code", {}, entry.register ? `+${entry.at}` : `@ ${entry.at}`),
      h("cite", {}, entry.section),
    ),
    ...entry.words.map((word, w) => strip(entry, word, w, flip !== null)),
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

/** Bits that stand in a line without a break. */
const PER_HALF = 16;

/** The bit under the pointer. */
function bitUnder(event: MouseEvent) {
  const half = (event.target as Element).closest<HTMLElement>("[data-high]");
  if (!half) return null;
  const { left, width } = half.getBoundingClientRect();
  const column = Math.max(0, Math.min(PER_HALF - 1, Math.floor(((event.clientX - left) / width) * PER_HALF)));
  return { half, column, number: Number(half.dataset.high) - column };
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

/** Where a field is, its name and what it means. */
const inWords = (f: Field, t: Words) => `${place(f)} ${f.name}${t("is")}${f.meaning}`;

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

/** Sixty-four bits, high bit first, in two rows; neighbouring fields differ in shade. */
function strip(entry: Entry, word: string, index: number, flips: boolean): HTMLElement {
  const low = firstBit(entry) + index * 64;
  const value = BigInt(word);
  const old = entry.before[index] === undefined ? value : BigInt(entry.before[index]);
  const row = (high: number) => [
    h("span.bit", {}, String(low + high)),
    h(
      "span.cells",
      {},
      half(entry, value, old, low, high, flips),
      half(entry, value, old, low, high - 16, flips),
    ),
    h("span.bit", {}, String(low + high - 31)),
  ];
  return h("div.strip", { role: "img", "aria-label": `${entry.name} ${word}` }, ...row(63), ...row(31));
}

/**
 * Sixteen bits of a word from `high` down. Neighbours that look alike are one element: an entry of eight words would
 * otherwise be five hundred, made anew with each step.
 */
function half(
  entry: Entry,
  value: bigint,
  old: bigint,
  low: number,
  high: number,
  flips: boolean,
): HTMLElement {
  const box = h(flips ? "span.turns" : "span", { "data-high": low + high });
  let run: HTMLElement | null = null;
  let looks = "";
  for (let bit = high; bit > high - PER_HALF; bit--) {
    const nth = entry.fields.findIndex((f) => f.lo <= low + bit && low + bit <= f.hi);
    const field = entry.fields[nth];
    const on = (value >> BigInt(bit)) & 1n;
    const classes = [on ? "on" : "", nth % 2 ? "odd" : "", field?.dull ? "dull" : ""];
    if (((value ^ old) >> BigInt(bit)) & 1n) classes.push("changed");
    const here = `${nth} ${classes.join(" ")}`;
    if (run && here === looks) run.textContent += String(on);
    else {
      run = document.createElement("i");
      run.className = classes.join(" ");
      if (field) run.dataset.field = String(field.lo);
      run.textContent = String(on);
      box.append(run);
      looks = here;
    }
  }
  return box;
}
