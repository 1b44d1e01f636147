// Runs a text in the page's WebAssembly module, as its worker does, and prints as JSON the milliseconds of the processor until its
// first picture, the bytes of memory that the module has then, and how it ended. usage: node tools/limits-wasm.mjs PKG FILE
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [pkg, file] = process.argv.slice(2);
const { initSync, Opening } = await import(pathToFileURL(resolve(pkg, "iommu.js")));
const { memory } = initSync({ module: readFileSync(join(pkg, "iommu_bg.wasm")) });
const text = readFileSync(file, "utf8");
const from = process.cpuUsage();
let said = "";
try {
  const opening = new Opening(text, "en", 0);
  while (!opening.slice(40, () => true));
  const run = opening.finish();
  run.head("en");
  said = run.course("en").stopped?.message ?? "";
  run.stops();
  run.reads();
  run.view(run.len(), "en");
  run.scene(run.len(), 100, false, undefined, "", "", "en");
} catch (problems) {
  said = Array.isArray(problems) ? problems[0].message : String(problems);
}
const { user, system } = process.cpuUsage(from);
console.log(JSON.stringify({ ms: (user + system) / 1000, bytes: memory.buffer.byteLength, said }));
