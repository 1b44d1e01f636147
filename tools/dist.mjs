// Assembles the static folder: bundles www/src, adds the WebAssembly module, fills the pages.
//
// What a page loads is in `b/BUILD/`, where BUILD is the hash of all of it: a page finds the files of its own build there and
// no others, whatever is put beside them later. Only names that others write (the pages, embed.js, embed-height.js) are
// fixed. docs/hosting.md says how a new build is put in an old one's place.
//
// Built beside the old folder and swapped in at the end, so that a failure leaves the old one whole.
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { CLASSIC, COMMON } from "./bundle.mjs";
import { buildEmbed, buildEmbedScript } from "./embed.mjs";
import { buildFront } from "./front.mjs";
import { buildGallery } from "./gallery.mjs";
import { writeServiceWorker } from "./offline.mjs";
import { version, writeVersioned } from "./package.mjs";
import { writePackages } from "./packages.mjs";
import { meta, POLICY } from "./policy.mjs";
import { buildRosetta } from "./rosetta.mjs";
import { writeSingleFile } from "./single.mjs";

const { values } = parseArgs({
  options: {
    out: { type: "string", default: "dist" },
    /** A word that makes this build another one, for tests of what happens when one takes the place of another. */
    mark: { type: "string", default: "" },
  },
});
const out = values.out;
const fresh = `${out}.new`;
const files = join(fresh, "b", "new");
rmSync(fresh, { recursive: true, force: true });
mkdirSync(files, { recursive: true });

const { metafile } = await build({
  ...COMMON,
  entryPoints: { main: "www/src/main.ts", style: "www/src/style.css" },
  splitting: true,
  format: "esm",
  outdir: files,
  chunkNames: "chunk-[hash]",
  metafile: true,
});
// What the page's script imports is asked for together with it, and not after it.
const imports = Object.values(metafile.outputs)
  .find((output) => output.entryPoint === "www/src/main.ts")
  .imports.filter((file) => file.kind === "import-statement")
  .map((file) => `<link rel="modulepreload" href="{{FILES}}${basename(file.path)}" />`);
for (const name of ["iommu_bg.wasm", "lazy-logs_bg.wasm"])
  cpSync(join("target/pkg", name), join(files, name));
await build({ ...CLASSIC, entryPoints: { logs: "www/src/explain/worker.ts" }, outdir: files });
await buildEmbed(files);
cpSync("target/pkg/first", join(files, "first"), { recursive: true });

const pages = {
  ...(await buildGallery(files)),
  ...(await buildRosetta(files)),
  "embed.html": readFileSync("www/embed.html", "utf8"),
  ...buildFront(imports),
};

// The build's name: all of it, whichever folder it comes from.
const hash = createHash("sha256").update(values.mark);
const inside = readdirSync(files, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();
for (const path of inside) hash.update(path.slice(files.length)).update(readFileSync(path));
for (const name of Object.keys(pages).sort()) hash.update(name).update(pages[name]);
const BUILD = hash.digest("hex").slice(0, 16);
const folder = `b/${BUILD}/`;
renameSync(files, join(fresh, folder));
for (const [name, page] of Object.entries(pages))
  writeFileSync(
    join(fresh, name),
    page.replace("<!--POLICY-->", () => meta(POLICY)).replaceAll("{{FILES}}", folder),
  );
writeFileSync(join(fresh, "build.json"), `${JSON.stringify({ build: BUILD })}\n`);
// Names that pages of others have in them.
await buildEmbedScript(fresh, { files: folder, playground: "./" });
cpSync(join(fresh, folder, "embed-height.js"), join(fresh, "embed-height.js"));
if (existsSync("www/static")) cpSync("www/static", fresh, { recursive: true });
await writeSingleFile(fresh, pages["index.html"], join(fresh, folder));
writeServiceWorker(fresh, BUILD);
await writeVersioned(fresh, join(fresh, folder), pages["embed.html"]);
writePackages(fresh, version());

rmSync(out, { recursive: true, force: true });
renameSync(fresh, out);
