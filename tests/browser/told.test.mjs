// What a step tells and shows is true at a glance: ideas end, set-up is not counted, repeats fold, and what is bad looks bad.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { follow, press, settled, start, stepThrough } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const PRESETS = JSON.parse(
  execFileSync("target/debug/iommu-play", ["gallery"], { encoding: "utf8" }),
).scenarios.map((scenario) => scenario.name);

/** What is told after a step, and what of the picture is lit; run in the page. */
const TOLD = `
  const text = (s) => document.querySelector(s).textContent.trim();
  const svg = document.querySelector("#diagram svg");
  const lines = [...document.querySelectorAll(".inner .line-said")];
  const token = svg.querySelector(".token");
  return {
    note: text("#note"), over: document.querySelector("#note").classList.contains("past"),
    soft: getComputedStyle(document.querySelector("#note")).color,
    count: text("#count"), inner: text(".inner"), tone: document.querySelector(".now").dataset.tone,
    nth: lines.map((l) => l.querySelector(".nth")?.textContent ?? ""), kinds: lines.map((l) => l.dataset.kind),
    token: token?.getAttribute("class") ?? "", sign: token?.querySelector(":scope > text")?.textContent ?? "",
    lit: [...svg.querySelectorAll(".piece.touch")].map((p) => ({ kind: p.getAttribute("class"), at: p.dataset.piece, text: p.textContent,
      column: (p.dataset.piece ?? "").split("/")[0] })),
  };`;

const opened = async (hash) => {
  const page = await site.open({ hash: `#${hash}` });
  await settled(page);
  return page;
};

