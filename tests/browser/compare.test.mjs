// A change that is tried, and two runs side by side: what came of them is said in words, and where it parts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, settled, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const end = async (page) => {
  await page.keyboard.press("End");
  await page.waitForSelector(".ending:not([hidden])");
};

for (const [width, locale] of [
  [1280, "en-US"],
  [360, "zh-CN"],
]) {
  test(`what was tried is told as promised, expectations are folded: ${width} px, ${locale}`, async () => {
    const page = await site.open({ hash: "#p=why-iommu", width, height: 800, locale });
    const zh = locale.startsWith("zh");
    await end(page);
    // What the change leads to is for the machine to show, not told before.
    assert.doesNotMatch(await page.textContent(".try"), zh ? /落到了内核/ : /hits the kernel/);
    await page.click("#try");
    await settled(page);
    await end(page);
    await page.waitForFunction(() => document.querySelector("#tried")?.textContent.length > 20);
    assert.match(
      await page.textContent("#tried"),
      zh ? /正如所说.*内核/ : /As promised: The wild write hits the kernel/,
    );
    await page.waitForFunction(() => document.querySelector(".before")?.textContent.length > 10);
    assert.equal(await page.getAttribute(".meant", "open"), null);
    // Addresses in what failed are hexadecimal.
    const failures = await page.textContent("#failures");
    assert.doesNotMatch(failures, /268435456/);
    await accessible(page, "a change that was tried");
    await unspilled(page, "a change that was tried");
    await page.click("#try");
    await settled(page);
    await end(page);
    await page.waitForSelector(".ending .answer:not(#tried)");
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test("where the outcomes part it is said that the runs differ, also after an access that both end alike", async () => {
  const page = await site.open({ hash: "#p=mmio", height: 900 });
  await page.selectOption("#compare", { index: 1 });
  await page.waitForSelector("#verdicts .end");
  await settled(page);
  assert.ok(await page.isDisabled("#go-parting"));
  assert.match(await page.textContent("#differs"), /^Δ/);
  assert.equal(await page.getAttribute("#verdicts", "data-differs"), "true");
  await page.context().close();
});

test("two runs get a verdict each, and begin where their outcomes part", async () => {
  for (const width of [1280, 1920]) {
    const page = await site.open({ hash: "#p=why-iommu", width, height: 900 });
    await end(page);
    await page.click("#compare-change");
    await page.waitForSelector("#verdicts .end");
    await settled(page);
    const [left, right] = await page.$$eval("#verdicts .end", (all) => all.map((p) => p.textContent));
    assert.match(left, /[Rr]efused|nothing/);
    assert.notEqual(left.slice(6), right.slice(7));
    // Each picture says what its own run came to: one was refused, the other hit what nobody gave it.
    assert.equal(await page.$eval("#diagram .token", (token) => token.getAttribute("class")), "token dead");
    assert.equal(await page.$eval(".other .token", (token) => token.getAttribute("class")), "token wrong");
    assert.equal(await page.isVisible(".ending"), false);
    // At the end of both it is still said.
    await page.keyboard.press("End");
    await settled(page);
    assert.equal(await page.$$eval("#verdicts .end", (all) => all.length), 2);
    await page.keyboard.press("Home");
    await settled(page);
    await page.click("#go-parting");
    await settled(page);
    await page.waitForFunction(() => document.querySelector("#differs").textContent.startsWith("Δ"));
    await accessible(page, "two runs");
    await page.click("#end-compare");
    await page.waitForFunction(() => !document.documentElement.hasAttribute("data-comparing"));
    assert.equal(await page.isVisible("#verdicts"), false);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});
