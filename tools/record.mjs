// Records what the machine says about the first scenario: every answer that stepping through it asks for, at every
// width, in both languages. The page plays it back before the machine is loaded (www/src/recording.ts).
// usage: node tools/record.mjs PKG OUT, with the module that the page ships in PKG.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const FIRST = "why-iommu";
/** Widths in cells that the page asks for (www/src/diagram.ts). */
const [NARROWEST, WIDEST] = [36, 220];
const [pkg, out] = process.argv.slice(2);

const { initSync, gallery, terms, variants, Session } = await import(pathToFileURL(resolve(pkg, "iommu.js")));
initSync({ module: readFileSync(join(pkg, "iommu_bg.wasm")) });
mkdirSync(out, { recursive: true });

/** What makes `after` of `before`: `{ "~": changes by key }` where they have the same keys, else `after` whole. */
function change(before, after) {
  const keys = (value) => (value !== null && typeof value === "object" ? Object.keys(value).join() : null);
  if (keys(after) === null || keys(before) !== keys(after)) return after;
  const changed = Object.keys(after)
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
    .map((key) => [key, change(before[key], after[key])]);
  return { "~": Object.fromEntries(changed) };
}

/** Each value as what changed from the one before. */
const changes = (values) => values.map((value, i) => (i ? change(values[i - 1], value) : value));

/** What is inside each of these stops that opens, and so on inwards, by depth and positions. */
function inside(run, stops, lang) {
  const found = {};
  for (const { depth, from, to, children } of stops) {
    if (!children) continue;
    const within = run.inside(depth, from, to, lang);
    found[`${depth} ${from} ${to}`] = within;
    Object.assign(found, inside(run, within, lang));
  }
  return found;
}

// The texts are the same in both languages. A first visit has that of the first scenario; the others come with the
// machine that runs them, and are searched when the page is built.
const texts = Object.fromEntries(gallery("en").map((card) => [card.name, card.text]));
writeFileSync(join(pkg, "texts.json"), JSON.stringify(texts));

for (const lang of ["en", "zh"]) {
  const cards = gallery(lang);
  const run = new Session(texts[FIRST], lang);
  const positions = Array.from({ length: run.len() + 1 }, (_, i) => i);
  const files = new Map();
  const widths = [];
  let before = "";
  for (let width = NARROWEST; width <= WIDEST; width++) {
    // Places are decided once for a run: where one position is drawn as at the width before, all are.
    const last = JSON.stringify(run.scene(run.len(), width, undefined, "", "", lang));
    if (last === before) continue;
    before = last;
    const scenes = JSON.stringify(
      changes(positions.map((at) => run.scene(at, width, undefined, "", "", lang))),
    );
    if (!files.has(scenes)) files.set(scenes, `${lang}-${width}.json`);
    const name = files.get(scenes);
    if (widths.at(-1)?.[1] !== name) widths.push([width, name]);
  }
  for (const [scenes, name] of files) writeFileSync(join(out, name), scenes);
  const [head, course] = [run.head(lang), run.course(lang)];
  const within = inside(run, course.operations, lang);
  const told = [...course.ideas, ...course.operations, ...Object.values(within).flat()];
  const sentences = told.flatMap((stop) => [stop.sentence, stop.outcome?.text]);
  const said = [...new Set([...sentences, head.answer, head.tryThis])].filter(Boolean);
  const recorded = {
    name: FIRST,
    gallery: cards.map((card) => ({ ...card, text: card.name === FIRST ? card.text : "" })),
    head,
    course,
    stops: [...run.stops()],
    reads: [...run.reads()],
    inside: within,
    variants: variants(texts[FIRST]),
    check: run.checkQuestion(FIRST, lang) ?? null,
    terms: Object.fromEntries(said.map((text) => [text, terms(text, lang)])),
    views: changes(positions.map((at) => run.view(at, lang))),
    widths,
    upTo: WIDEST,
  };
  writeFileSync(join(out, `${lang}.json`), JSON.stringify(recorded));
}
