// The main path in a second engine: Firefox, driven over WebDriver BiDi.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import puppeteer from "puppeteer-core";
import { serve } from "../../tools/serve.mjs";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
const skip = existsSync(FIREFOX) ? false : "Firefox is not installed";

let server;
let browser;
before(async () => {
  if (skip) return;
  server = await serve("dist", 8500);
  browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
});
after(async () => {
  await browser?.close();
  server?.close();
});

async function open(hash, width = 1280) {
  const page = await browser.newPage();
  await page.setViewport({ width, height: 800 });
  page.errors = [];
  page.on("pageerror", (error) => page.errors.push(String(error)));
  await page.goto(`http://127.0.0.1:${server.address().port}/${hash}`);
  await page.waitForSelector("html[data-ready]", { timeout: 30000 });
  return page;
}
const text = (page, selector) => page.$eval(selector, (element) => element.textContent);

test("step, back, play and scrub the first scenario", { skip }, async () => {
  const page = await open("#p=why-iommu");
  const first = await text(page, "#count");
  await page.click("#step");
  await page.waitForFunction((before) => document.querySelector("#count").textContent !== before, {}, first);
  const second = await text(page, "#count");
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction((before) => document.querySelector("#count").textContent !== before, {}, second);
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.querySelector(".ending:not([hidden])"));
  assert.match(await text(page, ".ending"), /IOMMU/);
  assert.ok(await page.$("#diagram svg"));
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("a fault, its walk and its bits; another scenario; the other language", { skip }, async () => {
  const page = await open("#p=use-after-unmap&lang=zh", 360);
  for (let i = 0; i < 12 && (await page.$eval(".now", (e) => e.dataset.tone)) !== "fault"; i++) {
    // What is counted are ideas: operations of one have its number.
    const before = await page.$eval("#count", (e) => e.dataset.position);
    await page.keyboard.press("n");
    await page.waitForFunction((at) => document.querySelector("#count").dataset.position !== at, {}, before);
  }
  assert.equal(await page.$eval(".now", (e) => e.dataset.tone), "fault");
  assert.match(await text(page, "#step"), /单步/);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} px too wide`);
  await page.select("#scenario", "nested-walk");
  await page.waitForFunction(() => location.hash.startsWith("#p=nested-walk"));
  assert.deepEqual(page.errors, []);
  await page.close();
});
