// Clicks through the first scenario as a newcomer would, and reads the results from the page.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, moved, position, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

async function stepUntil(page, selector, limit = 200) {
  for (let i = 0; i < limit; i++) {
    if (await page.$(selector)) return;
    const from = await position(page);
    await page.click("#step");
    await moved(page, from);
  }
  assert.fail(`${selector} was not reached`);
}

test("a newcomer steps a DMA through the IOMMU and sees where it lands", async () => {
  const page = await site.open();
  assert.match(await page.textContent("#title"), /address/);
  assert.match(await page.textContent("#sentence"), /Press Step/);
  const first = await position(page);
  await page.click("#step");
  await moved(page, first);
  assert.doesNotMatch(await page.textContent("#sentence"), /Press Step/);
  await stepUntil(page, ".reads tr.current");
  // The entry shown bit by bit is the one that the walk's row says was read.
  const row = await page.$$eval(".reads tr.current code", (codes) => codes.map((c) => c.textContent));
  const strip = await page.getAttribute(".strip", "aria-label");
  assert.ok(strip.includes(row[1]), `${strip} is not ${row}`);
  const bits = await page.$$eval(".strip i", (cells) =>
    cells
      .slice(0, 64)
      .map((c) => c.textContent)
      .join(""),
  );
  assert.equal(BigInt(`0b${bits}`), BigInt(row[1]));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("time goes both ways, to both ends, and is kept in the address", async () => {
  const page = await site.open();
  const from = await position(page);
  await page.keyboard.press("End");
  await moved(page, from);
  const [at, length] = (await page.textContent("#count")).split("/").map(Number);
  assert.equal(at, length);
  assert.ok(await page.isDisabled("#step"));
  await page.keyboard.press("ArrowLeft");
  await moved(page, length);
  const stands = await position(page);
  await page.waitForURL((url) => url.hash.includes(`at=${stands}`));
  const sentence = await page.textContent("#sentence .words");
  const again = await site.open({ hash: new URL(page.url()).hash });
  assert.equal(await again.textContent("#sentence .words"), sentence);
  await page.keyboard.press("Home");
  await page.waitForFunction(
    (f) => Number(document.querySelector("#count").textContent.split("/")[0]) === f,
    from,
  );
  await page.context().close();
  await again.context().close();
});

test("a broken text says where, and the last good run stays", async () => {
  const page = await site.open();
  await page.click("#editor summary");
  await page.waitForSelector(".cm-content");
  const picture = await page.getAttribute("#diagram svg", "aria-label");
  await page.click(".cm-content");
  await page.keyboard.press("Control+End");
  await page.keyboard.type("\nstpes");
  await page.waitForSelector("#problems li b");
  assert.match(await page.textContent("#problems"), /\d+:\d+/);
  assert.equal(await page.getAttribute("#diagram svg", "aria-label"), picture);
  // Nothing typed is lost on reload, and there is a way back.
  await page.reload();
  await page.waitForSelector("#problems li b");
  await page.click("#original");
  await page.waitForFunction(() => !document.querySelector("#problems li"));
  await page.context().close();
});

test("Chinese and English are there, and kept", async () => {
  const page = await site.open();
  await page.click("#lang");
  await page.waitForSelector("html[lang=zh-Hans]");
  assert.match(await page.textContent("#step"), /单步/);
  assert.match(await page.textContent("#title"), /[\u4e00-\u9fff]/);
  await page.reload();
  await page.waitForSelector("html[lang=zh-Hans][data-ready]");
  await page.context().close();
});

test("no script: the picture as text and a sentence", async () => {
  const page = await site.open({ javaScriptEnabled: false, ready: false });
  assert.match(await page.textContent("noscript"), /JavaScript/);
  assert.match(await page.textContent(".ascii"), /bus address[\s\S]*\+--/);
  await page.context().close();
});

test("no WebAssembly: a clear message over the picture", async () => {
  const page = await site.open({ hash: "#p=mmio", ready: false });
  await page.context().route("**/*.wasm", (route) => route.abort());
  await page.reload();
  await page.waitForSelector("#notice:not([hidden])");
  assert.match(await page.textContent("#notice"), /WebAssembly/);
  assert.ok(await page.isVisible(".ascii"));
  await page.context().close();
});

for (const [width, theme, locale] of [
  [1280, "light", "en-US"],
  [1280, "dark", "zh-CN"],
  [360, "light", "zh-CN"],
  [360, "dark", "en-US"],
]) {
  test(`accessible and unclipped at ${width} px, ${theme}, ${locale}`, async () => {
    const page = await site.open({ width, theme, locale });
    await stepUntil(page, ".reads tr.current");
    await accessible(page);
    await unspilled(page);
    await page.context().close();
  });
}

test("a fault log is read in a dialog of its own", async () => {
  const page = await site.open();
  await page.click("#explain-log");
  await page.waitForSelector(".explain-dialog .explain-sample");
  await page.click(".explain-dialog .explain-sample");
  await page.waitForFunction(() => document.querySelector(".explain-summary")?.textContent.trim());
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
