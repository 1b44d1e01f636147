// The kernels of bench/, measured natively and as WebAssembly.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

/** The least nanoseconds for one item of each kernel, by name. Runs in Node.js and, as text, in a browser. */
export async function measure(module, only) {
  const TIME = 400;
  const found = {};
  for (const [number, name] of module.names().entries()) {
    if (!name.startsWith(only)) continue;
    const ready = new module.Ready(number);
    let least = Infinity;
    const begin = performance.now();
    // One run must last long enough for a clock that browsers make coarse.
    let repeat = 1;
    for (let runs = 0; runs < 3 || (runs < 400 && performance.now() - begin < TIME); runs++) {
      const start = performance.now();
      for (let i = 0; i < repeat; i++) ready.run();
      const took = performance.now() - start;
      if (took < 2) repeat *= 2;
      else least = Math.min(least, (took * 1e6) / (ready.items() * repeat));
    }
    ready.free();
    found[name] = least;
  }
  return found;
}

/** Those of a folder that `./build.sh` built, in Node.js. */
export async function inNode(folder, only) {
  const module = await import(pathToFileURL(resolve(folder, "iommu_bench.js")));
  module.initSync({ module: readFileSync(`${folder}/iommu_bench_bg.wasm`) });
  return measure(module, only);
}

/** Those of a folder, natively: each with its name, its nanoseconds, and what it is to be beside. */
export const natively = (folder, only) =>
  execFileSync(`${folder}/iommu-bench`, [only], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Nanoseconds for a reader. */
export const time = (value) =>
  value === undefined || value === Infinity
    ? ""
    : value < 1e3
      ? `${value.toFixed(1)} ns`
      : value < 1e6
        ? `${(value / 1e3).toFixed(1)} µs`
        : `${(value / 1e6).toFixed(2)} ms`;
