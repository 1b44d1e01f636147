// A structure or a register, bit by bit and field by field. A bit of a structure in memory can be flipped: that
// writes a line into the scenario.
import type { Entry, Field } from "iommu-view";
import type { App } from "./app";
import { h } from "./dom";
import { type Drawn, each, key } from "./put";
import type { Words } from "./strings";

/** The bits and fields of one structure after another: what two have alike keeps its elements, since most steps change little of
    an entry. A bit of memory can be flipped where `flips` says so. */
export function entryBits(app: App, flips = false): Drawn<Entry> {
  const { t } = app;
  const said = h("p.said", { "aria-hidden": "true" });
  const rows = h("tbody", {});
  const table = h("table.fields", {}, rows);
  const element = h("div.entry", {});
  let entry: Entry | null = null;
  let lit: Field | null = null;
  const say = (field: Field | null) => {
    if (field === lit) return;
    lit = field;
    said.textContent = field ? inWords(field, t) : rest();
    for (const el of element.querySelectorAll<HTMLElement>("[data-field]"))
      el.classList.toggle("lit", field !== null && el.dataset.field === String(field.lo));
  };
  const rest = () => entry?.meaning || t("pointAtBit");
  const turns = () => flips && entry !== null && !entry.register;
  const flip = (bit: number) => {
    if (entry && turns()) flipBit(app, entry, bit);
  };
  // One listener for all bits: there are sixty-four of them a word.
  const under = (event: Event) => (event.target as Element).closest<HTMLElement>("[data-field]");
  element.addEventListener("mousemove", (event) => {
    const lo = under(event)?.dataset.field;
    const field = entry?.fields.find((f) => String(f.lo) === lo) ?? null;
    say(field);
    const bit = bitUnder(event);
    if (!bit) return;
    const what = field ? inWords(field, t) : `${bit.number}`;
    // Mouse and finger turn it here; the values below, which are buttons, are for everyone.
    bit.half.title = turns() ? `${what}\n${t("flipBit")} ${bit.number}` : what;
    bit.half.style.setProperty("--bit", String(bit.column));
  });
  element.addEventListener("mouseleave", () => say(null));
  if (flips)
    element.addEventListener("click", (event) => {
      const bit = bitUnder(event);
      if (bit) flip(bit.number);
    });
  const strips: Drawn<Strip>[] = [];
  let shown = "";
  const show = (next: Entry) => {
    // Many steps say nothing of another structure.
    const all = key(next);
    if (all === shown) return;
    shown = all;
    say(null);
    entry = next;
    said.textContent = rest();
    const { name, register, at, section, words, fields } = entry;
    const one = turns() ? flip : null;
    words.forEach((_, index) => {
      strips[index] ??= strip();
      strips[index].show({ entry: next, index, flips: one !== null });
    });
    each(rows, [
      ...[...fields]
        .reverse()
        .filter((f) => !f.dull || f.value !== "0x0")
        .map((f) => [key(f, one !== null), () => row(f, one, t)] as const),
    ]);
    each(element, [
      [key("head", name, register, at, section), () => head(next)],
      ...strips.slice(0, words.length).map((it, index) => [`strip ${index}`, () => it.element] as const),
      ["said", () => said],
      ["fields", () => table],
    ]);
  };
  return { element, show };
}

/** A line that opens to bits. They are drawn while they are in sight. */
export function folded(app: App, line: HTMLElement): Drawn<Entry> {
  const bits = entryBits(app);
  const element = h("details", {}, line, bits.element);
  let due: Entry | null = null;
  const draw = () => {
    if (element.open && due) bits.show(due);
    if (element.open) due = null;
  };
  element.addEventListener("toggle", draw);
  const show = (entry: Entry) => {
    due = entry;
    draw();
  };
  return { element, show };
}

const head = ({ name, register, at, section }: Entry) =>
  h(
    "p.entry-head",
    {},
    h("strong", {}, name),
    h("code", {}, register ? `+${at}` : `@ ${at}`),
    h("cite", {}, section),
  );

const row = (f: Field, flip: ((bit: number) => void) | null, t: Words) =>
  h(
    "tr",
    { "data-field": f.lo, class: f.changed ? "changed" : "" },
    h("td.place", {}, place(f)),
    h("th", { scope: "row" }, f.name),
    h("td", {}, flip && f.hi === f.lo ? turning(f, flip, t) : h("code", {}, f.shown), told(f, t)),
    h("td.meaning", {}, f.meaning),
  );

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

/** A word of a structure. */
interface Strip {
  entry: Entry;
  index: number;
  flips: boolean;
}

/** Sixty-four bits, high bit first, in two rows; neighbouring fields differ in shade. */
function strip(): Drawn<Strip> {
  const element = h("div.strip", { role: "img" });
  const cells = [h("span.cells", {}), h("span.cells", {})];
  const show = ({ entry, index, flips }: Strip) => {
    const word = entry.words[index] ?? "0x0";
    const low = firstBit(entry) + index * 64;
    const value = BigInt(word);
    const old = BigInt(entry.before[index] ?? word);
    element.setAttribute("aria-label", `${entry.name} ${word}`);
    const number = (n: number) => [key(n), () => h("span.bit", {}, String(n))] as const;
    const parts = cells.flatMap((box, nth) => {
      const high = 63 - 32 * nth;
      each(
        box,
        [high, high - PER_HALF].map((top) => {
          const all = runs(entry, value, old, low, top);
          return [key(all, low + top, flips), () => half(all, low + top, flips)] as const;
        }),
      );
      return [number(low + high), [`cells ${nth}`, () => box] as const, number(low + high - 31)];
    });
    each(element, parts);
  };
  return { element, show };
}

/** Neighbouring bits that look alike. */
interface Run {
  looks: string;
  field: number | undefined;
  bits: string;
}

/**
 * Sixteen bits of a word from `high` down. Neighbours that look alike are one element: an entry of eight words would
 * otherwise be five hundred.
 */
function runs(entry: Entry, value: bigint, old: bigint, low: number, high: number): Run[] {
  const out: Run[] = [];
  let nth = NaN;
  for (let bit = high; bit > high - PER_HALF; bit--) {
    const here = entry.fields.findIndex((f) => f.lo <= low + bit && low + bit <= f.hi);
    const field = entry.fields[here];
    const on = (value >> BigInt(bit)) & 1n;
    const classes = [on ? "on" : "", here % 2 ? "odd" : "", field?.dull ? "dull" : ""];
    if (((value ^ old) >> BigInt(bit)) & 1n) classes.push("changed");
    const looks = classes.join(" ");
    const last = out.at(-1);
    if (last && here === nth && last.looks === looks) last.bits += String(on);
    else out.push({ looks, field: field?.lo, bits: String(on) });
    nth = here;
  }
  return out;
}

function half(all: readonly Run[], high: number, flips: boolean): HTMLElement {
  return h(
    flips ? "span.turns" : "span",
    { "data-high": high },
    ...all.map(({ looks, field, bits }) => h("i", { class: looks || null, "data-field": field }, bits)),
  );
}
