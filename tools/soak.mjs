// The long comparison: one live test after another, each run with the next seed, until the time is over.
//
//   node tools/soak.mjs [MINUTES]     goes on where the state file stands, then writes the documents (tools/conformance.mjs)
//
// The state (docs/soak.json, or what IOMMU_PLAY_SOAK names) has, of each test, how many seeds are done, the requests that were
// compared, those left out, the versions met, and each seed that showed a difference with what was printed. Seed N of a test is
// the first 16 hexadecimal digits of SHA-256 of "TEST N", so a run can be done again by its number.

import { documents } from "./conformance.mjs";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const STATE = process.env.IOMMU_PLAY_SOAK ?? "docs/soak.json";
const FOLDER = "target/soak";
const TESTS = {
  qemu_live: "our_unit_and_qemus_say_the_same",
  smmuv3_live: "our_unit_and_qemus_say_the_same",
  amdvi_model: "random_set_ups_of_one_seed",
};

const load = () => (existsSync(STATE) ? JSON.parse(readFileSync(STATE, "utf8")) : { version: 1, tests: {} });
const save = (state) => {
  writeFileSync(`${STATE}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${STATE}.new`, STATE);
};
const seedOf = (name, run) => `0x${createHash("sha256").update(`${name} ${run}`).digest("hex").slice(0, 16)}`;

/** Builds the tests and copies them aside: what is built meanwhile does not change what runs. */
function build() {
  const names = Object.keys(TESTS);
  const args = [
    "test",
    "--locked",
    "-p",
    "iommu-core",
    "--all-features",
    "--no-run",
    "--message-format=json",
  ];
  const made = spawnSync("cargo", [...args, ...names.flatMap((name) => ["--test", name])], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (made.status !== 0) throw new Error("the tests do not build");
  mkdirSync(FOLDER, { recursive: true });
  for (const line of made.stdout.split("\n")) {
    const message = line.startsWith("{") ? JSON.parse(line) : {};
    const name = message.target?.name;
    if (message.executable && TESTS[name]) copyFileSync(message.executable, `${FOLDER}/${name}`);
  }
}

/** Runs a test with one seed, and says what it printed and how it ended. */
function run(name, seed) {
  return new Promise((done) => {
    const args = [TESTS[name], "--exact", "--nocapture", "--include-ignored"];
    const env = { ...process.env, QEMU_LIVE_SEED: seed };
    const child = spawn(`../${FOLDER}/${name}`, args, { cwd: "core", env });
    let text = "";
    child.stdout.on("data", (part) => (text += part));
    child.stderr.on("data", (part) => (text += part));
    child.on("error", (error) => done({ text: String(error), code: -1 }));
    child.on("close", (code) => done({ text, code }));
  });
}

/** Adds one run to the state: the requests of every machine that came to its end count, also when a later one differs. */
function add(entry, number, seed, { text, code }) {
  const sum = (pattern) => [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  const skipped = /\*\*\* SKIPPED: (.*) \*\*\*/.exec(text);
  if (skipped) throw new Error(`nothing was compared: ${skipped[1]}`);
  entry.runs = number;
  entry.requests += sum(/: (\d+) requests agree/g);
  entry.left_out += sum(/, (\d+) left out/g);
  const against = /^(QEMU emulator version [\d.]+|a second unit)/m.exec(text)?.[1];
  if (against && !entry.against.includes(against)) entry.against.push(against);
  if (code !== 0) entry.differences.push({ run: number, seed, text: text.slice(-4000) });
}

async function soak(minutes) {
  build();
  const state = load();
  const end = Date.now() + minutes * 60_000;
  const lane = async (names) => {
    for (let turn = 0; Date.now() < end; turn++) {
      const name = names[turn % names.length];
      const entry = (state.tests[name] ??= {
        runs: 0,
        requests: 0,
        left_out: 0,
        seconds: 0,
        against: [],
        differences: [],
      });
      const [number, started] = [entry.runs + 1, Date.now()];
      const seed = seedOf(name, number);
      add(entry, number, seed, await run(name, seed));
      entry.seconds += Math.round((Date.now() - started) / 1000);
      save(state);
    }
  };
  // Two at a time: they wait for sockets half of theirs.
  const names = Object.keys(TESTS).filter((name) => existsSync(`${FOLDER}/${name}`));
  await Promise.all([lane(names.filter((_, i) => i % 2 === 0)), lane(names.filter((_, i) => i % 2 === 1))]);
  return state;
}

const minutes = Number(process.argv[2] ?? 60);
if (!(minutes > 0)) throw new Error(`${process.argv[2]} is no number of minutes`);
const { tests } = await soak(minutes);
for (const [name, it] of Object.entries(tests)) {
  console.log(
    `${name}: ${it.runs} seeds, ${it.requests} requests, ${it.differences.length} seeds with a difference`,
  );
  for (const { run: number, seed, text } of it.differences)
    console.log(`\n${name}, run ${number}, seed ${seed}:\n${text}`);
}
if (!process.env.IOMMU_PLAY_SOAK) documents();
process.exitCode = Object.values(tests).some((it) => it.differences.length) ? 1 : 0;
