// The words of the page beside the one table of terms (core/src/explain/terms.rs): names of things are drawn from it, both
// languages name the same things, and the Chinese keeps to what the table chose.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";

const TABLES = ["strings", "path/words", "embed/words"];

/** The tables of a source, with what it exports. */
async function load(name) {
  const path = `www/src/${name}.ts`;
  const reveal = {
    name: "reveal",
    setup: (b) =>
      b.onLoad({ filter: /\/(strings|words)\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        return { contents: /^const TABLE/m.test(text) ? `${text}\nexport { TABLE };` : text, loader: "ts" };
      }),
  };
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: "esm",
    plugins: [reveal],
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`);
}

/** Every word of the page: where it is, English, 中文. */
async function pairs() {
  const { named } = await load("strings");
  const out = [];
  for (const name of TABLES) {
    const { TABLE } = await load(name);
    for (const [key, [en, zh]] of Object.entries(TABLE))
      out.push({ at: `${name}: ${key}`, en: named(en, "en"), zh: named(zh, "zh"), written: en + zh });
  }
  const { strings } = await load("explain/strings");
  const said = (word) => (typeof word === "function" ? word(3, 4, 5, 6, 7) : word);
  for (const key of Object.keys(strings.en)) {
    const [en, zh] = [said(strings.en[key]), said(strings.zh[key])].map(String);
    out.push({ at: `explain: ${key}`, en, zh, written: "" });
  }
  return out;
}

/** The rows of a table of docs/terms.md, under a heading. */
function rows(heading) {
  const part = readFileSync("docs/terms.md", "utf8").split(`\n## ${heading}`)[1].split("\n## ")[0];
  const cells = part.split("\n").filter((line) => line.startsWith("| "));
  return cells.slice(1).map((line) => line.split("|").map((cell) => cell.trim()));
}
const NEVER = rows("Chinese words that were chosen").flatMap(([, , , never]) =>
  never.split("、").filter(Boolean),
);

/** What is wrong with the form of a Chinese text. */
function faults(text) {
  const found = [];
  const han = "[\\u3400-\\u9fff]";
  const bare = text.replace(/`[^`]*`|\$\{[^}]*\}|\{[^}]*\}|<[^>]*>/g, "0").replace(/\\n/g, "");
  if (new RegExp(`${han}[A-Za-z]|[A-Za-z]${han}`).test(bare)) found.push("no space beside Latin");
  if (new RegExp(`${han}[,;:?!(]|[,;?!)]${han}`).test(bare)) found.push("half-width punctuation");
  if (new RegExp(`${han} ${han}`).test(bare)) found.push("a space between Chinese");
  if (/\d,\d{3}/.test(bare)) found.push("a comma in a number");
  // A fault is 转换错误; 故障 is in the names of what records it.
  if (/(?<!链路)故障(?!记录|队列|日志|状态|事件|溢出|待处理|处理)/.test(bare)) found.push("故障 by itself");
  if (/0x[\da-f]*_[\da-f]/i.test(bare)) found.push("an address in groups");
  if (bare.split(/[。？！；—\n]/).some((sentence) => sentence.split("：").length > 2))
    found.push("two colons");
  for (const word of NEVER) if (bare.includes(word)) found.push(`never ${word}`);
  return found;
}

test("the table of terms is read", () => {
  assert.ok(NEVER.length > 40 && NEVER.includes("作废"), String(NEVER));
  assert.deepEqual(faults("把缓存作废"), ["never 作废"]);
  assert.deepEqual(faults("发生故障：故障记录：0x1000_0000"), [
    "故障 by itself",
    "an address in groups",
    "two colons",
  ]);
  assert.deepEqual(faults("IOTLB未命中,共 2,400 次"), [
    "no space beside Latin",
    "half-width punctuation",
    "a comma in a number",
  ]);
});

test("both languages of the page name the same things, by the names of the table", async () => {
  const { NAMED } = await load("named");
  const wrong = [];
  let drawn = 0;
  for (const { at, en, zh, written } of await pairs()) {
    drawn += (written.match(/\{[a-z]/gi) ?? []).length;
    // What a kernel prints is the same in both.
    let rest = en === zh ? "" : ` ${en.toLowerCase()} `;
    for (const [name, chinese] of Object.entries(NAMED)) {
      const word = new RegExp(`(?<=[^a-z-])${name}(s|es)?(?=[^a-z-])`, "g");
      if (!word.test(rest)) continue;
      rest = rest.replace(word, "_");
      if (!zh.includes(chinese)) wrong.push(`${at}: ${name} is ${chinese}: ${en} | ${zh}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(drawn > 100, `${drawn} names are drawn from the table`);
});

test("a name that a word draws is in the table", async () => {
  const { NAMED } = await load("named");
  for (const { at, written } of await pairs())
    for (const [, name] of written.matchAll(/\{([^{}]+)\}/g))
      assert.ok(name === "words" || NAMED[name.toLowerCase()], `${at}: {${name}}`);
});

test("no word of the page or its tools is one that the table leaves out, or badly set", async () => {
  const wrong = [];
  for (const { at, zh } of await pairs()) wrong.push(...faults(zh).map((fault) => `${at}: ${fault}: ${zh}`));
  // Of what is no table: each literal with Chinese in it.
  const files = readdirSync("www/src", { recursive: true })
    .filter((name) => name.endsWith(".ts") && !TABLES.includes(name.slice(0, -3)))
    .map((name) => join("www/src", name));
  // What the search finds by words that are not ours is no text.
  const tools = ["front", "gallery", "limits-zh", "rosetta", "single", "preview"].map(
    (name) => `tools/${name}.mjs`,
  );
  let seen = 0;
  for (const path of [...files, ...tools, "www/index.html", "www/embed.html"]) {
    const text = readFileSync(path, "utf8").replace(/^\s*(\/\/|\/?\*).*$/gm, "");
    const literals = path.endsWith(".html")
      ? (text.match(/>[^<]*[\u3400-\u9fff][^<]*</g) ?? []).map((t) => t.replace(/\s+/g, " "))
      : (text.match(/"[^"\n]*[\u3400-\u9fff][^"\n]*"|`[^`]*[\u3400-\u9fff][^`]*`/g) ?? []);
    seen += literals.length;
    for (const literal of literals)
      wrong.push(...faults(literal.slice(1, -1).trim()).map((fault) => `${path}: ${fault}: ${literal}`));
  }
  assert.deepEqual(wrong, []);
  assert.ok(seen > 50, `${seen} texts outside of tables`);
});
