// The log box: its worker, another language, huge pastes, a paste that takes the place of another.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const FAULT = (device) =>
  `[  114.286119] DMAR: [DMA Write NO_PASID] Request device [${device}] fault addr 0xfffe1000 [fault reason 0x05] PTE Write access is not set\n`;

/** The page with the dialog open and the box in it. */
async function opened(hash = "#p=why-iommu") {
  const page = await site.open({ hash });
  await page.click("#explain-log");
  await page.waitForSelector(".explain-dialog .explain-input");
  return page;
}

/** Puts a text into the box, as a paste does, without typing it. Built in the page: a large one is not sent there. */
const paste = (page, line, times = 1) =>
  page.evaluate(
    ([line, times]) => {
      const input = document.querySelector(".explain-input");
      input.value = line.repeat(times);
      input.dispatchEvent(new Event("input"));
    },
    [line, times],
  );

/** Waits until the summary says something of these lines. */
const read = (page, what) =>
  page.waitForFunction(
    (what) => document.querySelector(".explain-summary")?.textContent.includes(what),
    what,
    { timeout: 60000 },
  );

const shown = (page) =>
  page.evaluate(() => ({
    titles: [...document.querySelectorAll(".explain-item .explain-title")].map((title) => title.textContent),
    items: document.querySelectorAll(".explain-item").length,
    input: document.querySelector(".explain-input").value.length,
    summary: document.querySelector(".explain-summary").textContent,
    more: !document.querySelector(".explain-more").hidden,
  }));

test("another language says the same report again, and the paste stays", async () => {
  const page = await opened();
  const log = FAULT("00:1f.2") + FAULT("03:00.0");
  await paste(page, log);
  await read(page, "2 lines");
  const english = await shown(page);
  assert.equal(english.items, 2);
  await page.click(".explain-close");
  await page.click("#lang");
  await page.waitForSelector("html[lang^=zh] #explain-log");
  await page.click("#explain-log");
  await read(page, "行");
  const chinese = await shown(page);
  assert.equal(chinese.input, log.length);
  assert.equal(chinese.items, english.items);
  for (const [i, title] of chinese.titles.entries()) {
    assert.notEqual(title, english.titles[i]);
    assert.match(title, /[一-鿿]/);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a file that is larger than the box reads is refused in words, and the paste stays", async () => {
  const page = await opened();
  await paste(page, FAULT("00:1f.2"));
  await read(page, "1 line");
  const files = page.locator(".explain-dialog input[type=file]");
  await files.setInputFiles({
    name: "boot.log",
    mimeType: "text/plain",
    buffer: Buffer.alloc((16 << 20) + 1, FAULT("03:00.0")),
  });
  await read(page, "boot.log");
  const after = await shown(page);
  assert.match(after.summary, /16 MiB/);
  assert.deepEqual([after.items, after.input], [1, FAULT("00:1f.2").length]);
  await files.setInputFiles({
    name: "two.log",
    mimeType: "text/plain",
    buffer: Buffer.from(FAULT("03:00.0").repeat(3)),
  });
  await read(page, "3 lines");
  assert.equal((await shown(page)).items, 1);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a long log of one fault is one item; one of many is shown page by page", async () => {
  const page = await opened();
  await paste(page, FAULT("00:1f.2"), 5_000);
  await read(page, "5000 lines");
  assert.equal((await shown(page)).items, 1);
  const many = Array.from({ length: 120 }, (_, i) => FAULT(`${(i + 16).toString(16)}:00.0`)).join("");
  await paste(page, many);
  await read(page, "120 lines");
  assert.deepEqual([(await shown(page)).items, (await shown(page)).more], [50, true]);
  await page.click(".explain-more");
  assert.equal((await shown(page)).items, 100);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a newer log takes the place of one that is being read", async () => {
  const page = await opened();
  await page.waitForSelector(".explain-sample");
  // The sample is chosen at the moment that the long one begins to be read, whatever the machine's speed.
  await page.evaluate(() => {
    window.said = [];
    const summary = document.querySelector(".explain-summary");
    new MutationObserver(() => {
      const text = summary.textContent;
      if (text === "Reading…" && window.said.length === 0) document.querySelector(".explain-sample").click();
      window.said.push(text);
    }).observe(summary, { childList: true });
  });
  await paste(page, "usb 1-1: new high-speed USB device number 2 using xhci_hcd\n", 20_000);
  await read(page, "2 lines");
  assert.equal((await shown(page)).items, 1);
  const said = await page.evaluate(() => window.said);
  assert.ok(!said.some((text) => text.includes("20000")), String(said));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a fault's scenario opens at the read that fails, and a cause's preset is a link", async () => {
  const page = await opened();
  await paste(page, FAULT("00:1f.2"));
  await read(page, "1 line");
  const presets = await page.$$eval(".explain-preset", (links) =>
    links.map((link) => link.getAttribute("href")),
  );
  assert.ok(presets.length > 0 && presets.every((href) => href.startsWith("#p=")));
  await page.click(".explain-open");
  await page.waitForFunction(() => !document.querySelector(".explain-dialog")?.open);
  await page.waitForFunction(() => location.hash.length > 20);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
