// Checks what a first visit loads, brotli-compressed, against a ceiling: the page, and the recording of the first
// scenario in the larger language at the heaviest width. The machine, the editor, the log reader and the search are
// loaded when they are asked for, and each has a ceiling of its own. The goal for a first visit is 150 KB; docs/performance.md
// tells what was measured.
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

// Of the machine: what four architectures take (867 KB, 10 KB of them to run one scenario on all, 25 KB for what drivers, bridges and guests of
// real machines have, and 8 KB for the texts of twelve scenarios that engineers reported; two took 635 KB), and a little. Nothing is loaded by architecture yet.
// Of the search: 8 KB for those twelve.
// Of an embed: 1 KB to request all that is shown of a position in one message, with the picture in its width.
// What asks whether another machine does what one refuses: 3 KB. Of the embed: 1.5 KB to play a recording, for 0.86 MB that most never load.
// Of the log reader: 192 KB, 8 KB of them for causes in the terms of each system and for what 46 more reports showed.
// And 97 KB to read machines and traces (`import`), which the one file carries too: the box is loaded when it is first opened.
// To step through a trace, and QEMU's events of it: 16 KB of the log reader. To draw the whole way of an operation, and to refuse what a machine
// lacks by name: 7 KB of the machine.
// To walk tables out of words of memory, in the page-table formats of four architectures, and to say what an imported machine or a trace leaves
// out: 27 KB of the log reader.
// To answer and refuse translation requests as each machine does, to offer the machines that have what one lacks, and the texts of both: 20 KB of
// the machine. To obey each unit's modes in words of memory, to read device trees as blobs and dumps in the forms of six tools, and to hold a
// trace's mappings against the faults that the kernel printed: 29 KB of the log reader; to read what kernels and tools from Linux 3.x on print, and to
// say what of a machine is not in a draft: 15 KB more; to hold every form of a kernel's fault lines against a trace, to walk for StreamIDs, and AMD's
// registers as debugfs shows them: 20 KB more, which the one file carries too. To judge each refused access by the trace's own replay, and to keep copies,
// boots, groups and machines apart: 17 KB more.
// Virtual functions, several host bridges and a second kernel, with the texts, presets and search words of each: 24 KB of the machine, which the one
// file carries too.
// What is built by a compiler has 2 % of room: the versions that build.sh may find differ by as much.
const CEILINGS = {
  first: 80_000,
  preset: 60_000,
  machine: 985_000,
  editor: 110_000,
  logs: 454_000,
  embed: 46_900,
  packed: 1_285_000,
  single: 2_035_000,
  gallery: 40_000,
  rosetta: 40_000,
  search: 53_000,
};
/** Times the bytes that the English of a first visit takes: its texts as they are, and packed in the files that have them. */
const MOST_CHINESE = 1.1;
const folder = process.argv[2] ?? "dist";

const page = readFileSync(join(folder, "index.html"), "utf8");

