// Takes the screenshots kept under docs/screenshots: main states, widths, themes, languages.
// usage: node tools/shots.mjs [NAME...]
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { settled, start } from "../tests/browser/browser.mjs";
import { PREVIEW, SENTENCE } from "./preview.mjs";

const press = async (page, key, times = 1) => {
  for (let i = 0; i < times; i++) {
    await page.keyboard.press(key);
    await settled(page);
  }
};
/** Steps until a walk can be opened, opens it, and takes `reads` more. */
const walk =
  (reads = 3) =>
  async (page) => {
    await press(page, "m");
    for (let i = 0; i < 40; i++) {
      if ((await page.isVisible("#open")) && (await page.locator(".reads tr").count()) > 3) break;
      await press(page, "ArrowRight");
    }
    await press(page, "o");
    await press(page, "ArrowRight", reads);
  };
const tab = (name) => async (page) => {
  await walk()(page);
  await page.click(`#tab-${name}`);
};
const phone = { width: 360, height: 740 };
const reads = "&depth=read";

const SHOTS = {
  "landing-1280": {},
  "landing-360-zh": { ...phone, locale: "zh-CN" },
  "idea-1280": { hash: "#p=why-iommu", act: (page) => press(page, "ArrowRight", 2) },
  "opened-1280": {
    hash: "#p=why-iommu",
    act: async (page) => {
      await press(page, "ArrowRight", 2);
      await press(page, "o");
    },
  },
  "opened-twice-1280": {
    hash: "#p=why-iommu",
    act: async (page) => {
      await press(page, "ArrowRight", 2);
      await press(page, "o", 2);
      await press(page, "ArrowRight", 7);
    },
  },
  "end-1280": { hash: "#p=why-iommu", act: (page) => press(page, "End") },
  "idea-360": { ...phone, hash: "#p=why-iommu", act: (page) => press(page, "ArrowRight", 2) },
  "end-360-dark-zh": {
    ...phone,
    hash: "#p=why-iommu",
    theme: "dark",
    locale: "zh-CN",
    act: (page) => press(page, "End"),
  },
  "idea-740x360": {
    width: 740,
    height: 360,
    hash: "#p=why-iommu",
    act: (page) => press(page, "ArrowRight", 2),
  },
  "walk-1280": { hash: `#p=howto${reads}`, act: walk() },
  "walk-1280-dark-zh": { hash: `#p=howto${reads}`, act: walk(), theme: "dark", locale: "zh-CN" },
  "nested-1280": { hash: `#p=nested-walk${reads}`, act: walk(8) },
  "fault-1280": { hash: `#p=why-iommu${reads}`, act: (page) => press(page, "f") },
  "queues-1280": { hash: `#p=lazy${reads}`, act: tab("queues") },
  "memory-1280": {
    hash: `#p=device-map${reads}`,
    act: async (page) => {
      await press(page, "End");
      await page.click("#hide-answer");
      await page.click("#tab-memory");
    },
  },
  "where-1280": {
    hash: "#p=vmalloc",
    act: async (page) => {
      await press(page, "ArrowRight", 2);
      await page.locator("[data-piece]").first().focus();
      await page.keyboard.press("Enter");
    },
  },
  "editor-1280": {
    hash: "#p=why-iommu",
    act: async (page) => {
      await press(page, "ArrowRight");
      await page.keyboard.press("e");
      await page.waitForSelector(".cm-content");
      await page.click(".cm-content");
      await page.keyboard.press("Control+End");
      await page.keyboard.type("\n  dma nic wriet buf");
      await page.waitForSelector("#problems li");
    },
  },
  "compare-1280": {
    hash: "#p=why-iommu",
    act: async (page) => {
      await page.selectOption("#compare", { index: 1 });
      await page.waitForSelector("#diagram-other svg");
    },
  },
  "gallery-1280": { path: "gallery.html" },
  "gallery-360-dark-zh": { path: "gallery.zh.html", ...phone, theme: "dark", locale: "zh-CN" },
};

const wanted = process.argv.slice(2);
mkdirSync("docs/screenshots", { recursive: true });
const site = await start();
for (const [name, { act, path, fullPage = false, ...options }] of Object.entries(SHOTS)) {
  if (wanted.length && !wanted.includes(name)) continue;
  const page = await site.open(path ? { ...options, hash: path, ready: false } : options);
  await page.waitForTimeout(400);
  await act?.(page);
  await page.waitForTimeout(500);
  const file = `docs/screenshots/${name}.png`;
  await page.screenshot({ path: file, fullPage, animations: "disabled" });
  console.log(file, statSync(file).size, ...page.errors);
  await page.context().close();
}
// The still pictures of link previews (tools/preview.mjs): the name, the sentence, and a refused write.
for (const lang of ["en", "zh"]) {
  if (wanted.length && !wanted.includes("preview")) continue;
  const page = await site.open({ ...PREVIEW, hash: null, ready: false });
  const { build } = JSON.parse(readFileSync("dist/build.json", "utf8"));
  const svg = readFileSync(`dist/b/${build}/gallery/why-iommu.${lang}.svg`, "utf8");
  await page.setContent(`<!doctype html><html lang="${lang}"><style>
    body { margin: 0; height: ${PREVIEW.height}px; display: grid; grid-template-columns: 456px 1fr; background: #fbfbfa;
      font: 27px/1.45 system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif; color: #1b1f26 }
    .say { padding: 56px 24px 56px 56px; display: flex; flex-direction: column; justify-content: center }
    h1 { font-size: 36px; white-space: nowrap; margin: 0 0 24px; letter-spacing: -0.5px }
    p { margin: 0 } b { color: #b3172b }
    .drawn { display: grid; place-items: center; background: #fff; border-left: 4px solid #1d4ed8 }
    svg { width: 700px; height: 572px }</style>
    <div class="say"><h1>iommu-playground</h1><p>${SENTENCE[lang]}</p></div>
    <div class="drawn">${svg}</div></html>`);
  const file = `www/static/preview.${lang}.png`;
  await page.screenshot({ path: file });
  console.log(file, statSync(file).size);
  await page.context().close();
}
await site.close();
