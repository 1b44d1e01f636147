// Runs texts that once had no end, or took gigabytes, in the command line tool and in the page's module, and writes what each takes into
// docs/limits.md; then what the budget's checks cost the presets, and when the first of a hundred embeds stands.
// usage: node tools/limits.mjs [--tool iommu-play] [--speed WITH,WITHOUT], after `./build.sh dist` and a release build of the tool
// (and of `--example presets_time`, once more with RUSTFLAGS="--cfg iommu_unbudgeted", for the comparison).
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { start } from "../tests/browser/browser.mjs";
import { inChinese } from "./limits-zh.mjs";
import { between, table } from "./report.mjs";

const { values } = parseArgs({
  options: {
    tool: { type: "string", default: "target/release/iommu-play" },
    speed: { type: "string", default: "" },
    pkg: { type: "string", default: "target/pkg" },
    /** Leaves the page with a hundred embeds out. */
    quick: { type: "boolean", default: false },
  },
});

const HEAD = "iommu-playground 1\nmachine none\nram 0 .. 3G\ndevice n 00:03.0\nsteps\n";
const VTD = HEAD.replace("none", "vt-d");
const BIG = HEAD.replace("3G", "1T");
const lines = (n, line) => Array.from({ length: n }, (_, i) => `${line(i)}\n`).join("");
const files = readdirSync("core/tests/bounds").sort();
const CASES = [
  ...files.map((name) => [name, readFileSync(join("core/tests/bounds", name), "utf8")]),
  ["1,000 `expect data` over 1 GiB", `${HEAD}alloc b 4K\n${"expect data 0 +1G = zero\n".repeat(1000)}`],
  ["`expect data = of`, 1,000 times", `${HEAD}alloc b 4K\n${"expect data 0 +1G = of 0x1001\n".repeat(1000)}`],
  [
    "8,000 `expect count` over 100,000 writes",
    `${HEAD}dma n write 0x10_0000 +1 times 100000\n${"expect count faults = 0 total\n".repeat(8000)}`,
  ],
  [
    "8,000 `expect packet` over 100,000 writes",
    `${HEAD}dma n write 0x10_0000 +1 times 100000\n${"expect packet MWr\n".repeat(8000)}`,
  ],
  ["`fill` 1 GiB, 2,000 times", `${HEAD}${lines(2000, (i) => `fill 0x10_0000 +1G byte ${i % 256}`)}`],
  [
    "`map` and `unmap` 8 GiB, 7,000 times",
    `${VTD}domain d\n${"map d 4G +8G -> 0\nunmap d 4G +8G\n".repeat(7000)}`,
  ],
  [
    "1 GiB written by the CPU through lines of 16 bytes",
    `${HEAD.replace("ram", "cache non-coherent line 16\nram")}cpu write 0 +1G byte 7\n`,
  ],
  ["1 GiB into a device's own memory", `${HEAD}dma n write local 0 +1G data pattern 1\n`],
  ["15,000 buffers of one page", HEAD + lines(15_000, (i) => `alloc a${i} 4K`)],
  ["15,000 buffers of two pages", HEAD + lines(15_000, (i) => `alloc a${i} 8K`)],
  ["100 scattered buffers of 1 GiB", BIG + lines(100, (i) => `alloc a${i} 1G scattered`)],
  [
    "scattered pages where RAM is full",
    `${BIG}${lines(1019, (i) => `alloc a${i} 1G high`)}alloc z 4M scattered high\n`,
  ],
  [
    "5,500 mappings of one buffer",
    `${VTD}alloc b 4K\n${lines(5500, (i) => `m${i} = dma_map_single n b +64 from-device`)}`,
  ],
];

const mib = (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`;
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

/** Clock ticks of a process in a second, as Linux counts them. */
const TICKS = 100;

/** Runs the tool on a text: milliseconds of the processor, the most memory that it had, and what it said last. */
async function native(path) {
  let ticks = 0;
  const child = spawn(values.tool, ["check", path], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const out of [child.stdout, child.stderr]) out.on("data", (data) => (said += data).slice(-2000));
  let peak = 0;
  const look = setInterval(() => {
    try {
      const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
      peak = Math.max(peak, Number(kib ?? 0) * 1024);
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" ");
      ticks = Number(fields[11]) + Number(fields[12]);
    } catch {
      // It is over.
    }
  }, 2);
  await new Promise((done) => child.on("exit", done));
  clearInterval(look);
  return { ms: (ticks * 1000) / TICKS, bytes: peak, said };
}

/** Runs the page's module on a text, in a process of its own. */
function wasm(path) {
  return JSON.parse(execFileSync("node", ["tools/limits-wasm.mjs", values.pkg, path], { encoding: "utf8" }));
}

/** When the first of a hundred embeds stands, and how many have started by then. */
async function hundred(site) {
  const page = await site.open({ ready: false, hash: null });
  const embeds =
    `<iommu-playground preset="why-iommu"></iommu-playground><p style="height:600px"></p>`.repeat(100);
  const html = `<!doctype html><meta charset="utf-8"><script>window.stood = []; addEventListener("ready", () => stood.push(performance.now()), true)</script>
    <script defer src="embed.js"></script>${embeds}`;
  await page
    .context()
    .route(`${site.origin}page.html`, (route) =>
      route.fulfill({ body: html, headers: { "content-type": "text/html" } }),
    );
  await page.goto(`${site.origin}page.html`);
  await page.waitForFunction(() => window.stood.length > 0);
  const [first, started] = await page.evaluate(() => [window.stood[0], window.stood.length]);
  await page.context().close();
  return { first, started };
}

/** Least nanoseconds of two builds that take turns. */
function speed(builds) {
  const least = builds.map(() => Infinity);
  for (let turn = 0; turn < 12; turn++)
    builds.forEach((build, i) => {
      least[i] = Math.min(least[i], Number(execFileSync(build, ["10"], { encoding: "utf8" })));
    });
  return least;
}

const folder = mkdtempSync(join(tmpdir(), "limits-"));
let site = null;
const rows = [];
try {
  for (const [name, text] of CASES) {
    const path = join(folder, "case.scn");
    writeFileSync(path, text);
    const [tool, page] = [await native(path), wasm(path)];
    const limit = /more than [^;()\n]*/.exec(tool.said)?.[0];
    const why = limit ?? (tool.said.includes(" 0 failed") ? "runs" : "refused");
    rows.push([name, seconds(tool.ms), mib(tool.bytes), seconds(page.ms), mib(page.bytes), why.trim()]);
    console.error(rows.at(-1).join(" | "));
  }
  const embeds = values.quick ? null : await hundred(await (site = start()));
  const parts = [
    `Measured on ${cpus().length} cores, ${cpus()[0].model.trim()}.`,
    table(
      [
        "text",
        "tool: processor time",
        "peak memory",
        "page's module: processor time",
        "WebAssembly memory",
        "end",
      ],
      rows,
    ),
    ...(embeds
      ? [
          `Of a hundred embeds on a page the first stands after ${seconds(embeds.first)}; ${embeds.started} had started by then.`,
        ]
      : []),
  ];
  if (values.speed) {
    const [on, off] = speed(values.speed.split(","));
    parts.push(
      `All presets, run one after another, take ${(on / off).toFixed(3)} × as long as in a build that leaves the budget's checks out.`,
    );
  }
  const said = parts.join("\n\n");
  for (const [page, text] of Object.entries({ "docs/limits.md": said, "docs/limits.zh.md": inChinese(said) }))
    writeFileSync(page, between(readFileSync(page, "utf8"), "figures", text));
} finally {
  await (await site)?.close();
  rmSync(folder, { recursive: true });
}