/** The kind of visit that loads a file; `one` of many is loaded. */
function kind(path) {
  // What is in the folder of the build is known by its own name.
  const name = path.replace(/^b\/[0-9a-f]{16}\//, "");
  // Copies for others, and what is loaded long after a visit began.
  if (/^(v|npm|packages)\/|^(sw\.js|build\.json)$|^preview\./.test(name)) return { load: "other" };
  if (name === "iommu-playground.html") return { load: "single" };
  // The recording of any other preset: its answers in one language, and its pictures at one width.
  if (/^first\/.*\//.test(name))
    return { load: "preset", one: /-\d+\.json$/.test(name) ? "pictures of presets" : "answers of presets" };
  if (name.startsWith("first/"))
    return { load: "first", one: /-\d+\.json$/.test(name) ? "scenes" : "answers" };
  if (/^(iommu_bg\.wasm|worker\.js)$/.test(name)) return { load: "machine" };
  // What a page of others loads beside the machine; the machine as a script, for frames in a sandbox.
  if (/^embed/.test(name))
    return { load: /^b\//.test(path) && /^embed(-height)?\.js$/.test(name) ? "other" : "embed" };
  if (name === "iommu_bg.wasm.js") return { load: "packed" };
  if (name === "search.json") return { load: "search" };
  if (name.startsWith("gallery/")) return { load: "gallery", one: "pictures" };
  if (/^rosetta.*\.html$|^gallery-rosetta/.test(name))
    return { load: "rosetta", one: /\.html$/.test(name) ? "rosettas" : undefined };
  if (/^gallery.*\.html$/.test(name)) return { load: "gallery", one: "galleries" };
  if (name.startsWith("gallery")) return { load: "gallery" };
  if (/^index.*\.html$/.test(name)) return { load: "first", one: "fronts" };
  if (page.includes(`"${path}"`)) return { load: "first" };
  if (/^lazy-logs|^logs\.js$|^chunk-.*\.css$/.test(name)) return { load: "logs" };
  if (/^(lazy-|chunk-)/.test(name)) return { load: "editor" };
  return { load: /\.(html|js|css|svg)$/.test(name) ? "first" : "other" };
}

const totals = {};
const heaviest = {};
const names = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
  .sort();
/** Recordings of presets are many, and alike: only the longest are packed to see how small they get. */
const LONGEST = 8;
const longest = (one) =>
  names
    .filter((name) => kind(name).one === one)
    .map((name) => ({ name, length: statSync(join(folder, name)).size }))
    .sort((a, b) => b.length - a.length)
    .slice(0, LONGEST)
    .map(({ name }) => name);
const packedPresets = new Set([...longest("answers of presets"), ...longest("pictures of presets")]);
for (const name of names.filter((name) => kind(name).load !== "preset" || packedPresets.has(name))) {
  const raw = readFileSync(join(folder, name));
  const packed = brotliCompressSync(raw).length;
  const { load, one } = kind(name);
  if (one) heaviest[one] = { load, bytes: Math.max(heaviest[one]?.bytes ?? 0, packed) };
  else totals[load] = (totals[load] ?? 0) + packed;
  console.log(`${load.padEnd(8)} ${String(raw.length).padStart(9)} ${String(packed).padStart(8)}  ${name}`);
}
for (const { load, bytes } of Object.values(heaviest)) totals[load] = (totals[load] ?? 0) + bytes;

/** What a first visit in Chinese has, beside one in English: its texts by themselves, and what is sent of each. */
function beside() {
  const first = names.filter((name) => /(^|\/)first\/(en|zh)[^/]*$/.test(name) && !/^(v|npm)\//.test(name));
  const sizes = { en: {}, zh: {} };
  const texts = {};
  for (const lang of ["en", "zh"]) {
    const files = first.filter((name) => name.includes(`first/${lang}`));
    const sent = (wanted) => files.filter(wanted).map((name) => readFileSync(join(folder, name)));
    const answers = sent((name) => name.endsWith(`${lang}.json`));
    const packed = (all) => Math.max(...all.map((raw) => brotliCompressSync(raw).length));
    const scenes = sent((name) => !name.endsWith(`${lang}.json`));
    sizes[lang].sent = packed(answers) + packed(scenes);
    texts[lang] = new Set();
    JSON.parse(answers[0], (_, value) => (typeof value === "string" && texts[lang].add(value), value));
  }
  // A text is what the other language does not have.
  for (const [lang, other] of [
    ["en", "zh"],
    ["zh", "en"],
  ]) {
    const own = [...texts[lang]].filter((text) => !texts[other].has(text));
    sizes[lang].texts = Buffer.byteLength(own.join("\n"));
  }
  return sizes;
}

let over = false;
const { en, zh } = beside();
for (const what of ["texts", "sent"]) {
  const ratio = zh[what] / en[what];
  over ||= !(ratio <= MOST_CHINESE);
  const mark = ratio <= MOST_CHINESE ? "" : " (TOO MUCH)";
  console.log(`${what} in Chinese: ${zh[what]} bytes, ${ratio.toFixed(2)} x the English ${en[what]}${mark}`);
}
for (const [load, ceiling] of Object.entries(CEILINGS)) {
  const bytes = totals[load] ?? 0;
  over ||= bytes > ceiling;
  console.log(`${load}: ${bytes} bytes of ${ceiling}${bytes > ceiling ? " (TOO MUCH)" : ""}`);
}
if (over) process.exit(1);
