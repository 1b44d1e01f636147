// Takes the screenshots kept under docs/screenshots: main states, widths, themes, languages.
import { mkdirSync } from "node:fs";
import { start } from "../tests/browser/browser.mjs";

const SHOTS = [
  { name: "start-1280", at: 0 },
  { name: "walk-1280", marks: 1, steps: 4 },
  { name: "walk-1280-dark", marks: 1, steps: 4, theme: "dark" },
  { name: "walk-1280-zh", marks: 1, steps: 4, locale: "zh-CN" },
  { name: "walk-360", marks: 1, steps: 4, width: 360, height: 780 },
  { name: "walk-360-dark-zh", marks: 1, steps: 4, width: 360, height: 780, theme: "dark", locale: "zh-CN" },
  { name: "nested-1280", hash: "#p=nested-walk", marks: 1, steps: 12 },
  { name: "fault-1280", hash: "#p=why-iommu", faults: true },
];

const wanted = process.argv.slice(2);
mkdirSync("docs/screenshots", { recursive: true });
const site = await start();
for (const { name, marks = 0, steps = 0, faults, ...options } of SHOTS) {
  if (wanted.length && !wanted.includes(name)) continue;
  const page = await site.open(options);
  for (let i = 0; i < marks; i++) await page.keyboard.press("n");
  for (let i = 0; i < 40 && faults && (await page.getAttribute(".now", "data-tone")) !== "fault"; i++)
    await page.keyboard.press("n");
  for (let i = 0; i < steps; i++) await page.keyboard.press("ArrowRight");
  await page.waitForTimeout(300);
  await page.screenshot({ path: `docs/screenshots/${name}.png`, fullPage: true, animations: "disabled" });
  if (page.errors.length) console.log(name, page.errors);
  await page.context().close();
}
await site.close();
