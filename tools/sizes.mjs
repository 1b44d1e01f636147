// Checks what a first visit loads, brotli-compressed, against a ceiling: the page, and the recording of the first
// scenario in the larger language at the heaviest width. The machine, the editor, the log reader and the search are
// loaded when they are asked for, and each has a ceiling of its own. The goal for a first visit is 150 KB; docs/performance.md
// tells what was measured.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

// Of the machine: what four architectures take (816 KB, 10 KB of them to run one scenario on all; two took 635 KB), and a little. Nothing is loaded by architecture yet.
// Of the log reader: 192 KB, 8 KB of them for causes in the terms of each system and for what 46 more reports showed.
const CEILINGS = {
  first: 80_000,
  machine: 818_000,
  editor: 110_000,
  logs: 195_000,
  embed: 40_000,
  packed: 1_080_000,
  single: 1_500_000,
  gallery: 40_000,
  rosetta: 40_000,
  search: 40_000,
};
const folder = process.argv[2] ?? "dist";

const page = readFileSync(join(folder, "index.html"), "utf8");

/** The kind of visit that loads a file; `one` of many is loaded. */
function kind(path) {
  // What is in the folder of the build is known by its own name.
  const name = path.replace(/^b\/[0-9a-f]{16}\//, "");
  // Copies for others, and what is loaded long after a visit began.
  if (/^(v|npm)\/|^(sw\.js|build\.json)$|^preview\./.test(name)) return { load: "other" };
  if (name === "iommu-playground.html") return { load: "single" };
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
for (const name of names) {
  const raw = readFileSync(join(folder, name));
  const packed = brotliCompressSync(raw).length;
  const { load, one } = kind(name);
  if (one) heaviest[one] = { load, bytes: Math.max(heaviest[one]?.bytes ?? 0, packed) };
  else totals[load] = (totals[load] ?? 0) + packed;
  console.log(`${load.padEnd(8)} ${String(raw.length).padStart(9)} ${String(packed).padStart(8)}  ${name}`);
}
for (const { load, bytes } of Object.values(heaviest)) totals[load] = (totals[load] ?? 0) + bytes;

let over = false;
for (const [load, ceiling] of Object.entries(CEILINGS)) {
  const bytes = totals[load] ?? 0;
  over ||= bytes > ceiling;
  console.log(`${load}: ${bytes} bytes of ${ceiling}${bytes > ceiling ? " (TOO MUCH)" : ""}`);
}
if (over) process.exit(1);
