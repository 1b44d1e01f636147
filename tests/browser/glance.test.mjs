// What a glance tells is true: signs and labels keep off each other, a picture says whose it is, a change says what came of it,
// colours are explained, and what stands at an end is in sight.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, packed, settled, start, stepThrough, unspilled } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

test("the signs that a picture goes on lie over nothing that is written", async () => {
  for (const [preset, width, height] of [
    ["why-iommu", 1280, 620],
    ["two-stages", 360, 740],
  ]) {
    const page = await site.open({ hash: `#p=${preset}&depth=operation`, width, height });
    await settled(page);
    const seen = await stepThrough(
      page,
      `const shown = [...document.querySelectorAll("#app .diagram > .more")].filter((sign) => sign.getClientRects().length);
       const words = [...document.querySelectorAll("#diagram svg text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
       const over = shown.flatMap((sign) => {
         const { left, right, top, bottom } = sign.getBoundingClientRect();
         return words.filter(([said, r]) => said.trim() && r.left < right && r.right > left && r.top + 3 < bottom && r.bottom - 3 > top)
           .map(([said]) => sign.dataset.edge + " over " + said);
       });
       return { shown: shown.length, over };`,
    );
    assert.ok(
      seen.some(({ shown }) => shown > 0),
      preset,
    );
    assert.deepEqual(
      seen.flatMap(({ over }) => over),
      [],
      preset,
    );
    await page.context().close();
  }
});

test("the picture of another text than the one in the editor says whose it is, and looks it", async () => {
  for (const [lang, width] of [
    ["en", 1280],
    ["zh", 360],
    ["en", 360],
  ]) {
    const page = await site.open({ hash: `#p=why-iommu&lang=${lang}`, width, height: 800 });
    const whose = page.locator("#app .whose").first();
    assert.equal(await whose.isVisible(), false);
    await page.evaluate(() => (document.querySelector("#editor").open = true));
    await page.click(".cm-content");
    await page.keyboard.press("Control+End");
    await page.keyboard.type("\n  dma nic wrote");
    await page.waitForSelector("#problems li");
    await settled(page);
    // With the text folded again too.
    await page.evaluate(() => (document.querySelector("#editor").open = false));
    assert.ok(await whose.isVisible());
    assert.match(await whose.textContent(), lang === "zh" ? /《为什么需要 IOMMU？》/ : /“Why an IOMMU\?”/);
    await accessible(page, "the picture of another text");
    await unspilled(page, "the picture of another text");
    // All of it is read, and nothing lies on it: no sign that the picture goes on, and not the picture.
    const over = await whose.evaluate((notice) => {
      const { bottom } = notice.getBoundingClientRect();
      const shown = [...notice.parentElement.querySelectorAll(".more, .picture")].filter(
        (e) => e.getClientRects().length,
      );
      return {
        cut: notice.scrollHeight - notice.clientHeight,
        above: shown.filter((e) => e.getBoundingClientRect().top < bottom).length,
      };
    });
    assert.deepEqual(over, { cut: 0, above: 0 }, `${lang} at ${width}`);
    await page.context().close();
  }
});

