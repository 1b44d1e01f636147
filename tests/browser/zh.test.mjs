// Chinese stays Chinese: in what is copied, in links that are followed, in frames and embeds, in what is printed and exported,
// and in the gallery. The browser speaks English in all of these: only what was asked for can make them Chinese.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { press, settled, start } from "./browser.mjs";

let site;
let docs;
let html = "";
before(async () => {
  site = await start();
  docs = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(html));
  await new Promise((done) => docs.listen(0, "127.0.0.1", done));
});
after(async () => {
  docs.close();
  await site.close();
});

const CLIPBOARD = { permissions: ["clipboard-read", "clipboard-write"] };
const STEP = "单步";

/** Waits until the page speaks Chinese: its root, its buttons and its sentence. */
async function chinese(page) {
  await page.waitForSelector("html[lang=zh-Hans]");
  await page.waitForFunction((word) => document.querySelector("#step")?.textContent.includes(word), STEP);
}
/** A text that was said in Chinese, with no sentence of English. */
function said(text, what) {
  assert.match(text, /[\u3400-\u9fff]/, what);
  for (const word of [" the ", " is ", " writes ", " reads ", "Physical", "memory"])
    assert.ok(!text.includes(word), `${what}: ${word}: ${text.slice(0, 400)}`);
}
/** A page of others, with this in it. */
async function embedded(body) {
  html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Docs</title><body>${body}`;
  const page = await site.open({ ready: false, hash: null });
  await page.goto(`http://127.0.0.1:${docs.address().port}/`);
  return page;
}

