// Measures the built page as a reader meets it, by a scripted visit in Chromium, and writes docs/performance.md.
// usage: node tools/measure.mjs [DIST] [--print]
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, loadavg, tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync, crc32, deflateRawSync } from "node:zlib";
import { chromium } from "playwright-core";
import { between, table } from "./report.mjs";
import { POLICY } from "./policy.mjs";

const PAGE = "docs/performance.md";
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { print: { type: "boolean" } },
});
const dist = positionals[0] ?? "dist";

/** The throttled line: bytes a second, and how long a request is on its way. */
const LINE = { rate: 1.6e6 / 8, latency: 150 };
const SLOWER = 4;
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

// ---- the line ----

const files = new Map();
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  const raw = readFileSync(path);
  files.set(path.slice(dist.length), { raw: raw.length, body: brotliCompressSync(raw) });
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Serves what brotli makes of the files. The server makes the line, so that workers feel it too. */
function line() {
  const state = { slow: false, log: [] };
  let free = 0;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const name = pathname === "/" ? "/index.html" : pathname;
    const file = files.get(name);
    if (!file) return void response.writeHead(404).end();
    state.log.push(name);
    const { slow } = state;
    if (slow) await sleep(LINE.latency);
    response.writeHead(200, {
      "content-type": TYPES[extname(name)] ?? "application/octet-stream",
      "content-encoding": "br",
      "cache-control": "max-age=600",
      "content-security-policy": POLICY,
    });
    for (let at = 0; at < file.body.length; at += 4096) {
      const part = file.body.subarray(at, at + 4096);
      // One line for all: a part waits until those asked for before it are through.
      if (slow) {
        free = Math.max(free, performance.now()) + (part.length / LINE.rate) * 1000;
        await sleep(free - performance.now());
      }
      response.write(part);
    }
    response.end();
  });
  return new Promise((done) => server.listen(9695, "127.0.0.1", () => done({ server, state })));
}

const { server, state } = await line();
const origin = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});

/** The fragment of a scenario's text (docs/links.md). */
const packed = (text) =>
  `#1.${deflateRawSync(text).toString("base64url")}.${crc32(text).toString(16).padStart(8, "0")}`;

async function visit({ hash = "" } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US" });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  // In time that the main thread was given: what else the machine does at the time is not the page's work.
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  return { context, page, cdp, go: () => page.goto(origin + hash) };
}

const ready = (page) => page.waitForSelector("html[data-ready] #diagram svg", { timeout: 60_000 });
const metric = async (cdp, name) =>
  (await cdp.send("Performance.getMetrics")).metrics.find((m) => m.name === name).value;

// ---- the first visit ----

async function firstVisit(rate) {
  state.slow = true;
  state.log = [];
  const { context, page, cdp, go } = await visit();
  await cdp.send("Emulation.setCPUThrottlingRate", { rate });
  await page.addInitScript(() => {
    const marks = (globalThis.marks = {});
    new MutationObserver(() => {
      const now = performance.now();
      if (document.querySelector("#diagram svg")) marks.diagram ??= now;
      const count = document.querySelector("#count")?.dataset.position;
      if (marks.diagram && !marks.asked) {
        marks.asked = now;
        marks.from = count;
        document.querySelector("#step").click();
      }
      if (marks.asked && count !== marks.from) marks.step ??= now;
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await go();
  await ready(page);
  await page.waitForFunction(() => globalThis.marks.step);
  const { diagram, step } = await page.evaluate(() => globalThis.marks);
  const paint = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  );
  await context.close();
  state.slow = false;
  return { paint, diagram, step, loaded: [...state.log] };
}

// ---- steps ----

const percentile = (list, part) => list.sort((a, b) => a - b)[Math.floor((list.length - 1) * part)] ?? NaN;

/** Main-thread milliseconds of each of `count` steps, and of as many jumps. */
async function steps(hash, count) {
  const { context, page, cdp, go } = await visit({ hash: `${hash}&depth=read` });
  await go();
  await ready(page);
  const spent = async (act) => {
    const before = await metric(cdp, "TaskDuration");
    await act();
    // Until the picture is there: two frames after the answer of the worker.
    await page.evaluate(
      () =>
        new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 20)))),
    );
    return ((await metric(cdp, "TaskDuration")) - before) * 1000;
  };
  // What a page spends that rests: one that has just come still has to do.
  await page.waitForTimeout(1000);
  const resting = [];
  for (let i = 0; i < 5; i++) resting.push(await spent(() => Promise.resolve()));
  const idle = percentile(resting, 0.5);
  const result = { step: [], scrub: [], open: [], depth: [], heap: 0, length: 0 };
  for (let i = 0; i < count; i++)
    result.step.push((await spent(() => page.keyboard.press("ArrowRight"))) - idle);
  result.length = await page.evaluate(() => Number(document.querySelector("#count").dataset.length));
  result.stops = await page.evaluate(() => Number(document.querySelector("#scrub").max));
  for (let i = 0; i < count; i++) {
    const to = (i * 7919 + 13) % (result.stops + 1);
    result.scrub.push(
      (await spent(() =>
        page.evaluate((at) => {
          const bar = document.querySelector("input[type=range]");
          bar.value = String(at);
          bar.dispatchEvent(new Event("input", { bubbles: true }));
        }, to),
      )) - idle,
    );
  }
  // The same at ideas: a step, the stop opened twice and closed again; and the depth changed all around.
  await spent(() => page.keyboard.press("g"));
  await spent(() => page.keyboard.press("Home"));
  for (let i = 0; i < count / 4; i++) {
    result.step.push((await spent(() => page.keyboard.press("ArrowRight"))) - idle);
    for (const key of ["o", "o", "c", "c"])
      result.open.push((await spent(() => page.keyboard.press(key))) - idle);
    for (let n = 0; n < 3; n++) result.depth.push((await spent(() => page.keyboard.press("g"))) - idle);
  }
  await cdp.send("HeapProfiler.collectGarbage");
  result.heap = await metric(cdp, "JSHeapUsedSize");
  result.boxes = await page.evaluate(() => document.querySelectorAll("#diagram svg *").length);
  await context.close();
  return result;
}

