// The gallery: every question is there with its own picture, can be found in both languages, opens and can be shared.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { accessible, start, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const PAGES = ["gallery.html", "gallery.zh.html"];
const said = JSON.parse(execFileSync("target/debug/iommu-play", ["gallery"], { encoding: "utf8" }));

const shown = (page) => page.$$eval(".card:not([hidden])", (cards) => cards.map((card) => card.id));

test("every scenario has a card with its title, answer and a picture that the core drew", async () => {
  for (const hash of PAGES) {
    const page = await site.open({ hash });
    const lang = hash.includes("zh") ? "zh" : "en";
    const cards = await page.$$eval(".card", (all) =>
      all.map((card) => ({
        name: card.id,
        title: card.querySelector("h3").textContent,
        answer: card.querySelector("p").textContent,
      })),
    );
    const want = said.scenarios.map((s) => ({ name: s.name, title: s.title[lang], answer: s.answer[lang] }));
    assert.deepEqual(cards, want);
    const pictures = await page.$$eval(".card img", (images) =>
      Promise.all(
        images.map(async (image) => {
          image.loading = "eager";
          await image.decode();
          return image.naturalWidth === Number(image.getAttribute("width"));
        }),
      ),
    );
    assert.equal(pictures.length, said.scenarios.length);
    assert.ok(pictures.every(Boolean));
    // The path: each scenario of it once, numbered through.
    const path = await page.$$eval(".stage ol li", (steps) =>
      steps.map((step) => `${step.value} ${/#p=([a-z-]+)/.exec(step.querySelector("a").href)[1]}`),
    );
    const order = said.path.flatMap((stage) => stage.scenarios);
    assert.deepEqual(
      path,
      order.map((name, i) => `${i + 1} ${name}`),
    );
    const terms = await page.$$eval(".terms dt", (names) => names.map((name) => name.textContent));
    assert.deepEqual(
      terms,
      said.terms.flatMap((chapter) => chapter.terms).map((term) => term.name[lang]),
    );
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("search takes either language, and what is found is in the address", async () => {
  const page = await site.open({ hash: "gallery.html" });
  await page.keyboard.press("/");
  await page.keyboard.type("RMRR");
  assert.deepEqual(await shown(page), ["reserved-memory"]);
  assert.equal(await page.textContent("#count"), "1 question");
  assert.equal(new URL(page.url()).hash, "#q=RMRR");
  await page.fill("#search", "描述符 门铃");
  assert.deepEqual(await shown(page), ["ring"]);
  await page.fill("#search", "no such words");
  assert.deepEqual(await shown(page), []);
  await page.click("#reset");
  assert.equal((await shown(page)).length, said.scenarios.length);
  await page.click("label:has([value=interrupts])");
  await page.click("label:has([value=advanced])");
  const wanted = said.scenarios.filter(
    (s) => s.topics.includes("interrupts") && s.difficulty.name === "advanced",
  );
  assert.deepEqual(
    await shown(page),
    wanted.map((s) => s.name),
  );
  // The same view, linked, and in the other language.
  const link = page.url();
  await page.click("#lang");
  await page.waitForSelector("html[data-ready]:lang(zh)");
  assert.equal((await shown(page)).length, wanted.length);
  const other = await site.open({ hash: link.slice(site.origin.length) });
  assert.equal((await shown(other)).length, wanted.length);
  assert.equal(await other.isChecked("[value=interrupts]"), true);
  await other.context().close();
  await page.context().close();
});

test("a card opens its scenario within a second, and the page leads back", async () => {
  const page = await site.open({ hash: "gallery.html" });
  // Measured by the page itself, from its own navigation on; the best of three, since this machine is shared.
  let best = Infinity;
  for (let i = 0; i < 3 && best >= 1000; i++) {
    if (i) await page.goBack();
    await page.click("#swiotlb h3 a");
    await page.waitForSelector("html[data-ready]");
    await page.waitForFunction(() => document.querySelector("#title")?.textContent.includes("swiotlb"));
    best = Math.min(best, await page.evaluate(() => performance.now()));
  }
  assert.ok(best < 1000, `${best} ms`);
  assert.match(new URL(page.url()).hash, /^#p=swiotlb/);
  await page.click("#gallery");
  await page.waitForSelector("#cards");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a link and the code of an embed are copied", async () => {
  const page = await site.open({
    hash: "gallery.zh.html",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const clipboard = () => page.evaluate(() => globalThis.navigator.clipboard.readText());
  await page.click("#ring [data-copy=link]");
  await page.waitForFunction(() => document.querySelector("#toast").textContent !== "");
  assert.equal(await clipboard(), `${site.origin}#p=ring&lang=zh`);
  await page.click("#ring [data-copy=embed]");
  await page.waitForFunction(async () =>
    (await globalThis.navigator.clipboard.readText()).includes("<iommu-playground"),
  );
  const code = await clipboard();
  assert.ok(code.includes(`${site.origin}embed.js`) && code.includes('preset="ring"'), code);
  await page.context().close();
});

test("without scripts all of it can be read", async () => {
  const page = await site.open({ hash: "gallery.html", javaScriptEnabled: false, ready: false });
  assert.equal(await page.locator(".card:visible").count(), said.scenarios.length);
  await page.context().close();
});

test("nothing is wider than the window, and axe finds nothing", async () => {
  for (const hash of PAGES)
    for (const width of [360, 1280])
      for (const theme of ["light", "dark"]) {
        const page = await site.open({ hash, width, theme });
        await unspilled(page, `${hash} ${width}`);
        await accessible(page, `${hash} ${width} ${theme}`);
        await page.context().close();
      }
});
