// What is said is exact: one thing is singular, an address is of its space, a cache was asked for what it lacks, and what
// arrives is in the box of that very range.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { follow, start, stepThrough } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const said = JSON.parse(execFileSync("target/debug/iommu-play", ["gallery"], { encoding: "utf8" }));
const PATH = said.path.flatMap((stage) => stage.scenarios);

/** What is told at a step, the last line of it, and each box that is lit with its range; run in the page. */
const SAID = `
  const lines = [...document.querySelectorAll(".inner .line-said .words")].map((line) =>
    [...line.childNodes].filter((part) => part.nodeName !== "CITE").map((part) => part.textContent).join(""));
  const svg = document.querySelector("#diagram svg");
  const token = svg.querySelector(".token > :is(circle, path)")?.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll("[data-piece]")].map((piece) => {
    const { left, right, top, bottom } = piece.querySelector("rect").getBoundingClientRect();
    const range = /(0x[0-9a-f]+) \\.\\. (0x[0-9a-f]+)/.exec(piece.getAttribute("aria-label")) ?? [];
    return { column: piece.dataset.piece.split("/")[0], what: piece.getAttribute("aria-label"), lit: piece.classList.contains("touch"),
      fold: piece.classList.contains("fold"), first: range[1], last: range[2], left, right, top, bottom };
  });
  return { said: lines.at(-1) ?? "", lines, boxes, token: token && { x: token.x + token.width / 2, y: token.y + token.height / 2 } };`;

const through = async (page, preset, depth) => {
  await follow(page, preset, depth);
  return stepThrough(page, SAID);
};

test("one thing is singular, several are not, and nothing is said twice", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  const things =
    "byte packet entry miss read command copy slot range piece step operation exit group value".split(" ");
  const plural = (noun) => noun.replace(/y$/, "ie").replace(/ss$/, "sse") + "s";
  const one = new RegExp(`(?<![\\d,.] |\\w)1 (${things.map(plural).join("|")})\\b`);
  const several = new RegExp(
    `(?<!(?:stage|level|BAR|CPU|line|Line) )\\b(?!1 )\\d[\\d,]* (${things.join("|")})\\b`,
  );
  let counted = 0;
  for (const preset of PATH)
    for (const { said, lines } of await through(page, preset, "read")) {
      assert.doesNotMatch(said, one, preset);
      assert.doesNotMatch(said, several, preset);
      assert.doesNotMatch(lines.join(" "), /\(s\)|refused: the request was refused/i, preset);
      counted +=
        /\b1 (byte|packet|entry|read)\b/.test(said) + /\b\d+ (bytes|packets|entries|reads)\b/.test(said);
    }
  assert.ok(counted > 50, `${counted}`);
  await page.context().close();
});

test("an address is said to be of its space: what stage 1 gives is guest-physical, and stage 2 is walked for that", async () => {
  const page = await site.open({ hash: "#p=two-stages" });
  for (const preset of ["two-stages", "nested-walk"]) {
    const seen = (await through(page, preset, "read")).map((s) => s.said);
    const walks = seen.flatMap((s) => {
      const found = /walks stage (\d) for (.+?): .* > ([a-z-]+ address 0x\w+)\.$/.exec(s);
      return found ? [{ stage: found[1], of: found[2], to: found[3] }] : [];
    });
    const first = walks.filter((w) => w.stage === "1");
    assert.ok(first.length && walks.length > first.length, JSON.stringify(seen));
    for (const [i, { stage, of, to }] of walks.entries()) {
      assert.match(to, stage === "1" ? /^guest-physical/ : /^physical/, preset);
      if (stage === "1") assert.equal(walks[i + 1]?.of, to, preset);
      else assert.match(of, /^(IOVA|guest-physical address) 0x/, preset);
    }
    // A pointer to tables that stage 2 is walked for is guest-physical too.
    const pointers = seen.flatMap((s) => /points at the tables at (.+?) 0x/.exec(s)?.[1] ?? []);
    assert.ok(pointers.includes("guest-physical address") && pointers.includes("physical address"), preset);
  }
  await follow(page, "two-stages", "idea");
  const mapped = (await stepThrough(page, SAID)).find((s) => /in domain inner/.test(s.said));
  assert.match(mapped.said, /IOVA 0x100000 .* leads to guest-physical address 0x200000/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a cache misses what it was asked for, and remembers that", async () => {
  const page = await site.open({ hash: "#p=interrupts" });
  const asked = {};
  for (const preset of ["address-space", "interrupts", "two-stages", "which-number"]) {
    const missing = new Map();
    for (const { said } of await through(page, preset, "read")) {
      const [, cache, what] = /^The (.+?) misses: it knows nothing of (.+?)(?: \(.*)?\.$/.exec(said) ?? [];
      if (cache) {
        missing.set(cache, what);
        (asked[preset] ??= []).push(what);
      }
      const [, other, kept] = /^The (.+?) now remembers (.+)\.$/.exec(said) ?? [];
      if (!other || !missing.has(other)) continue;
      assert.ok(
        kept.startsWith(missing.get(other).replace(/ \(.*/, "")),
        `${preset}: ${missing.get(other)}, ${kept}`,
      );
      missing.delete(other);
    }
  }
  // Entry 3 is looked for twice, the second time after it was changed; then entry 4.
  assert.deepEqual(asked.interrupts, ["entry 3", "entry 3", "entry 4"]);
  await page.context().close();
});

/** The least box of memory that holds an address. */
const boxOf = (boxes, column, address) =>
  boxes
    .filter(
      (b) =>
        b.column === column &&
        b.first &&
        BigInt(b.first) <= BigInt(address) &&
        BigInt(address) <= BigInt(b.last),
    )
    .sort((a, b) => Number(BigInt(a.last) - BigInt(a.first) - (BigInt(b.last) - BigInt(b.first))))[0];

test("what arrives is in the box of that very range, by its name, and the token stands there", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  let arrived = 0;
  for (const preset of [...PATH, "ring", "relay-or-passthrough"]) {
    await follow(page, preset, "idea");
    for (const { said, boxes, token } of await stepThrough(page, SAID)) {
      // Of several things that came of an idea it is the last that is shown.
      const [, at, name] =
        [...said.matchAll(/(?:now|are) at (0x[0-9a-f]+), in (?:the )?([\w-]+)/g)].at(-1) ?? [];
      // Of one that lies in several places the first is named, and the token is at the last.
      if (!at || /other place|, and 0x/.test(said)) continue;
      const box = boxOf(boxes, "pa", at);
      const where = `${preset}: ${said}: ${box?.what}`;
      assert.ok(box, where);
      // Of a guest the picture has its RAM as one box.
      if (!box.fold && !["memory", "guest"].includes(name) && !box.what.startsWith("RAM of"))
        assert.ok(box.what.includes(name), where);
      assert.ok(token, where);
      assert.ok(
        token.y >= box.top - 1 && token.y <= box.bottom + 1,
        `${where}: ${token.y} in ${box.top} .. ${box.bottom}`,
      );
      arrived++;
    }
  }
  assert.ok(arrived > 15, `${arrived}`);
  await page.context().close();
});