const HEAD = `iommu-playground 1
machine vt-d iotlb 64
iommu strict
ram 0 .. 3G
device nic 00:03.0
steps
domain d0
attach nic to d0
`;
const range = (n) => Array.from({ length: n }, (_, i) => i);
/** Small transfers over 256 pages. */
const many = (n) =>
  `${HEAD}map d0 0x10_0000 +1M -> 0x4000_0000 rw page 4K\n` +
  range(n)
    .map((i) => `dma nic write 0x${(0x100000 + ((i * 37) % 256) * 4096).toString(16)} +1\n`)
    .join("");
/** Buffers and mappings: two boxes and an arrow each. */
const boxes = (n) =>
  HEAD +
  range(n)
    .map((i) => `alloc b${i} 4K at 0x${(0x10000000 + i * 8192).toString(16)}\n`)
    .join("") +
  "dma nic write 0x1000 +64\n";

/** Milliseconds until a boot log of 1 MiB is read in the page. */
async function log() {
  const { context, page, go } = await visit({ hash: "#explain" });
  await go();
  await page.waitForSelector(".explain-input");
  const took = await page.evaluate(async () => {
    let text = "";
    for (let i = 0; text.length < 1 << 20; i++) {
      text += `[ ${i}.000000] usb 1-1: new high-speed USB device number ${i}\n`;
      if (i % 1000 === 0)
        text += `[ ${i}.000001] DMAR: [DMA Write NO_PASID] Request device [00:1f.2] fault addr 0xfffe1000 [fault reason 0x05] x\n`;
    }
    const input = document.querySelector(".explain-input");
    const began = performance.now();
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    while (!document.querySelector(".explain")?.textContent.includes("0xfffe1000"))
      await new Promise((done) => setTimeout(done, 5));
    return performance.now() - began;
  });
  await context.close();
  return took;
}

/** Events of the trace that is read from a file. */
const EVENTS = 1_000_000;

/** Milliseconds until a trace of that many events is told of, from a file that the page reads from where it is. */
async function trace() {
  const folder = mkdtempSync(join(tmpdir(), "iommu-playground-"));
  const file = join(folder, "trace.txt");
  const map = (i) => {
    const at = (0xfff00000 - (i % 4096) * 4096).toString(16);
    const stamp = `     nic-412 [001] .....  ${Math.floor(i / 1e5) + 5}.${String((i % 1e5) * 10).padStart(6, "0")}:`;
    return `${stamp} dma_map_phys: 0000:01:00.0 dir=FROM_DEVICE dma_addr=${at} size=4096 phys_addr=2fbb000 attrs=\n${stamp} dma_unmap_phys: 0000:01:00.0 dir=FROM_DEVICE dma_addr=${at} size=4096 attrs=\n`;
  };
  for (let i = 0; i < EVENTS / 2; i += 10_000)
    appendFileSync(
      file,
      range(10_000)
        .map((n) => map(i + n))
        .join(""),
    );
  const { context, page, go } = await visit({ hash: "#explain" });
  await go();
  await page.waitForSelector(".explain-input");
  const began = performance.now();
  await page.setInputFiles(".explain input[type=file]", file);
  await page.waitForFunction(
    (events) => document.querySelector(".trace-where")?.textContent.startsWith(`Event 1 of ${events},`),
    EVENTS.toLocaleString("en"),
    { timeout: 120_000, polling: 20 },
  );
  const took = performance.now() - began;
  await context.close();
  rmSync(folder, { recursive: true });
  return took;
}

