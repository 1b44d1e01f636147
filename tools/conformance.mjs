// Writes the tables of docs/conformance*.md: at the head of each what is held against what and how much of it agrees, and the
// counts of the long comparison.
//
//   node tools/conformance.mjs [--recordings FOLDER]   counts again what `iommu-play replay` and `oracle --check` say, and writes;
//                                                      whole sets of recordings are counted where they are
//   node tools/conformance.mjs --verify                counts nothing new of sets that are not here, writes nothing, and fails if a
//                                                      document says something else
//
// docs/conformance/held.json keeps the counts, docs/soak.json those of the long comparison (tools/soak.mjs).

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PLAY = process.env.IOMMU_PLAY ?? "target/debug/iommu-play";
const KEPT = "docs/conformance/held.json";
const REFERENCES = {
  both: {
    en: "openvmm and VirtualBox 7.0.14, where both agree",
    zh: "openvmm 与 VirtualBox 7.0.14 一致之处",
  },
  model: { en: "the specification's reference model", zh: "规范的参考模型" },
  second: { en: "a second unit written from the tables", zh: "依表格另写的第二个 IOMMU 模型" },
  mixed: { en: "all recordings, in one format", zh: "全部记录，统一格式" },
};
const recorded = (against, ...files) => ({ how: "recorded", against, files });
const live = (test, against) => ({ how: "live", test, against });
/** Whole sets of recordings come from the folder of `--recordings`; `data/` is what this project has of its own. */
const HELD = {
  "VT-d": {
    document: "conformance",
    rows: [
      recorded("QEMU 10.0", "vtd/open.jsonl"),
      recorded("both", "vtd-interrupts/open.jsonl"),
      live("qemu_live"),
      { how: "file", against: "mixed", files: ["docs/conformance/vt-d.jsonl"] },
    ],
  },
  "AMD-Vi": {
    document: "conformance-amd-vi",
    rows: [
      recorded("QEMU 11.1.3", "amd-vi/open.jsonl", "amd-vi/open-msi.jsonl"),
      recorded("both", "amd-vi-events/open.jsonl"),
      live("amdvi_model", "second"),
      { how: "file", against: "mixed", files: ["docs/conformance/amd-vi.jsonl"] },
    ],
  },
  SMMUv3: {
    document: "conformance-smmuv3",
    rows: [
      recorded("QEMU 11.1.3", "smmuv3/open.jsonl", "smmuv3/open-sequences.jsonl"),
      live("smmuv3_live"),
      { how: "file", against: "mixed", files: ["docs/conformance/smmuv3.jsonl"] },
    ],
  },
  "RISC-V": {
    document: "conformance-riscv",
    rows: [
      recorded("model", "riscv/open.jsonl"),
      recorded("model", "data/riscv/mutated.jsonl"),
      { how: "file", against: "mixed", files: ["docs/conformance/riscv.jsonl"] },
    ],
  },
};
const HOW = {
  recorded: { en: "recorded outcomes, `replay`", zh: "记录下来的结果，`replay`" },
  live: { en: "random machines, live", zh: "随机机器，实时比对" },
  file: { en: "conformance file, `oracle --check`", zh: "一致性测试文件，`oracle --check`" },
};

const grouped = (lang) => (n) => (lang === "zh" ? `${n}` : String(n).replace(/\B(?=(\d{3})+$)/g, ","));
const json = (file, otherwise) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : otherwise);

/** Counts of a row's files, added; nothing where one is not here. */
function count({ how, files }, recordings) {
  const total = { agree: 0, noted: 0, differ: 0, left_out: 0 };
  for (const name of files) {
    const own = how === "file" ? name : name.startsWith("data/") && join("core/tests", name);
    const file = own || (recordings && join(recordings, name));
    if (!file || !existsSync(file)) return undefined;
    const command = how === "file" ? ["oracle", "--check"] : ["replay"];
    const { stdout } = spawnSync(PLAY, [...command, file], { encoding: "utf8" });
    const said = /: (\d+) agree, (\d+) differ(?:, (\d+) skipped)?(?:, (\d+) left out)?/.exec(stdout);
    if (!said) throw new Error(`${file}: ${stdout}`);
    total.agree += Number(said[1]);
    total.differ += Number(said[2]);
    total.left_out += Number(said[3] ?? 0) + Number(said[4] ?? 0);
    for (const noted of stdout.matchAll(/: (\d+) as expected/g)) total.noted += Number(noted[1]);
  }
  return total;
}

