// Measures every kernel natively, in Node.js and in Chromium, and writes the tables of docs/performance.md.
// usage: node tools/bench.mjs [--only GROUP] (then it prints and writes nothing), after `./build.sh bench` built all.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { between, ratio, table } from "./report.mjs";
import { serve } from "./serve.mjs";

const PKG = "target/bench-pkg";
const PAGE = "docs/performance.md";
const { values } = parseArgs({ options: { only: { type: "string", default: "" } } });

/** The least nanoseconds for one item of each kernel, by name. Runs in Node.js and, as text, in the browser. */
async function measure(module, only) {
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

async function inNode() {
  const module = await import(pathToFileURL(resolve(PKG, "iommu_bench.js")));
  module.initSync({ module: readFileSync(`${PKG}/iommu_bench_bg.wasm`) });
  return measure(module, values.only);
}

async function inChromium() {
  const server = await serve(PKG, 9690, { policy: null });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/iommu_bench.js`);
    const code = `(async () => {
      const module = await import("/iommu_bench.js");
      await module.default({ module_or_path: "/iommu_bench_bg.wasm" });
      return (${measure})(module, ${JSON.stringify(values.only)});
    })()`;
    return await page.evaluate(code);
  } finally {
    await browser.close();
    server.close();
  }
}

const lines = execFileSync("target/release/iommu-bench", [values.only], { encoding: "utf8" }).trim();
const native = lines.split("\n").map((line) => JSON.parse(line));
const [node, browser] = [await inNode(), await inChromium()];
const ns = Object.fromEntries(native.map((kernel) => [kernel.name, kernel.ns]));

const time = (value) =>
  value === undefined || value === Infinity
    ? ""
    : value < 1e3
      ? `${value.toFixed(1)} ns`
      : value < 1e6
        ? `${(value / 1e3).toFixed(1)} µs`
        : `${(value / 1e6).toFixed(2)} ms`;

const rows = native.map((kernel) => {
  const against = ns[kernel.beside] && kernel.ns / ns[kernel.beside];
  const held = kernel.ratio ? against <= kernel.ratio : kernel.hold ? kernel.ns <= kernel.hold : null;
  const limit = kernel.ratio ? `≤ ${kernel.ratio}` : kernel.hold ? `≤ ${kernel.hold} ns` : "";
  return [
    kernel.name.replace("/", ": "),
    time(kernel.ns),
    against ? `${ratio(against)} × ${kernel.beside.split("/").slice(1).join("/")}` : "",
    limit && `${limit}: ${held ? "held" : "**not held**"}`,
    time(node[kernel.name]),
    node[kernel.name] ? ratio(node[kernel.name] / kernel.ns) : "",
    browser[kernel.name] ? ratio(browser[kernel.name] / kernel.ns) : "",
  ];
});
const text = table(
  [
    "kernel",
    "native, one item",
    "beside",
    "to hold",
    "wasm in Node.js",
    "Node.js / native",
    "Chromium / native",
  ],
  rows,
);
console.log(text);
if (!values.only) {
  const machine = `${cpus().length} cores, ${cpus()[0].model.trim()}; Node.js ${process.version}`;
  writeFileSync(PAGE, between(readFileSync(PAGE, "utf8"), "kernels", `Measured on ${machine}.\n\n${text}`));
}