// ---- memory of the machine itself ----

async function memory() {
  const wasm = await import(pathToFileURL(resolve("target/pkg/iommu.js")));
  const exports = wasm.initSync({ module: readFileSync("target/pkg/iommu_bg.wasm") });
  const before = exports.memory.buffer.byteLength;
  const opening = new wasm.Opening(many(4000), "en", 0);
  // As the worker does; each slice ends.
  while (!opening.slice(40, () => true));
  const run = opening.finish();
  run.stops();
  const length = run.len();
  const opened = exports.memory.buffer.byteLength;
  for (let i = 0; i < 400; i++) {
    const at = (i * 7919 + 13) % (length + 1);
    run.view(at, "en");
    run.scene(at, 120, false, undefined, "", "", "en");
  }
  return { before, opened, after: exports.memory.buffer.byteLength, length };
}

// ---- the report ----

const load = loadavg()[0].toFixed(1);
const visits = [];
const slower = [];
for (let i = 0; i < 3; i++) {
  visits.push(await firstVisit(1));
  slower.push(await firstVisit(SLOWER));
}
const least = (key) =>
  [visits, slower].map((list) => `${Math.round(Math.min(...list.map((v) => v[key])))} ms`);
const loaded = [...new Set(visits[0].loaded)];
const size = (names, key) =>
  names.reduce((sum, name) => sum + (key === "raw" ? files.get(name).raw : files.get(name).body.length), 0);
const machine = [...files.keys()].filter((name) => /^\/b\/[^/]*\/iommu_bg\.wasm$/.test(name));
const ms = (list) => `${percentile(list, 0.5).toFixed(1)} / ${percentile(list, 0.95).toFixed(1)} ms`;

const presets = readdirSync("core/src/scenario/presets").flatMap(
  (name) => /^(.*)\.scn$/.exec(name)?.[1] ?? [],
);
const all = { step: [], scrub: [], open: [], depth: [] };
for (const name of presets) {
  const measured = await steps(`#p=${name}`, 12);
  for (const [kind, list] of Object.entries(all)) list.push(...measured[kind]);
}
const long = await steps(packed(many(4000)), 40);
const wide = await steps(packed(boxes(1000)), 40);
const read = await log();
const traced = await trace();
const held = await memory();
await browser.close();
server.close();

const mib = (bytes) => `${(bytes / (1 << 20)).toFixed(1)} MiB`;
const text = [
  `Measured on ${cpus().length} cores, ${cpus()[0].model.trim()}; ${browser.version()}; with a load of ${load} when it began.`,
  table(
    ["file of the first visit", "bytes", "brotli"],
    [
      ...loaded.map((name) => [`\`${name.slice(1)}\``, size([name], "raw"), size([name])]),
      ["**together**", size(loaded, "raw"), `**${size(loaded)}**`],
      ["the machine, when it is asked for: `iommu_bg.wasm`", size(machine, "raw"), size(machine)],
    ],
  ),
  table(
    [
      `first visit at 1.6 Mbit/s, ${LINE.latency} ms a request`,
      "after navigation",
      `with a processor ${SLOWER} times slower`,
    ],
    [
      ["first paint (the picture as text)", ...least("paint")],
      ["first diagram", ...least("diagram")],
      ["first step done, asked for as soon as there is a diagram", ...least("step")],
    ],
  ),
  table(
    [
      "main-thread work (processor time), 50th / 95th percentile",
      "a step",
      "a stop opened or closed",
      "another depth",
      "a jump of the bar",
      "to hold",
    ],
    [
      [`all ${presets.length} presets`, all, "8 ms"],
      [`a trace of ${long.length} steps`, long, "16 ms"],
      [`1,000 buffers (${wide.boxes} elements drawn: columns fold)`, wide, "50 ms"],
    ].map(([what, { step, open, depth, scrub }, goal]) => [
      what,
      ...[step, open, depth, scrub].map(ms),
      goal,
    ]),
  ),
  `A boot log of 1 MiB is read in ${Math.round(read)} ms; a trace of ${EVENTS.toLocaleString("en")} events, from a file, in ${(traced / 1000).toFixed(1)} s (10 s to hold).`,
  table(
    [`memory with a trace of ${held.length} steps`, "size"],
    [
      ["the machine's WebAssembly memory, before", mib(held.before)],
      ["after the run", mib(held.opened)],
      ["after 400 jumps with view and picture", mib(held.after)],
      ["the page's JavaScript heap, after 80 steps and jumps", mib(long.heap)],
    ],
  ),
].join("\n\n");
console.log(text);
if (!values.print) writeFileSync(PAGE, between(readFileSync(PAGE, "utf8"), "page", text));
