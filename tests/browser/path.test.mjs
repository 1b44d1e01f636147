// The first screen, and the newcomer's path from lesson to lesson: as somebody goes who has never heard of an IOMMU.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { accessible, settled, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const said = JSON.parse(execFileSync("target/debug/iommu-play", ["gallery"], { encoding: "utf8" }));
const PATH = said.path.flatMap((stage) => stage.scenarios);

const over = (page) => page.waitForSelector(".ending:not([hidden])");
const title = (name, lang = "en") => said.scenarios.find((s) => s.name === name).title[lang];

for (const [width, height, theme, locale] of [
  [1280, 800, "light", "en-US"],
  [1280, 800, "dark", "zh-CN"],
  [360, 780, "light", "zh-CN"],
  [360, 780, "dark", "en-US"],
]) {
  test(`the first screen says what this is and where to begin: ${width} px, ${theme}, ${locale}`, async () => {
    const page = await site.open({ width, height, theme, locale });
    await page.waitForSelector("#landing #door-path b");
    await settled(page);
    const lead = await page.textContent("#landing-lead");
    assert.match(
      lead,
      locale.startsWith("zh") ? /设备会自己读写内存/ : /A device writes to memory by itself/,
    );
    // One button, in sight without scrolling, and three doors; no counts, no empty boxes.
    const box = await page.locator("#begin").boundingBox();
    assert.ok(box.y + box.height < height, "the button is out of sight");
    assert.equal(await page.locator(".doors > *").count(), 3);
    assert.match(await page.textContent("#door-path"), new RegExp(String(PATH.length)));
    for (const part of ["#count", "#step", "#scenario", ".lanes"])
      assert.equal(await page.isVisible(part), false, part);
    assert.ok(await page.isVisible("#diagram svg"));
    await accessible(page, "the first screen");
    await unspilled(page, "the first screen");
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test("the picture of the first screen is the machine's: it moves through a transfer to a refusal, and then rests", async () => {
  const page = await site.open({ motion: "no-preference" });
  // Every picture that was shown, by the place of the run it is of.
  const seen = new Set();
  for (;;) {
    const now = await page.$eval("#count", (count) => Number(count.dataset.position));
    seen.add(now);
    const tone = await page.$eval("#landing-caption", (caption) => caption.dataset.tone);
    if (tone === "fault") break;
    await page.waitForFunction((at) => Number(document.querySelector("#count").dataset.position) !== at, now);
  }
  assert.ok(seen.size > 3, `${[...seen]}`);
  assert.ok(await page.isVisible("#diagram .token, #diagram svg"));
  // Without motion it is that last picture from the start.
  const still = await site.open({ motion: "reduce" });
  await settled(still);
  assert.equal(await still.$eval("#landing-caption", (caption) => caption.dataset.tone), "fault");
  // What it shows leaves no trace in the address.
  assert.equal(new URL(still.url()).hash, "");
  await page.context().close();
  await still.context().close();
});

test("one button pressed ten times tells the story and its answer", async () => {
  const page = await site.open();
  await page.click("#begin");
  await page.waitForSelector("html:not([data-landing])");
  await settled(page);
  const told = [];
  for (let i = 0; i < 10; i++) {
    told.push(await page.textContent("#note"));
    if (!(await page.isEnabled("#step"))) break;
    await page.click("#step");
    await settled(page);
  }
  await over(page);
  const notes = said.scenarios.find((s) => s.name === "why-iommu").notes.map((note) => note.en);
  for (const note of notes) assert.ok(told.join("\n").includes(note), note);
  assert.match(await page.textContent(".ending"), /reaches only what was mapped/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("keys begin too, and the name leads back", async () => {
  const page = await site.open();
  await page.keyboard.press("ArrowRight");
  await page.waitForSelector("html:not([data-landing])");
  await settled(page);
  assert.notEqual(await page.$eval("#count", (c) => c.dataset.position), "0");
  await page.click("#home");
  await page.waitForSelector("html[data-landing]");
  await page.click("#door-log");
  await page.waitForSelector(".explain-dialog[open]");
  await page.context().close();
});

test("the path leads from lesson to lesson, says which one it is, and ticks what was read", async () => {
  const page = await site.open();
  await page.click("#door-path");
  await page.waitForFunction((want) => document.querySelector("#title").textContent === want, title(PATH[0]));
  for (let nth = 1; nth <= 3; nth++) {
    await settled(page);
    assert.equal(await page.textContent("#path-count"), `${nth} of ${PATH.length}`);
    await page.keyboard.press("End");
    await over(page);
    const option = await page.$eval(`#scenario option[value="${PATH[nth - 1]}"]`, (o) => o.textContent);
    assert.match(option, new RegExp(`^${nth}\\. .*✓$`));
    assert.ok((await page.textContent("#next-lesson")).includes(`${nth + 1} of ${PATH.length}`));
    await page.click("#next-lesson");
    await page.waitForFunction(
      (want) => document.querySelector("#title").textContent === want,
      title(PATH[nth]),
    );
  }
  await page.click("#path-previous");
  await page.waitForFunction((want) => document.querySelector("#title").textContent === want, title(PATH[2]));
  // Kept, and shown by the gallery and by the first screen.
  await page.goto(`${site.origin}gallery.html`);
  await page.waitForSelector("html[data-ready]");
  assert.equal(await page.locator(".path li[data-done]").count(), 3);
  await page.goto(site.origin);
  await page.waitForSelector("#door-path[data-to]");
  assert.equal(await page.getAttribute("#door-path", "data-to"), PATH[3]);
  await page.context().close();
});

test("every lesson ends with its answer and a question that the machine answers, with reasons", async () => {
  for (const [i, name] of PATH.entries()) {
    const zh = i % 4 === 3;
    const page = await site.open({
      hash: `#p=${name}${zh ? "&lang=zh" : ""}`,
      width: i % 2 ? 360 : 1280,
      height: 800,
    });
    await page.keyboard.press("End");
    await over(page);
    // It opens when it is wanted: closed, the answer leaves the picture its room.
    await page.click(".ending details:has(.check:not([hidden])) > summary");
    await page.waitForSelector(".check .choice");
    const want = said.scenarios.find((s) => s.name === name).check;
    const lang = zh ? "zh" : "en";
    assert.ok((await page.textContent(".check .asked")).includes(want.text[lang].replaceAll("`", "")), name);
    // Space is the run's: the question does not take the focus.
    assert.equal(await page.evaluate(() => document.activeElement.closest(".check")), null, name);
    for (const choice of want.choices) {
      await page.locator(".choice", { hasText: choice.text[lang] }).first().click();
      const reason = await page.textContent(".reason");
      assert.ok(reason.includes(choice.reason[lang]), `${name}: ${reason}`);
      assert.equal(reason.startsWith("✓"), choice.right, name);
    }
    assert.equal(await page.getAttribute(".check", "data-answered"), "right", name);
    if (i % 5 === 0) {
      await accessible(page, `the end of ${name}`);
      await unspilled(page, name);
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("a browser that keeps nothing, or nonsense, costs only the remembering", async () => {
  for (const kept of ["{", "[1,2", '{"a":1}', null]) {
    const page = await site.open({ hash: "#p=address-space" });
    await page.evaluate((text) => {
      if (text !== null) return localStorage.setItem("iommu-playground:done", text);
      const refuse = () => {
        throw new Error("denied");
      };
      Object.getPrototypeOf(localStorage).setItem = refuse;
      Object.getPrototypeOf(localStorage).getItem = refuse;
    }, kept);
    if (kept !== null) {
      await page.reload();
      await page.waitForSelector("html[data-ready]");
    }
    await page.keyboard.press("End");
    await over(page);
    assert.match(await page.$eval('#scenario option[value="address-space"]', (o) => o.textContent), /✓$/);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("the page in one file has the path, everything else and the terms", async () => {
  const page = await site.open({ hash: null, ready: false });
  await page.goto(pathToFileURL("dist/iommu-playground.html").href);
  await page.waitForSelector("html[data-ready]");
  await page.click("#gallery");
  await page.waitForSelector("#search-results a.hit");
  const hits = await page.$$eval("#search-results a.hit", (all) => all.map((a) => a.getAttribute("href")));
  assert.deepEqual(
    hits.slice(0, PATH.length),
    PATH.map((name) => `#p=${name}`),
  );
  assert.equal(hits.length, said.scenarios.length);
  const terms = said.terms.flatMap((chapter) => chapter.terms).length;
  assert.equal(await page.locator("#search-results .all-terms .found-term").count(), terms);
  await page.click('#search-results a[href="#p=lazy"]');
  await page.waitForFunction((want) => document.querySelector("#title").textContent === want, title("lazy"));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
