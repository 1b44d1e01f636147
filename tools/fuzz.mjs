// Coverage-guided fuzzing: each target of fuzz/src/targets.rs in turn, with libFuzzer. What it finds is a file in
// fuzz/found/TARGET, which the tests run from then on; the processor's seconds that it ran are added to fuzz/ran.json, so that a
// run beside other work, at the lowest priority, counts for what it got.
//
//   node tools/fuzz.mjs [MINUTES] [TARGET ...]
//
// The instrumentation is LLVM's and needs no nightly compiler; libFuzzer itself is compiled by the C++ compiler.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const TARGETS = ["parser", "runner", "links", "logs", "imports", "traces", "oracle"];
const TRIPLE = /host: (.*)/.exec(spawnSync("rustc", ["-vV"], { encoding: "utf8" }).stdout)[1];
const FOLDER = "target/fuzz";
const RAN = "fuzz/ran.json";
const pass = ["-level=4", "-inline-8bit-counters", "-pc-table", "-trace-compares"];
const RUSTFLAGS = [
  "-Cpasses=sancov-module",
  ...pass.map((it) => `-Cllvm-args=-sanitizer-coverage${it}`),
  "--cfg fuzzing",
].join(" ");

const [minutes = "60", ...names] = process.argv.slice(2);
const wanted = names.length ? names : TARGETS;
if (!(Number(minutes) > 0) || wanted.some((name) => !TARGETS.includes(name))) {
  throw new Error(`usage: node tools/fuzz.mjs [MINUTES] [${TARGETS.join("|")} ...]`);
}
const env = {
  ...process.env,
  RUSTFLAGS,
  CARGO_TARGET_DIR: FOLDER,
  CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
};
const manifest = ["--manifest-path", "fuzz/Cargo.toml"];
if (
  spawnSync("cargo", ["build", "--release", "--target", TRIPLE, ...manifest], { env, stdio: "inherit" })
    .status !== 0
) {
  throw new Error("the fuzzer does not build");
}
let found = 0;
for (const name of wanted) {
  for (const folder of [`${FOLDER}/corpus/${name}`, `fuzz/found/${name}`])
    mkdirSync(folder, { recursive: true });
  const options = [
    `-max_total_time=${Math.max(1, Math.round((Number(minutes) * 60) / wanted.length))}`,
    `-artifact_prefix=fuzz/found/${name}/`,
    "-max_len=8192",
    "-timeout=120",
    "-rss_limit_mb=3000",
    "-print_final_stats=1",
  ];
  const folders = [`${FOLDER}/corpus/${name}`, `fuzz/corpus/${name}`];
  const timed = [
    "-c",
    'TIMEFORMAT="cpu: %U %S"; time "$@"',
    "bash",
    `${FOLDER}/${TRIPLE}/release/iommu-fuzz`,
  ];
  const { status, stderr } = spawnSync("bash", [...timed, ...folders, ...options], {
    env: { ...process.env, IOMMU_FUZZ: name },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const runs = Number(/stat::number_of_executed_units:\s*(\d+)/.exec(stderr)?.[1] ?? 0);
  const edges = Number([...stderr.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? 0);
  const ran = existsSync(RAN) ? JSON.parse(readFileSync(RAN, "utf8")) : {};
  const entry = (ran[name] ??= { seconds: 0, runs: 0, edges: 0 });
  const [, user, system] = /cpu: ([\d.]+) ([\d.]+)/.exec(stderr) ?? [0, 0, 0];
  entry.seconds += Math.round(Number(user) + Number(system));
  entry.runs += runs;
  entry.edges = Math.max(entry.edges, edges);
  writeFileSync(RAN, `${JSON.stringify(ran, null, 2)}\n`);
  console.log(`${name}: ${runs} runs, ${edges} edges${status === 0 ? "" : ", FOUND SOMETHING"}`);
  if (status !== 0) {
    found += 1;
    console.log(stderr.slice(-3000));
  }
}
process.exitCode = found ? 1 : 0;
