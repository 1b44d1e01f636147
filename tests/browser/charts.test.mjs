// Scenarios whose answer is a number: the curve is made of runs of the machine, and says the same as a table.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { accessible, settled, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const said = JSON.parse(execFileSync("target/debug/iommu-play", ["gallery"], { encoding: "utf8" }));
const SWEPT = said.scenarios.filter((s) => s.sweep).map((s) => s.name);

const chart = async (page) => {
  await page.keyboard.press("End");
  await page.click(".ending details:has(.chart:not([hidden])) > summary");
  await page.waitForSelector(".chart svg");
};
const rows = (page) =>
  page.$$eval(".chart tbody tr", (all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));

test("every scenario whose answer is a number has a chart, in two widths, themes and languages", async () => {
  assert.ok(SWEPT.includes("iotlb-reach") && SWEPT.includes("relay-or-passthrough"));
  for (const [i, name] of SWEPT.entries()) {
    const page = await site.open({
      hash: `#p=${name}${i % 2 ? "&lang=zh" : ""}`,
      width: i % 2 ? 360 : 1280,
      height: 800,
      theme: i % 2 ? "dark" : "light",
    });
    await chart(page);
    const points = await page.locator(".chart svg .point").count();
    const cells = (await rows(page)).flatMap((row) => row.slice(1));
    assert.equal(points, cells.length, name);
    assert.ok(
      cells.every((cell) => /^\d+$/.test(cell)),
      name,
    );
    assert.ok(new Set(cells).size > 1, `${name}: nothing changes`);
    const drawn = await page.locator(".chart svg").boundingBox();
    assert.ok(drawn.width <= 480, `${name}: a chart of ${drawn.width} pixels leaves no picture`);
    await accessible(page, `the chart of ${name}`);
    await unspilled(page, name);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("the slider reads the curve by keys, and runs the machine with its value", async () => {
  const page = await site.open({ hash: "#p=iotlb-reach" });
  await chart(page);
  const table = await rows(page);
  const at = Number(await page.inputValue("#chart-value"));
  assert.equal(table[at][0], "32");
  await page.focus("#chart-value");
  await page.keyboard.press("ArrowRight");
  assert.match(
    await page.getAttribute("#chart-value", "aria-valuetext"),
    new RegExp(`^64: .* ${table[at + 1][1]};`),
  );
  assert.notEqual(table[at][1], table[at + 1][1]);
  await page.click("#chart-run");
  await settled(page);
  await page.waitForFunction(() => location.hash.startsWith("#1."));
  // The run is the one that the point is of: its second round has no miss.
  await page.keyboard.press("End");
  await page.waitForSelector("#tried");
  await page.evaluate(() => document.querySelector(".meant").setAttribute("open", ""));
  assert.match(await page.textContent("#failures"), /iotlb-misses = 64.*0/);
  await page.context().close();
});

test("a scenario without a number has no chart", async () => {
  const page = await site.open({ hash: "#p=lazy" });
  await page.keyboard.press("End");
  await page.waitForSelector(".ending:not([hidden])");
  await settled(page);
  assert.equal(await page.isVisible(".chart"), false);
  await page.context().close();
});