test("an idea is said of its own line: with a line that follows it stands back", async () => {
  const page = await opened("p=howto&depth=operation");
  const seen = await stepThrough(page, TOLD);
  for (const s of seen) assert.equal(s.over, Number(s.nth[0].split(" / ")[0]) > 1, JSON.stringify(s));
  const last = seen.at(-1);
  assert.ok(last.over);
  assert.match(last.inner, /the CPU's again/);
  assert.notEqual(last.soft, seen.at(-2).soft);
  assert.equal(last.note, seen.at(-2).note);
  // Closed, the stop is the idea again.
  await page.keyboard.press("g");
  await page.keyboard.press("g");
  await page.waitForSelector('[data-depth="idea"][aria-pressed="true"]');
  await settled(page);
  assert.equal(await page.locator("#note.past").count(), 0);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("set-up is not counted: every scenario begins before its first stop, at every depth", async () => {
  const page = await opened("p=why-iommu");
  for (const preset of PRESETS)
    for (const depth of ["idea", "operation", "read"]) {
      await follow(page, preset, depth);
      const [at, of] = (await page.textContent("#count")).split(" / ").map(Number);
      const bar = await page.evaluate(() => {
        const { value, min, max } = document.querySelector("#scrub");
        return { value, min, max: Number(max) };
      });
      assert.equal(at, 0, `${preset}, ${depth}`);
      assert.equal(bar.value, bar.min, `${preset}, ${depth}`);
      assert.equal(bar.max, of, `${preset}, ${depth}`);
    }
  await page.context().close();
});

test("repeats fold: but for the ladders of faults no scenario has more than 160 stops at its reads; a fold says how many it holds and opens", async () => {
  const page = await opened("p=first-dma&depth=read");
  const stops = (name) =>
    page.evaluate(async (hash) => {
      location.hash = hash;
      const [name] = hash.slice(2).split("&");
      while (
        document.querySelector("#scenario").value !== name ||
        document.documentElement.dataset.working !== "no"
      )
        await new Promise((done) => setTimeout(done, 10));
      return Number(document.querySelector("#scrub").max);
    }, `p=${name}&depth=read`);
  const counts = {};
  for (const name of PRESETS) counts[name] = await stops(name);
  const many = Object.entries(counts).filter(
    ([name, count]) => count > (name.startsWith("fault-ladder") ? 340 : 160),
  );
  assert.deepEqual(many, []);
  assert.ok(counts["first-dma"] < 60, `${counts["first-dma"]}`);
  await stops("first-dma");
  const seen = await stepThrough(page, TOLD, 100);
  const folds = seen.filter((s) => /and \d+ more packets like this: [\d,]+ bytes/.test(s.inner));
  assert.equal(folds.length, 1, JSON.stringify(seen.map((s) => s.inner)));
  // To the fold, and into it.
  const back = seen.length - 1 - seen.indexOf(folds[0]);
  for (let i = 0; i < back; i++) await press(page, "ArrowLeft");
  const inside = Number(/\d+/.exec(await page.textContent("#open"))?.[0]);
  assert.ok(inside > 2, `${inside}`);
  await page.click("#open");
  await settled(page);
  assert.match(await page.textContent(".inner"), /packet|Packet|window|memory/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("what is stale, refused or lost never looks well: sentence, token and bar agree", async () => {
  const page = await opened("p=lazy");
  const seen = await stepThrough(page, TOLD);
  const stale = seen.find((s) => s.inner.startsWith("≠"));
  assert.match(stale.inner, /Wrong/);
  assert.equal(stale.tone, "wrong");
  assert.equal(stale.token, "token stale");
  assert.equal(stale.sign, "!");
  assert.equal((await page.locator('.mark[data-tone="stale"], .mark[data-tone="wrong"]').count()) > 0, true);
  // At its reads the walk's result does not look well either.
  await page.evaluate(() => (location.hash = "p=lazy&depth=read"));
  await page.waitForSelector('[data-depth="read"][aria-pressed="true"]');
  await settled(page);
  const reads = await stepThrough(
    page,
    `const r = document.querySelector("#walk .result");
     return { tone: document.querySelector(".now").dataset.tone, inner: document.querySelector(".inner").textContent,
       result: r?.textContent ?? "", colour: r ? getComputedStyle(r).color : "", sign: r ? getComputedStyle(r, "::before").content : "" };`,
  );
  const wrong = reads.filter((s) => ["stale", "wrong", "fault"].includes(s.tone) && s.result);
  assert.ok(wrong.length, JSON.stringify(reads.slice(-8)));
  const well = reads.find((s) => s.tone === "good" && s.result);
  for (const s of wrong) assert.notEqual(s.colour, well.colour, JSON.stringify(s));
  assert.ok(
    wrong.some((s) => s.tone === "stale" && s.sign.includes("≠")),
    JSON.stringify(wrong),
  );
  await page.context().close();
  // With the IOMMU off the kernel's own data is overwritten: no sign of it says that it went well.
  const other = await opened("p=why-iommu");
  await press(other, "End");
  await other.getByRole("button", { name: "See it happen" }).click();
  await settled(other);
  await press(other, "End");
  const end = await other.evaluate((body) => new Function(body)(), TOLD);
  assert.match(end.inner, /Wrong/, JSON.stringify(end));
  assert.equal(end.tone, "wrong");
  assert.match(end.token, /wrong|stale/);
  assert.notEqual(end.sign, "✓");
  await other.context().close();
});

test("of memory one box is lit at a step, at the very range that is touched", async () => {
  for (const preset of ["relay-or-passthrough", "iotlb-reach", "why-iommu", "ring"]) {
    const page = await opened(`p=${preset}&depth=read`);
    const seen = await stepThrough(page, TOLD, 120);
    let lit = 0;
    for (const [i, s] of seen.entries()) {
      const columns = s.lit.map((p) => p.column);
      // A walk's step lights the entry and what leads there, in other columns: in one column it is one box.
      const twice = columns.filter((c, at) => columns.indexOf(c) !== at);
      assert.deepEqual(twice, [], `${preset} ${i}: ${JSON.stringify(s.lit)}`);
      lit += s.lit.length;
    }
    assert.ok(lit > 0, preset);
    await page.context().close();
  }
});

test("the legend has every sign that the picture and the bar of any scenario show", async () => {
  const page = await opened("p=why-iommu&depth=read");
  const shown = new Set();
  for (const preset of ["why-iommu", "lazy", "interrupts", "iotlb-reach", "peer-to-peer", "swiotlb"]) {
    await page.evaluate((hash) => (location.hash = hash), `p=${preset}&depth=idea`);
    await page.waitForFunction(
      (name) =>
        document.querySelector("#scenario").value === name &&
        document.documentElement.dataset.working === "no",
      preset,
    );
    const looks = await stepThrough(
      page,
      `const svg = document.querySelector("#diagram svg");
       return [...svg.querySelectorAll(".token > text")].filter((t) => t.closest(".token").querySelector("circle")).map((t) => t.textContent)
         .concat([...document.querySelectorAll(".marks .mark, .mark")].map((m) => m.textContent.trim()));`,
    );
    for (const sign of looks.flat()) if (sign.length === 1) shown.add(sign);
  }
  await page.click(".legend summary");
  const legend = await page.locator(".legend li").allTextContents();
  assert.ok(shown.size >= 4, [...shown].join(" "));
  for (const sign of shown)
    assert.ok(
      legend.some((line) => line.startsWith(sign)),
      `${sign} in ${legend.join(" | ")}`,
    );
  assert.ok(await page.isVisible('.legend [data-owner="stale"]'));
  // It lies over the picture only while it is read.
  await page.click('.tools > button[title="Larger"], .tools > button:nth-of-type(4)');
  assert.equal(await page.isVisible(".legend ul"), false);
  await page.context().close();
});