test("of a change it is said what was changed, and at each idea what came of it before", async () => {
  const page = await site.open({ hash: "#p=lazy", height: 800 });
  await page.keyboard.press("End");
  await page.click("#try");
  await settled(page);
  await page.waitForSelector("#change:not([hidden])");
  const said = await page.textContent("#change");
  assert.match(said, /line \d+.*iommu lazy.*→.*iommu strict/);
  // The line is the one in the text as it is now.
  const nth = Number(/line (\d+)/.exec(said)[1]);
  const text = await page.evaluate(async () => {
    document.querySelector("#editor").open = true;
    while (!document.querySelector(".cm-line")) await new Promise((done) => setTimeout(done, 20));
    return [...document.querySelectorAll(".cm-line")].map((line) => line.textContent);
  });
  assert.match(text[nth - 1], /iommu strict/);
  await page.evaluate(() => (document.querySelector("#editor").open = false));
  await page.waitForFunction(() => document.documentElement.dataset.working === "no");
  const told = await stepThrough(
    page,
    `return [...document.querySelectorAll(".inner .line-said")].map((line) => [line.dataset.kind, line.textContent]);`,
  );
  const before = told.filter((lines) => lines.some(([kind]) => kind === "before"));
  assert.ok(before.length > 0 && before.length < told.length, JSON.stringify(told));
  const [wrote] = before.filter((lines) => lines.some(([, said]) => /Refused/.test(said)));
  assert.match(wrote.find(([kind]) => kind === "before")[1], /Before the change: .*stale/);
  await accessible(page, "a change");
  // The original has no such line.
  await page.keyboard.press("End");
  await page.click("#try");
  await settled(page);
  await page.waitForSelector("#change[hidden]", { state: "attached" });
  // Another machine is no change.
  await page.selectOption("#architecture", { index: 1 });
  await settled(page);
  await page.click("#step");
  await settled(page);
  assert.equal(await page.isVisible("#change"), false);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("what a change alters is said at every idea, the last one too, and the bar agrees with what is told", async () => {
  for (const preset of ["pointer", "swiotlb"]) {
    const page = await site.open({ hash: `#p=${preset}`, height: 800 });
    const outcomes = `return document.querySelector('.inner [data-kind="came"]')?.textContent ?? "";`;
    const first = await stepThrough(page, outcomes);
    await page.keyboard.press("End");
    await page.click("#try");
    await settled(page);
    await page.waitForSelector("#change:not([hidden])");
    assert.equal(await page.locator(".marks .unmet").count(), 0, preset);
    await page.waitForTimeout(300);
    const now = await stepThrough(
      page,
      `const said = (kind) => document.querySelector('.inner [data-kind="' + kind + '"]')?.textContent ?? "";
       return [said("came"), said("before")];`,
    );
    const differ = now.map(([came], i) => came !== first[i]);
    assert.deepEqual(
      now.map(([, was]) => was !== ""),
      differ,
      `${preset}: ${JSON.stringify(now)}`,
    );
    assert.ok(differ.at(-1), preset);
    await page.context().close();
  }
});

test("a text of one's own that has no answer ends with its result, said once, and nothing over the picture", async () => {
  const text = `iommu-playground 1
title "Mine"
machine vt-d
ram 0 .. 1G
device nic 00:03.0
steps
  alloc buf 4K
  rx = dma_map_single nic buf from-device
  dma nic write rx +64
`;
  const page = await site.open({ hash: packed(text), height: 800 });
  await page.keyboard.press("End");
  await settled(page);
  assert.equal(await page.isVisible(".over"), false);
  const [idea, inner] = [await page.textContent("#note"), await page.textContent(".inner")];
  assert.match(idea, /64 bytes are now at/);
  assert.doesNotMatch(inner, /64 bytes/);
  assert.match(inner, /Arrived/);
  await accessible(page, "the end of a text without an answer");
  await page.context().close();
});

test("a link to the position before the first stop opens as the scenario does", async () => {
  const seen = [];
  for (const hash of ["#p=pointer", "#p=pointer&at=0"]) {
    const page = await site.open({ hash, height: 800 });
    await settled(page);
    const look = () =>
      page.evaluate(() => [
        document.documentElement.hasAttribute("data-opened"),
        document.querySelector("#diagram svg").getScreenCTM().a.toFixed(3),
      ]);
    const before = await look();
    await page.click("#step");
    await settled(page);
    seen.push(before, await look());
    await page.context().close();
  }
  for (const each of seen) assert.deepEqual(each, [false, seen[0][1]]);
});

test("each colour of a buffer's lane is in the key beside the heading", async () => {
  for (const [preset, width] of [
    ["lazy", 1280],
    ["swiotlb", 1280],
    ["use-after-unmap", 360],
  ]) {
    const page = await site.open({ hash: `#p=${preset}&depth=operation`, width, height: 800 });
    await page.click("#step");
    await settled(page);
    const { used, key } = await page.evaluate(() => ({
      used: [...new Set([...document.querySelectorAll(".spans [data-owner]")].map((s) => s.dataset.owner))],
      key: [...document.querySelectorAll(".lanes .key [data-owner]")]
        .filter((sample) => sample.getClientRects().length && sample.parentElement.textContent.trim())
        .map((sample) => sample.dataset.owner),
    }));
    assert.ok(used.length > 1, preset);
    for (const owner of used) assert.ok(key.includes(owner), `${preset}: ${owner} of ${key}`);
    assert.ok((await page.getAttribute(".lanes-head", "title")).length > 20);
    await page.context().close();
  }
});

test("a link followed from the first screen is opened, also while that loads; a language leaves it what it is", async () => {
  const page = await site.open({ hash: null, ready: false });
  await page.goto(site.origin, { waitUntil: "commit" });
  await page.evaluate(() => (location.hash = "p=howto"));
  await page.waitForSelector("html[data-ready]:not([data-landing])");
  assert.equal(await page.inputValue("#scenario"), "howto");
  await page.goto("about:blank");
  await page.goto(site.origin);
  await page.waitForSelector("html[data-ready][data-landing]");
  await page.evaluate(() => (location.hash = "lang=zh"));
  await page.waitForSelector("html[lang='zh-Hans'][data-landing]");
  await settled(page);
  // Longer than the address waits.
  await page.waitForTimeout(300);
  assert.equal(await page.evaluate(() => location.hash), "#lang=zh");
  await page.context().close();
});

test("on small phones the answer has room to be read, and the buttons at an opened stop are whole", async () => {
  for (const width of [320, 360]) {
    const page = await site.open({ hash: "#p=use-after-unmap&at=fault", width, height: 740 });
    await settled(page);
    const [pane, button] = await page.evaluate(() =>
      ["section.stage > .now", "#close-stop"].map(
        (what) => document.querySelector(what).getBoundingClientRect().bottom,
      ),
    );
    assert.ok(button <= pane + 0.5, `${width}: cut by ${button - pane} px`);
    await page.keyboard.press("End");
    await page.waitForSelector("main > .over:not([hidden])");
    await settled(page);
    const high = await page.evaluate(() => document.querySelector("main > .over").clientHeight);
    assert.ok(high >= 120, `${width}: ${high} px`);
    assert.ok(await page.isVisible("#step"));
    await page.context().close();
  }
});

test("what the answer covers of a picture has a sign and can be scrolled out of it; so does what is cut of the answer", async () => {
  const page = await site.open({ hash: "#p=two-stages&depth=operation", height: 900 });
  await page.keyboard.press("End");
  await page.waitForSelector("main > .over:not([hidden])");
  await settled(page);
  const look = () =>
    page.evaluate(() => {
      const at = (what) => document.querySelector(what).getBoundingClientRect();
      const more = document.querySelector('#diagram ~ .more[data-edge="down"]');
      return {
        lies: at("#diagram svg").bottom - at("main > .over").top,
        sign: getComputedStyle(more).display !== "none",
        above: at("main > .over").top - more.getBoundingClientRect().bottom,
      };
    });
  const before = await look();
  assert.ok(before.lies > 20, `covered by ${before.lies} px`);
  assert.ok(before.sign && before.above >= 0, JSON.stringify(before));
  await page.evaluate(() => document.getElementById("diagram").scrollTo(0, 1e6));
  await page.waitForFunction(() => !document.querySelector(".diagram").dataset.more.includes("down"));
  assert.ok((await look()).lies <= 1);
  await page.context().close();
  const phone = await site.open({ hash: "#p=why-iommu", width: 360, height: 740 });
  await phone.keyboard.press("End");
  await phone.waitForSelector("main > .over[data-below]");
  await phone.evaluate(() => document.querySelector("main > .over").scrollTo(0, 1e6));
  await phone.waitForSelector("main > .over:not([data-below])");
  assert.deepEqual(phone.errors, []);
  await phone.context().close();
});

test("beside each other two runs stand where their outcomes part, with what came of them", async () => {
  const page = await site.open({ hash: "#p=sva", height: 800 });
  await page.selectOption("#compare", { index: 1 });
  await page.waitForSelector("#verdicts .end");
  await settled(page);
  // The stop is over: nothing of it is open.
  assert.equal(await page.isVisible("#close-stop"), false);
  assert.equal(await page.locator('.inner .line-said[data-kind="came"]').count(), 1);
  await page.context().close();
});

test("in a document an end at which nothing moves shows who acts", async () => {
  for (const preset of ["peer-bar", "reserved-memory"]) {
    const page = await site.open({ hash: null, ready: false, height: 900 });
    await page.goto(`${site.origin}embed.html`);
    await page.setContent(
      `<script src="${site.origin}embed.js"></script><div style="width:828px"><iommu-playground id="a" preset="${preset}"></iommu-playground></div>`,
    );
    await page.waitForSelector("#a #diagram svg");
    while (await page.isEnabled("#a #step")) {
      const from = await page.evaluate(() => document.getElementById("a").position);
      await page.click("#a #step");
      await page.waitForFunction((f) => {
        const element = document.getElementById("a");
        return element.position > f || !element.shadowRoot.querySelector(".over").hidden;
      }, from);
    }
    await page.waitForFunction(() => {
      const all = document.getElementById("a").shadowRoot;
      const [acts, picture] = ["#diagram .actor.touch", "#diagram"].map((what) =>
        all.querySelector(what)?.getBoundingClientRect(),
      );
      return acts && acts.top >= picture.top - 1 && acts.bottom <= picture.bottom + 1;
    });
    await page.context().close();
  }
});

test("on a phone what came of an idea is in sight, however long the idea is, and so is where it begins", async () => {
  for (const [width, height] of [
    [360, 740],
    [740, 360],
  ])
    for (const preset of ["use-after-unmap", "reserved-memory"]) {
      const page = await site.open({ hash: `#p=${preset}`, width, height });
      await settled(page);
      const seen = await stepThrough(
        page,
        `const spot = (name) => document.querySelector("#app " + name).getBoundingClientRect();
         const [now, idea, aside, came] = [".now", "#note", ".now .aside", ".inner > [data-kind=came]"].map(spot);
         return { under: came.bottom - Math.min(now.bottom, aside.top), over: now.top - came.top, idea: came.top - Math.max(idea.top, now.top) - Math.min(38, idea.height) };`,
      );
      for (const [at, { under, over, idea }] of seen.entries()) {
        const where = `${preset} at ${width} x ${height}, idea ${at + 1}`;
        assert.ok(under <= 2 && over <= 0, `${where}: ${under} px under its line, ${over} above its pane`);
        assert.ok(idea >= -1, `${where}: ${-idea} px of the idea's first two lines are hidden`);
      }
      await page.context().close();
    }
});