function rowsOf(name, kept, soak, recordings) {
  return HELD[name].rows.flatMap((row) => {
    if (row.how === "live") {
      const it = soak.tests[row.test];
      if (!it) return [];
      const against =
        row.against ?? it.against.map((version) => version.replace("emulator version ", "")).join(", ");
      const found = { agree: it.requests, noted: 0, differ: it.differences.length, left_out: it.left_out };
      return [{ name, against, how: row.how, ...found }];
    }
    const key = row.files.join(" ");
    const found = count(row, recordings) ?? kept[key];
    if (!found) return [];
    kept[key] = found;
    return [{ name, against: row.against, how: row.how, ...found }];
  });
}

function held(lang, rows) {
  const head = {
    en: "| architecture | held against | how | agree | agree, with a note | differ | left out |\n|---|---|---|---|---|---|---|\n",
    zh: "| 架构 | 对照 | 方式 | 一致 | 一致，有注记 | 不同 | 不比较 |\n|---|---|---|---|---|---|---|\n",
  }[lang];
  const line = (row) => {
    const against = REFERENCES[row.against]?.[lang] ?? row.against;
    const numbers = [row.agree, row.noted, row.differ, row.left_out].map(grouped(lang)).join(" | ");
    return `| ${row.name} | ${against} | ${HOW[row.how][lang]} | ${numbers} |\n`;
  };
  return head + rows.map(line).join("");
}

function soaked(lang, tests) {
  const head = {
    en: "| test | seeds | requests compared | left out | seeds that showed a difference |\n|---|---|---|---|---|\n",
    zh: "| 测试 | 种子 | 比较过的请求 | 不比较 | 出现差异的种子 |\n|---|---|---|---|---|\n",
  }[lang];
  const rows = tests.map(([name, it]) => {
    const seeds = { en: `1 to ${it.runs}`, zh: `1 至 ${it.runs}` }[lang];
    const bad = it.differences.map((one) => `\`${one.seed}\``).join(", ") || "0";
    return `| \`${name}\` | ${seeds} | ${grouped(lang)(it.requests)} | ${grouped(lang)(it.left_out)} | ${bad} |\n`;
  });
  return head + rows.join("");
}

/** The text with what stands between its marks replaced. */
function between(file, text, mark, inside) {
  const [from, to] = [text.indexOf(`<!-- ${mark}: `), text.indexOf(`<!-- /${mark} -->`)];
  if (from < 0 || to < from) throw new Error(`${file} has no place for "${mark}"`);
  const start = text.indexOf("\n", from) + 1;
  return `${text.slice(0, start)}${inside}${text.slice(to)}`;
}

/** Writes all tables, or fails where one is not what it should be. */
export function documents({ recordings, verify = false } = {}) {
  const [kept, soak] = [json(KEPT, {}), json("docs/soak.json", { tests: {} })];
  const all = Object.keys(HELD).map((name) => [name, rowsOf(name, kept, soak, recordings)]);
  for (const [name, rows] of all) {
    const { document, rows: declared } = HELD[name];
    for (const lang of ["en", "zh"]) {
      const file = `docs/${document}${lang === "zh" ? ".zh" : ""}.md`;
      const old = readFileSync(file, "utf8");
      const shown = document === "conformance" ? all.flatMap(([, each]) => each) : rows;
      let text = between(file, old, "held", held(lang, shown));
      const tests = declared
        .filter((row) => soak.tests[row.test])
        .map((row) => [row.test, soak.tests[row.test]]);
      if (declared.some((row) => row.how === "live")) text = between(file, text, "soak", soaked(lang, tests));
      if (verify && text !== old) throw new Error(`${file} is out of date: run node tools/conformance.mjs`);
      if (!verify) writeFileSync(file, text);
    }
  }
  if (!verify) writeFileSync(KEPT, `${JSON.stringify(kept, null, 2)}\n`);
}

if (process.argv[1].endsWith("conformance.mjs")) {
  const [option, folder] = process.argv.slice(2);
  documents({ recordings: option === "--recordings" ? folder : undefined, verify: option === "--verify" });
}
