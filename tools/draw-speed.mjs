// Measures the drawing of a step now, and before places were decided once for a run, in turns; writes docs/performance.md.
// usage: node tools/draw-speed.mjs [--print], after `./build.sh draw-speed` built both.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { inNode, natively, time } from "./kernels.mjs";
import { between, ratio, table } from "./report.mjs";

const FOLDERS = { before: "target/bench-before", now: "target/bench-pkg" };
const ONLY = "scenario/draw the next step of/";
const PAGE = "docs/performance.md";
/** Turns of each: what else the machine does at a time is then not in one of them alone. */
const TURNS = 5;
/** What part of the time before is to be left. */
const HOLD = 0.5;
const { values } = parseArgs({ options: { print: { type: "boolean", default: false } } });

/** The least of each kernel, by where it ran, which build it was, and its name. */
const least = { native: { before: {}, now: {} }, wasm: { before: {}, now: {} } };
const keep = (kept, name, ns) => (kept[name] = Math.min(kept[name] ?? Infinity, ns));
const load = loadavg()[0];
for (let turn = 0; turn < TURNS; turn++) {
  for (const [build, folder] of Object.entries(FOLDERS)) {
    for (const { name, ns } of natively(folder, ONLY)) keep(least.native[build], name, ns);
    for (const [name, ns] of Object.entries(await inNode(folder, ONLY))) keep(least.wasm[build], name, ns);
  }
}

const rows = Object.keys(least.native.now).flatMap((name) =>
  Object.entries(least).map(([where, { before, now }]) => {
    const left = now[name] / before[name];
    return [
      `${Number(name.slice(ONLY.length)).toLocaleString("en-US")} operations, ${where}`,
      time(before[name]),
      time(now[name]),
      `${ratio(left)}`,
      `≤ ${HOLD}: ${left <= HOLD ? "held" : "**not held**"}`,
    ];
  }),
);
const text = [
  `Measured on ${cpus().length} cores, ${cpus()[0].model.trim()}, with a load of ${load.toFixed(1)} when it began; Node.js ${process.version}; the least of ${TURNS} turns of each.`,
  table(["the next step drawn, in a scenario of", "before", "now", "now / before", "to hold"], rows),
].join("\n\n");
console.log(text);
if (!values.print) writeFileSync(PAGE, between(readFileSync(PAGE, "utf8"), "drawing", text));