test("what the page copies is Chinese elsewhere: link, embed, frame", async () => {
  const page = await site.open({ hash: "#p=sva&lang=zh" });
  await chinese(page);
  await press(page, "ArrowRight");
  await page.click("#share-open");
  await page.waitForFunction(() => document.querySelector("#share-frame").value !== "");
  const link = await page.inputValue("#share-link");
  const whole = await page.inputValue("#share-whole");
  const element = await page.inputValue("#share-element");
  const frame = await page.inputValue("#share-frame");
  for (const text of [link, whole]) assert.match(text, /[#&]lang=zh(&|$)/, text);
  assert.match(element, /<iommu-playground preset="sva"[^>]* lang="zh">/);
  assert.match(frame, /&amp;lang=zh|&lang=zh/);
  await page.context().close();

  const other = await site.open({ hash: null, ready: false });
  await other.goto(link);
  await chinese(other);
  await other.context().close();
  for (const [copied, inside] of [
    [element, (page) => page.locator("#step")],
    [frame, (page) => page.frameLocator("iframe").locator("#step")],
  ]) {
    const host = await embedded(copied);
    await inside(host).waitFor({ timeout: 20000 });
    assert.match(await inside(host).textContent(), new RegExp(STEP));
    await host.context().close();
  }
});

test("an address that is followed in an open tab turns it to its language, and keeps it", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  assert.match(await page.textContent("#step"), /Step/);
  await page.evaluate(() => (location.hash = "#p=sva&lang=zh"));
  await chinese(page);
  await settled(page);
  assert.match(new URL(page.url()).hash, /^#p=sva.*&lang=zh/);
  for (let i = 0; i < 3; i++) await press(page, "ArrowRight");
  await settled(page);
  assert.match(new URL(page.url()).hash, /&lang=zh/);
  said(await page.textContent("#sentence"), "the sentence");
  await page.context().close();
});

test("a link to the reader of logs is Chinese, and so are its answers", async () => {
  const page = await site.open({ hash: "#explain&lang=zh" });
  await chinese(page);
  await page.waitForSelector(".explain-dialog[open] .explain-input");
  assert.equal(await page.isVisible("#passed-over"), false);
  await page.evaluate(() => {
    const input = document.querySelector(".explain-input");
    input.value =
      "DMAR: [DMA Write NO_PASID] Request device [00:1f.2] fault addr 0xfffe1000 [fault reason 0x05] PTE Write access is not set\n";
    input.dispatchEvent(new Event("input"));
  });
  await page.waitForFunction(() => document.querySelector(".explain-summary")?.textContent.includes("行"));
  assert.match(await page.textContent(".explain-summary"), /1 行中有 1 类转换错误/);
  said(await page.textContent(".explain-item .explain-title"), "the title of an answer");
  const away = await page.$$eval(".explain-preset, .explain-rung", (all) =>
    all.map((a) => a.getAttribute("href")),
  );
  assert.ok(away.length > 3 && away.every((href) => /^#p=.*&lang=zh$/.test(href)), String(away));
  await page.context().close();
});

test("what the page's search finds, and the way to the documents, are Chinese in a tab of their own too", async () => {
  const page = await site.open({ hash: "#lang=zh" });
  await chinese(page);
  assert.match(await page.getAttribute("#door-docs", "href"), /embedding\.zh\.md$/);
  await page.keyboard.press("/");
  await page.waitForSelector("#search-query:focus");
  await page.keyboard.type("swiotlb");
  await page.waitForSelector("#search-results .found-in a");
  const found = await page.$$eval("#search-results a", (all) => all.map((a) => a.getAttribute("href")));
  assert.ok(found.length > 3 && found.every((href) => /&lang=zh$/.test(href)), String(found));
  const other = page.context().waitForEvent("page");
  await page.click("#search-results a.hit", { modifiers: ["Control"] });
  await chinese(await other);
  await page.context().close();
});

test("the gallery leads on in Chinese: cards, path, search, copied code and link", async () => {
  const page = await site.open({ hash: "gallery.zh.html", ...CLIPBOARD });
  const links = await page.$$eval(".card h3 a, .path li a", (all) => all.map((a) => a.getAttribute("href")));
  assert.ok(links.length > 60);
  for (const link of links) assert.match(link, /&lang=zh(&|$)/);
  await page.fill("#search", "IOTLB");
  await page.waitForSelector("#also a");
  for (const link of await page.$$eval("#also a[href*='#p=']", (all) => all.map((a) => a.href)))
    assert.match(link, /&lang=zh/);
  const copied = () => page.evaluate(() => globalThis.navigator.clipboard.readText());
  await page.click("#lazy [data-copy=embed], .card:not([hidden]) [data-copy=embed]");
  await page.waitForFunction(async () =>
    (await globalThis.navigator.clipboard.readText()).includes("<iommu-playground"),
  );
  assert.match(await copied(), / lang="zh">/);
  await page.click(".card:not([hidden]) [data-copy=link]");
  await page.waitForFunction(async () => !(await globalThis.navigator.clipboard.readText()).includes("<"));
  assert.match(await copied(), /&lang=zh/);
  // To the page and back.
  await page.click(".card:not([hidden]) h3 a");
  await chinese(page);
  const back = await page.$$eval("a[href*='gallery']", (all) => all.map((a) => a.getAttribute("href")));
  assert.ok(back.length > 0 && back.every((href) => href.includes("gallery.zh.html")), String(back));
  await page.context().close();
});

test("what is printed and exported is Chinese", async () => {
  const page = await site.open({ hash: "#p=why-iommu&lang=zh", acceptDownloads: true, ...CLIPBOARD });
  await chinese(page);
  await press(page, "End");
  await settled(page);
  // On paper: no English word of the page's own.
  await page.emulateMedia({ media: "print" });
  said(await page.innerText("main"), "what is printed");
  assert.equal(await page.getAttribute("html", "lang"), "zh-Hans");
  await page.emulateMedia({ media: "screen" });
  await page.click("#share-open");
  const file = async (id) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(id)]);
    return readFileSync(await download.path(), "utf8");
  };
  const texts = (svg) =>
    svg
      .replace(/<style[\s\S]*?<\/style>/g, "")
      .replace(/<[^>]*>/g, " ")
      .trim();
  said(texts(await file("#export-svg")), "the SVG");
  said(texts(await file("#export-film")), "the film");
  const handout = await file("#export-handout");
  assert.match(handout, /<html lang="zh/);
  said(texts(handout), "the handout");
  for (const form of ["ascii", "c", "rst", "markdown"]) {
    if (!(await page.$(`#export-${form}`))) continue;
    await page.evaluate(() => globalThis.navigator.clipboard.writeText("none"));
    await page.click(`#export-${form}`);
    await page.waitForFunction(async () => (await globalThis.navigator.clipboard.readText()) !== "none");
    said(await page.evaluate(() => globalThis.navigator.clipboard.readText()), form);
  }
  await page.context().close();
});

test("all machines side by side, another machine and the table of machines stay Chinese", async () => {
  const page = await site.open({ hash: "#p=why-iommu&lang=zh&depth=idea" });
  await chinese(page);
  await page.selectOption("#architecture", "*");
  await page.waitForSelector(".across-table table");
  said(await page.innerText(".across-table"), "the table of machines");
  await page.keyboard.press("Escape");
  await page.selectOption("#architecture", "riscv");
  await page.waitForFunction(() => location.hash.includes("riscv"));
  await chinese(page);
  await settled(page);
  assert.match(new URL(page.url()).hash, /&lang=zh/);
  await page.goto(`${site.origin}rosetta.zh.html`);
  const away = await page.$$eval("a[href*='#p=']", (all) => all.map((a) => a.getAttribute("href")));
  assert.ok(away.length > 5 && away.every((href) => href.includes("lang=zh")), String(away.slice(0, 5)));
  await page.context().close();
});

test("an embed takes Chinese however it is written, and turns when the attribute does", async () => {
  const page = await embedded(
    `<script defer src="${site.origin}embed.js"></script>
     <div lang="zh_CN"><iommu-playground id="a" preset="mmio"></iommu-playground></div>
     <iommu-playground id="b" preset="mmio"></iommu-playground>`,
  );
  const step = (id) => page.locator(`#${id} #step`);
  await step("a").waitFor({ timeout: 20000 });
  assert.match(await step("a").textContent(), new RegExp(STEP));
  await step("b").waitFor({ timeout: 20000 });
  assert.match(await step("b").textContent(), /Step/);
  await page.evaluate(() => document.getElementById("b").setAttribute("lang", "zh-Hans"));
  await page.waitForFunction(
    (word) =>
      document.getElementById("b").shadowRoot?.querySelector("#step")?.textContent.includes(word) ??
      document.querySelector("#b #step")?.textContent.includes(word),
    STEP,
  );
  await page.context().close();
});

/** How the words of the picture lie in the cells that the layout gave them, as the browser draws them; run in the page. */
const WORDS = `
  const svg = document.querySelector("#diagram svg");
  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  const pen = document.createElement("canvas").getContext("2d");
  const mono = getComputedStyle(document.querySelector("#diagram")).getPropertyValue("--mono");
  pen.font = "12px " + mono;
  const cell = pen.measureText("0".repeat(100)).width / 100;
  const boxes = [...svg.querySelectorAll(".piece rect, rect.actor")].map((r) => r.getBBox());
  const wide = /^[\\u2e80-\\u9fff\\uff00-\\uffef\\u3000-\\u303f]+$/;
  return [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim() && !t.closest(".token")).map((t) => {
    const run = t.textContent;
    const style = getComputedStyle(t);
    // Ten times as large: what is measured is not rounded to pixels then.
    pen.font = style.fontWeight + " " + 10 * parseFloat(style.fontSize) + "px " + mono;
    const [drawn, ink] = [pen.measureText(run), pen.measureText(wide.test(run) ? "国" : "H")].map((m) => ({
      width: m.width / 10, left: m.actualBoundingBoxLeft / 10,
      up: m.actualBoundingBoxAscent / 10, down: m.actualBoundingBoxDescent / 10 }));
    const [x, y] = [t.x.baseVal[0].value, t.y.baseVal[0].value];
    const cells = [...run].length * (wide.test(run) ? 2 : 1);
    // Where its ink lies: letters as a capital does, Chinese as a glyph that fills its square.
    const left = x - drawn.left;
    const length = t.getComputedTextLength();
    const middle = y + (ink.down - ink.up) / 2;
    const box = boxes.find((b) => x > b.x && x < b.x + b.width && middle > b.y && middle < b.y + b.height);
    // The line of the grid that it is on.
    return { run, wide: wide.test(run), left, right: x + length, box: box && [box.x, box.x + box.width, box.y, box.y + box.height],
      natural: drawn.width, length, room: cells * cell, middle, baseline: y, scale };
  });`;

test("in the picture Chinese fills its cells, stays in its box, and is centred on the Latin beside it", async () => {
  const page = await site.open({ hash: null, ready: false, locale: "zh-CN" });
  const presets = JSON.parse(
    execFileSync("target/debug/iommu-play", ["gallery"], { encoding: "utf8" }),
  ).scenarios.map((scenario) => scenario.name);
  let seen = 0;
  for (const name of presets) {
    await page.goto("about:blank");
    await page.goto(`${site.origin}#p=${name}&lang=zh`);
    await page.waitForSelector("html[data-ready]");
    await settled(page);
    for (const end of [false, true]) {
      if (end) await page.keyboard.press("End");
      await settled(page);
      const words = await page.evaluate((body) => new Function(body)(), WORDS);
      for (const word of words) {
        const where = `${name}: ${JSON.stringify(word)}`;
        // As wide as the cells that core counts: nothing squeezed, nothing drawn over its neighbour.
        assert.ok(Math.abs(word.length - word.room) < 0.6, where);
        if (!word.wide) assert.ok(Math.abs(word.natural - word.room) < 0.6, where);
        if (word.box) {
          const [left, right, top, bottom] = word.box;
          assert.ok(word.left > left && word.right < right, where);
          assert.ok(word.middle - 5 > top - 1 && word.middle + 5 < bottom + 1, where);
        }
      }
      // A label in two scripts: one middle.
      words.forEach((word, i) => {
        const next = words[i + 1];
        if (!next || word.wide === next.wide || Math.abs(word.baseline - next.baseline) > 2) return;
        if (Math.abs(next.left - word.right) > 6) return;
        seen += 1;
        const where = `${name}: ${word.run} ${next.run}`;
        assert.ok(Math.abs(word.middle - next.middle) < 1, `${where}: ${word.middle}, ${next.middle}`);
      });
    }
  }
  assert.ok(seen > 100, `${seen} labels in two scripts`);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
