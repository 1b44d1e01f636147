// Assembles the static folder: bundles www/src, adds the WebAssembly module, fills index.html.
// Built beside the old folder and swapped in at the end, so that a failure leaves the old one whole.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { CLASSIC, COMMON } from "./bundle.mjs";
import { buildEmbed } from "./embed.mjs";
import { buildGallery } from "./gallery.mjs";
import { writeServiceWorker } from "./offline.mjs";
import { writeVersioned } from "./package.mjs";
import { preview } from "./preview.mjs";
import { writeSingleFile } from "./single.mjs";

const { values } = parseArgs({ options: { out: { type: "string", default: "dist" } } });
const out = values.out;
const fresh = `${out}.new`;
rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });

const { metafile } = await build({
  ...COMMON,
  entryPoints: { main: "www/src/main.ts", style: "www/src/style.css" },
  splitting: true,
  format: "esm",
  outdir: fresh,
  // Names that change with what is in them may be kept by browsers for ever; the few that authors write may not change.
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  metafile: true,
});
const entry = (source) =>
  basename(Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === source)[0]);
// What the page's script imports is asked for together with it, and not after it.
const imports = Object.values(metafile.outputs)
  .find((output) => output.entryPoint === "www/src/main.ts")
  .imports.filter((file) => file.kind === "import-statement")
  .map((file) => `<link rel="modulepreload" href="${basename(file.path)}" />`);
for (const name of ["iommu_bg.wasm", "lazy-logs_bg.wasm"])
  cpSync(join("target/pkg", name), join(fresh, name));
await build({ ...CLASSIC, entryPoints: { logs: "www/src/explain/worker.ts" }, outdir: fresh });
await buildEmbed(fresh);
await buildGallery(fresh);
cpSync("target/pkg/first", join(fresh, "first"), { recursive: true });
if (existsSync("www/static")) cpSync("www/static", fresh, { recursive: true });
// The first paint: what the command line tool draws of the first scenario, before any script has run.
const ascii = execFileSync("target/debug/iommu-play", ["draw", "why-iommu", "--width", "100"], {
  encoding: "utf8",
});
const escaped = ascii.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const page = readFileSync("www/index.html", "utf8")
  .replace("<!--ASCII-->", () => escaped)
  .replace("<!--PREVIEW-->", () =>
    preview({ lang: "en", title: "iommu-playground: see a DMA happen", file: "" }),
  )
  .replace("<!--IMPORTS-->", imports.join("\n    "))
  .replace("main.js", entry("www/src/main.ts"))
  .replace("style.css", entry("www/src/style.css"));
writeFileSync(join(fresh, "index.html"), page);
await writeSingleFile(fresh, page);
writeServiceWorker(fresh);
await writeVersioned(fresh);

rmSync(out, { recursive: true, force: true });
renameSync(fresh, out);
