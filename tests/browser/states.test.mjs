// Every state of the page is accessible, in both themes, at the widths of a phone, of 200 % zoom and of a desk.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, press, settled, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

/** Brings the machine's insides into sight: beside the picture, or, on a narrow page, as a sheet. */
async function details(page) {
  if (await page.isVisible("#more")) await page.click("#more");
  if (await page.isVisible("#details")) await page.click("#details");
}

/** By name: the scenario, and what brings the page into the state. */
const STATES = {
  start: ["howto", async () => {}],
  "an idea": ["why-iommu", (page) => press(page, "ArrowRight")],
  "an idea opened twice": [
    "why-iommu",
    async (page) => {
      await press(page, "ArrowRight");
      for (let i = 0; i < 2; i++) {
        await page.keyboard.press("o");
        await settled(page);
      }
      await details(page);
    },
  ],
  "a walk": [
    "nested-walk",
    async (page) => {
      await press(page, "m");
      for (let i = 0; i < 12; i++) await press(page, "ArrowRight");
    },
    "read",
  ],
  "a fault": ["why-iommu", (page) => press(page, "f")],
  "the end, with its answer": ["lazy", (page) => press(page, "End")],
  "the queues, one entry open": [
    "lazy",
    async (page) => {
      await press(page, "End");
      await details(page);
      await page.click("#tab-queues");
      await page.locator(".queue summary").first().click();
      await page.waitForSelector(".queue .strip");
    },
    "read",
  ],
  "the registers": [
    "lazy",
    async (page) => {
      await press(page, "End");
      await details(page);
      await page.click("#tab-registers");
    },
    "read",
  ],
  "a device's memory": [
    "device-map",
    async (page) => {
      await press(page, "End");
      await details(page);
      await page.click("#tab-memory");
      await page.waitForSelector(".hex tr");
    },
    "read",
  ],
  "an address followed, its entries open": [
    "lazy",
    async (page) => {
      await press(page, "f");
      await page.locator(".piece.buffer").first().focus();
      await page.keyboard.press("Enter");
      await page.locator(".through summary").first().click();
    },
  ],
  "the editor, offering words": [
    "why-iommu",
    async (page) => {
      await page.keyboard.press("e");
      await page.click(".cm-content");
      await page.keyboard.press("Control+End");
      await page.keyboard.type("\n  dma");
      await page.waitForSelector(".cm-tooltip-autocomplete");
    },
  ],
  "a question": [
    "why-iommu",
    async (page) => {
      // On a phone it is behind "more".
      if (!(await page.isVisible("#predict"))) await page.click("#more");
      await page.click("#predict");
      await page.click("#sentence");
      for (let i = 0; i < 80 && !(await page.isVisible(".question button")); i++) {
        await page.keyboard.press("ArrowRight");
        await settled(page);
      }
      assert.ok(await page.isVisible(".question button"));
    },
    "read",
  ],
  "two runs": [
    "lazy",
    async (page) => {
      if (!(await page.isVisible("#compare"))) await page.click("#more");
      await page.selectOption("#compare", { index: 1 });
      await page.waitForSelector("#diagram-other svg");
    },
  ],
  "a message": ["howtoo", (page) => page.waitForSelector(".message:not(.empty)")],
  sharing: ["why-iommu", (page) => page.click("#share-open")],
  "the sheet of keys": ["why-iommu", (page) => page.keyboard.press("?")],
  "a log": ["why-iommu", (page) => page.click("#explain-log")],
  "signs and colours": [
    "why-iommu",
    async (page) => {
      if (!(await page.isVisible(".legend"))) await page.click("#more");
      await page.locator(".legend summary").first().click();
    },
  ],
};

for (const [width, theme, locale] of [
  [1280, "light", "en-US"],
  [1280, "dark", "zh-CN"],
  [640, "light", "zh-CN"],
  [360, "dark", "en-US"],
]) {
  for (const [name, [preset, reach, depth = null]] of Object.entries(STATES)) {
    test(`${name}: ${width} px, ${theme}, ${locale}`, async () => {
      const page = await site.open({
        hash: `#p=${preset}${depth ? `&depth=${depth}` : ""}`,
        width,
        height: 800,
        theme,
        locale,
      });
      await reach(page);
      await settled(page);
      // The list of completions is walked through from the editor (aria-activedescendant): it takes no focus itself.
      await accessible(page, name, ".cm-tooltip-autocomplete");
      await unspilled(page, name);
      assert.deepEqual(page.errors, []);
      await page.context().close();
    });
  }
}
