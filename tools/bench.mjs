// Measures every kernel natively, in Node.js and in Chromium, and writes the tables of docs/performance.md.
// usage: node tools/bench.mjs [--only GROUP] (then it prints and writes nothing), after `./build.sh bench` built all.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { inNode, measure, natively, time } from "./kernels.mjs";
import { between, ratio, table } from "./report.mjs";
import { serve } from "./serve.mjs";

const PKG = "target/bench-pkg";
const PAGE = "docs/performance.md";
const { values } = parseArgs({ options: { only: { type: "string", default: "" } } });

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

const native = natively(PKG, values.only);
const [node, browser] = [await inNode(PKG, values.only), await inChromium()];
const ns = Object.fromEntries(native.map((kernel) => [kernel.name, kernel.ns]));

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
