// Measures what figures add to the build of a document, beside a build of as many diagrams by the Mermaid command line tool, and writes the
// table of docs/performance.md. `./build.sh docs-speed` gives it the programs.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { between, ratio, table } from "./report.mjs";

const { values } = parseArgs({
  options: {
    /** Where mdBook and Sphinx are. */
    tools: { type: "string" },
    /** Where `iommu-play` is, as it is released. */
    command: { type: "string", default: "target/release" },
    /** The Mermaid command line tool, if it is there. */
    mermaid: { type: "string", default: "" },
  },
});
const COUNT = 200;
const PAGES = 20;
const RUNS = 3;
const PRESETS = ["why-iommu", "howto", "nested-walk", "ring"];
/** No two figures are the same. */
const wanted = Array.from({ length: COUNT }, (_, n) => [PRESETS[n % 4], 5 + Math.floor(n / 4)]);

const folder = mkdtempSync(join(tmpdir(), "docs-speed-"));
const put = (name, text) => {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const env = {
  ...process.env,
  PATH: [resolve(values.command), process.env.PATH].join(delimiter),
  PYTHONPATH: resolve("packages/python"),
};

/** The least of several builds, each after `before`: seconds of processors, all processes together. Unlike the clock's, they say the
 * same on a machine that does something else besides. */
function time(cwd, program, args, before = () => {}, runs = RUNS) {
  let least = Infinity;
  for (let run = 0; run < runs; run++) {
    before();
    const timed = ["-c", 'TIMEFORMAT="%U %S"; time "$@"', "time", program, ...args];
    const { status, stderr } = spawnSync("bash", timed, { cwd: join(folder, cwd), env, encoding: "utf8" });
    if (status !== 0) throw new Error(`${program}: ${stderr}`);
    const [user, system] = stderr.trimEnd().split("\n").at(-1).split(" ").map(Number);
    least = Math.min(least, user + system);
  }
  return least;
}

/** Pages with a fence each for what is wanted, by the fence's text. */
function pages(root, fence) {
  for (let page = 0; page < PAGES; page++) {
    const here = wanted.filter((_, n) => n % PAGES === page);
    put(`${root}/p${page}.md`, `# Page ${page}\n\n${here.map(([p, at]) => fence(p, at)).join("\n")}`);
  }
}
const names = Array.from({ length: PAGES }, (_, n) => `p${n}`);
const still = (preset, at) => `\`\`\`text\n${preset} ${at}\n\`\`\`\n`;

function sphinx(root, fence) {
  put(
    `${root}/conf.py`,
    'extensions = ["myst_parser", "iommu_playground.sphinx"]\niommu_playground_origin = "https://example.org/"\n',
  );
  put(`${root}/index.md`, `# All\n\n\`\`\`{toctree}\n${names.join("\n")}\n\`\`\`\n`);
  pages(root, fence);
  const args = ["-m", "sphinx", "-q", "-E", "-b", "html", ".", "out"];
  const fresh = () => rmSync(join(folder, root, "out"), { recursive: true, force: true });
  const build = (before) => time(root, join(values.tools, "python"), args, before);
  return [() => build(fresh), () => build()];
}
function mdbook(root, fence) {
  put(
    `${root}/book.toml`,
    '[book]\ntitle = "x"\n[preprocessor.iommu-playground]\ncommand = "python3 -m iommu_playground.mdbook"\norigin = "https://example.org/"\n',
  );
  put(
    `${root}/src/SUMMARY.md`,
    `# Summary\n\n${names.map((name) => `- [${name}](${name}.md)`).join("\n")}\n`,
  );
  pages(`${root}/src`, fence);
  const fresh = () => rmSync(join(folder, root, ".iommu-playground-cache"), { recursive: true, force: true });
  const build = (before) => time(root, join(values.tools, "mdbook"), ["build"], before);
  return [() => build(fresh), () => build()];
}

const rows = [];
const added = [];
const seconds = (value) => `${value.toFixed(2)} s`;
for (const [name, maker, fence] of [
  ["Sphinx", sphinx, (preset, at) => `\`\`\`{iommu-playground} ${preset}\n:at: ${at}\n\`\`\`\n`],
  ["mdBook", mdbook, (preset, at) => `\`\`\`iommu-playground ${preset} at=${at}\n\`\`\`\n`],
]) {
  const [without] = maker(`${name}-without`, still);
  const [first, again] = maker(`${name}-with`, fence);
  const [plain, made, cached] = [without(), first(), again()];
  added.push(made - plain);
  const held = made - plain <= 2 ? "≤ 2 s" : "≤ 2 s: **not held**";
  rows.push([name, seconds(plain), seconds(made - plain), seconds(cached - plain), held]);
}
let mermaid = "The Mermaid command line tool was not there to be measured beside it.";
if (existsSync(values.mermaid)) {
  // As much to see as in a small figure: eight steps between four.
  const diagram = ([preset, at]) => {
    const steps = ["nic->>iommu", "iommu->>tables", "tables->>iommu", "iommu->>memory"];
    const lines = [...steps, ...steps].map((step, n) => `  ${step}: ${preset} ${at} step ${n}`);
    return `\`\`\`mermaid\nsequenceDiagram\n${lines.join("\n")}\n\`\`\`\n`;
  };
  put("mermaid/in.md", wanted.map(diagram).join("\n"));
  put("mermaid/browser.json", '{ "executablePath": "/usr/bin/chromium", "args": ["--no-sandbox"] }');
  const args = ["-q", "-p", "browser.json", "-i", "in.md", "-o", "out.md"];
  const took = time("mermaid", values.mermaid, args, undefined, 1);
  const { version } = JSON.parse(
    readFileSync(join(values.mermaid, "../../@mermaid-js/mermaid-cli/package.json"), "utf8"),
  );
  mermaid = `The Mermaid command line tool ${version} makes ${COUNT} sequence diagrams of eight messages from one file, in one browser, in ${seconds(took)}: ${added
    .map((more, n) => `${ratio(took / Math.max(more, 0.01))} times what ${rows[n][0]} takes longer`)
    .join(", ")}.`;
}
const head = ["tool", "without figures", `${COUNT} figures add`, "the next build", "to hold"];
const text = `Measured on ${cpus().length} cores, ${cpus()[0].model.trim()}; processors' time of all processes, the least of ${RUNS} builds of ${PAGES} pages.\n\n${table(head, rows)}\n\n${mermaid}`;
writeFileSync("docs/performance.md", between(readFileSync("docs/performance.md", "utf8"), "documents", text));
console.log(text);
rmSync(folder, { recursive: true });
