// Records what the machine says about the presets: of the first every answer that stepping through it asks for, at every
// width; of the others those at the stops of ideas and operations, at some widths; in both languages. The page plays them back
// before the machine is loaded (www/src/recording.ts).
// usage: node tools/record.mjs PKG OUT, with the module that the page ships in PKG.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const FIRST = "why-iommu";
/** Widths in cells that the page asks for (www/src/diagram.ts). */
const [NARROWEST, WIDEST] = [36, 220];
const [pkg, out] = process.argv.slice(2);

const { initSync, gallery, sweep, terms, variants, Session } = await import(
  pathToFileURL(resolve(pkg, "iommu.js"))
);
initSync({ module: readFileSync(join(pkg, "iommu_bg.wasm")) });
mkdirSync(out, { recursive: true });

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** What makes `after` of `before`: `{ "~": changes by key }` where they have the same keys; `{ "^": [first, last, between] }` of a
 *  list that keeps so many of its first and of its last; else `after` whole. */
function change(before, after) {
  if (Array.isArray(before) && Array.isArray(after) && before.length !== after.length) {
    const shorter = Math.min(before.length, after.length);
    let [first, last] = [0, 0];
    while (first < shorter && same(before[first], after[first])) first++;
    while (last < shorter - first && same(before.at(-1 - last), after.at(-1 - last))) last++;
    return { "^": [first, last, after.slice(first, after.length - last)] };
  }
  const keys = (value) => (value !== null && typeof value === "object" ? Object.keys(value).join() : null);
  if (keys(after) === null || keys(before) !== keys(after)) return after;
  const changed = Object.keys(after)
    .filter((key) => !same(before[key], after[key]))
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

// The texts are the same in both languages. A first visit has that of the first scenario, and each recording its own; the
// others come with the machine that runs them, and are searched when the page is built.
const texts = Object.fromEntries(gallery("en").map((card) => [card.name, card.text]));
writeFileSync(join(pkg, "texts.json"), JSON.stringify(texts));

/** Widths that recordings beside the first one have, 116 for beside the inspector at 1280 pixels: the page draws the next smaller one until something else runs. */
const SOME = [NARROWEST, 40, 44, 50, 60, 72, 84, 100, 116, 126, 141, 155, 180];
/** The same for low windows: phones, and an embed in a column of text. */
const SOME_LOW = [NARROWEST, 44, 50, 60, 72, 84, 100, 116];
/** Bytes, brotli-compressed, that a recording may take until its first step; what is longer waits for the machine. */
const MOST = 48_000;

/** A run's pictures at each of these positions: the file for each width, and the widths from which on each holds. */
function scenes(run, positions, wanted, low, lang) {
  const files = new Map();
  const widths = [];
  let before = "";
  for (const width of wanted) {
    // Places are decided once for a run: where one position is drawn as at the width before, all are.
    const last = JSON.stringify(run.scene(run.len(), width, low, undefined, "", "", lang));
    if (last === before) continue;
    before = last;
    const all = JSON.stringify(
      changes(positions.map((at) => run.scene(at, width, low, undefined, "", "", lang))),
    );
    if (!files.has(all)) files.set(all, `${lang}-${width}${low ? "-low" : ""}.json`);
    const name = files.get(all);
    if (widths.at(-1)?.[1] !== name) widths.push([width, name]);
  }
  return { files: [...files].map(([text, name]) => [name, text]), widths };
}

/** What stepping through a run asks for at these positions, as files of one language. `opened` are the stops whose inside is
 *  recorded. */
function recording(name, run, positions, [wanted, wantedLow], opened, lang) {
  const { files, widths } = scenes(run, positions, wanted, false, lang);
  const low = scenes(run, positions, wantedLow, true, lang);
  const [head, course] = [run.head(lang), run.course(lang)];
  const within = inside(run, opened(course), lang);
  const told = [...course.ideas, ...course.operations, ...Object.values(within).flat()];
  const sentences = told.flatMap((stop) => [stop.sentence, stop.outcome?.text]);
  const said = [...new Set([...sentences, head.answer, head.tryThis])].filter(Boolean);
  const recorded = {
    name,
    text: texts[name],
    head,
    course,
    stops: [...run.stops()],
    reads: [...run.reads()],
    inside: within,
    variants: variants(texts[name]),
    check: run.checkQuestion(name, lang) ?? null,
    sweep: sweep(name, "", lang) ?? null,
    terms: Object.fromEntries(said.map((text) => [text, terms(text, lang)])),
    positions,
    views: changes(positions.map((at) => run.view(at, lang))),
    widths,
    low: low.widths,
    upTo: WIDEST,
  };
  return { recorded, files: [...files, ...low.files] };
}

const brotli = (text) => brotliCompressSync(text).length;
const keep = (name, files) => {
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
};
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

const names = [];
for (const name of Object.keys(texts).filter((name) => name !== FIRST)) {
  const made = ["en", "zh"].map((lang) => {
    const run = new Session(texts[name], lang);
    const { start, length, ideas, operations } = run.course(lang);
    const stops = [0, start, length, ...[...ideas, ...operations].map((stop) => stop.to)];
    const positions = [...new Set(stops)].sort((a, b) => a - b);
    const { recorded, files } = recording(name, run, positions, [SOME, SOME_LOW], () => [], lang);
    const answers = JSON.stringify(recorded);
    const first = brotli(answers) + Math.max(...files.map(([, text]) => brotli(text)));
    run.free();
    return { first, files: [[`${lang}.json`, answers], ...files] };
  });
  if (made.some(({ first }) => first > MOST)) continue;
  made.forEach(({ files }) => keep(name, files));
  names.push(name);
}

for (const lang of ["en", "zh"]) {
  const run = new Session(texts[FIRST], lang);
  const positions = range(0, run.len());
  const all = range(NARROWEST, WIDEST);
  const { recorded, files } = recording(
    FIRST,
    run,
    positions,
    [all, all],
    (course) => course.operations,
    lang,
  );
  const cards = gallery(lang).map((card) => ({ ...card, text: card.name === FIRST ? card.text : "" }));
  keep(".", [[`${lang}.json`, JSON.stringify({ ...recorded, gallery: cards })], ...files]);
}
writeFileSync(join(out, "names.json"), JSON.stringify({ first: FIRST, others: names }));
