// Clicks through scenarios as a newcomer would, and reads the results from the page.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  accessible,
  follow,
  length,
  moved,
  moving,
  position,
  settled,
  start,
  stepThrough,
  unspilled,
} from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const PRESETS = readdirSync("core/src/scenario/presets").flatMap(
  (name) => /^(.*)\.scn$/.exec(name)?.[1] ?? [],
);

/** In the page: what is told, and whether it is in sight. */
const TOLD = `
  const shown = (s) => {
    const e = document.querySelector(s);
    return e && e.checkVisibility() ? e.textContent.trim() : null;
  };
  return { idea: shown("#note"), inner: shown(".inner"), count: shown("#count"), answer: shown(".ending") };`;

test("a newcomer presses Step: an idea each time, what came of it, and the answer", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  assert.match(await page.textContent("#title"), /IOMMU/);
  assert.match(await page.textContent("#sentence"), /Press Step/);
  const seen = await stepThrough(page, TOLD);
  assert.ok(seen.length >= 3 && seen.length <= 20, `${seen.length}`);
  assert.equal(new Set(seen.map((s) => s.idea)).size, seen.length, "an idea stands twice");
  seen.forEach((s, i) => assert.equal(s.count, `${i + 1} / ${seen.length}`));
  for (const s of seen) assert.ok(s.inner, JSON.stringify(s));
  assert.deepEqual(
    seen.map((s) => s.answer !== null),
    seen.map((_, i) => i === seen.length - 1),
  );
  assert.match(seen.at(-1).answer, /IOMMU/);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("Step reaches the end and the answer in every preset, at every depth", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  for (const preset of PRESETS)
    for (const depth of ["idea", "operation", "read"]) {
      await follow(page, preset, depth);
      // Of a long run at its reads the last are enough.
      await page.evaluate(() => {
        const bar = document.querySelector("#scrub");
        if (Number(bar.max) > 60) {
          bar.value = String(Number(bar.max) - 5);
          bar.dispatchEvent(new Event("input"));
        }
      });
      await settled(page);
      const seen = await stepThrough(page, TOLD);
      const what = `${preset}, ${depth}`;
      assert.ok(seen.length > 0, what);
      assert.equal(await position(page), await length(page), what);
      assert.ok(seen.at(-1).answer, what);
      if (depth === "idea") assert.ok((await page.getAttribute("#scrub", "max")) <= 20, what);
    }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("Play goes to the end, stops there, and shows the answer", async () => {
  for (const [depth, width] of [
    ["idea", 1280],
    ["operation", 360],
  ]) {
    const page = await site.open({ hash: `#p=why-iommu&depth=${depth}`, width, height: 740 });
    if (!(await page.isVisible("#speed"))) await page.click("#more");
    await page.selectOption("#speed", "4");
    await page.click("#play");
    await page.waitForFunction(
      () =>
        document.querySelector("#step").disabled &&
        document.querySelector("#play").getAttribute("aria-pressed") === "false",
      null,
      { timeout: 60000 },
    );
    assert.equal(await position(page), await length(page));
    assert.ok(await page.isDisabled("#play"));
    assert.ok(await page.isVisible(".ending .answer"));
    await page.context().close();
  }
});

test("a stop opens in place one depth further, twice, and closes again", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  for (let i = 0; i < 2; i++) {
    await page.click("#step");
    await settled(page);
  }
  const idea = await page.textContent("#note");
  const at = await position(page);
  assert.equal(await page.isVisible(".inspector"), false);
  await page.keyboard.press("o");
  await settled(page);
  assert.equal(await page.textContent("#note"), idea);
  assert.equal(await page.locator(".inner [data-kind=operation]").count(), 1);
  assert.ok(await page.isVisible(".inspector"));
  await page.click("#open");
  await settled(page);
  assert.equal(await page.locator(".inner [data-kind=read]").count(), 1);
  assert.match(await page.textContent(".inner [data-kind=read] .nth"), /^1 \/ /);
  assert.equal(await page.textContent("#note"), idea);
  // Stepping inside goes on through all that is open, and comes out where the stop ends.
  const open = () => page.locator(".inner [data-kind=operation], .inner [data-kind=read]").count();
  for (let i = 0; i < 100 && (await open()); i++) {
    await page.click("#step");
    await settled(page);
    if ((await page.textContent("#note")) !== idea) break;
  }
  assert.notEqual(await page.textContent("#note"), idea);
  assert.equal(await open(), 0);
  await page.keyboard.press("ArrowLeft");
  await settled(page);
  assert.equal(await position(page), at);
  await page.keyboard.press("o");
  await settled(page);
  await page.keyboard.press("c");
  await settled(page);
  assert.equal(await position(page), at);
  assert.equal(await page.locator(".inner [data-kind=operation]").count(), 0);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("the depth is kept and travels in the link; an unknown one is told and passed over", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  await page.click('[data-depth="operation"]');
  await page.waitForURL((url) => url.hash.includes("depth=operation"));
  const again = await page.context().newPage();
  await again.goto(`${site.origin}#p=mmio`);
  await again.waitForSelector("html[data-ready]");
  assert.equal(await again.getAttribute('[data-depth="operation"]', "aria-pressed"), "true");
  const fresh = await site.open({ hash: new URL(page.url()).hash });
  assert.equal(await fresh.getAttribute('[data-depth="operation"]', "aria-pressed"), "true");
  const wrong = await site.open({ hash: "#p=why-iommu&depth=deep" });
  assert.match(await wrong.textContent(".message [role=status]"), /"depth=deep"/);
  assert.equal(await wrong.getAttribute('[data-depth="idea"]', "aria-pressed"), "true");
  for (const p of [page, fresh, wrong]) await p.context().close();
});

test("an engineer finds the walk and its bits", async () => {
  const page = await site.open({ hash: "#p=why-iommu&depth=read" });
  await moving(page, () => page.keyboard.press("m"));
  // A walk is one read; opened, it has each table.
  for (let i = 0; i < 60 && !(await page.isVisible("#open")); i++)
    await moving(page, () => page.keyboard.press("ArrowRight"));
  await moving(page, () => page.keyboard.press("o"));
  await settled(page);
  // The entry shown bit by bit is the one that the walk's row says was read.
  const row = await page.$$eval(".reads tr.current code", (codes) => codes.map((c) => c.textContent));
  const strip = await page.getAttribute(".strip", "aria-label");
  assert.ok(strip.includes(row[1]), `${strip} is not ${row}`);
  const bits = await page.$eval(".strip", (strip) =>
    [...strip.querySelectorAll("i")].map((run) => run.textContent).join(""),
  );
  assert.equal(bits.length, 64);
  assert.equal(BigInt(`0b${bits}`), BigInt(row[1]));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("the panes of the inspector stay where they are while one steps", async () => {
  const page = await site.open({ hash: "#p=lazy&depth=read", width: 1280, height: 800 });
  const places = () =>
    page.evaluate(() =>
      [".inspect-now", ".tabs", ".panel", "#diagram", ".transport", "section.stage"].map((s) => {
        const { top, height } = document.querySelector(s).getBoundingClientRect();
        return [s, top, height];
      }),
    );
  await page.click("#step");
  await settled(page);
  const first = await places();
  for (let i = 0; i < 25; i++) {
    await page.click("#step");
    await settled(page);
    assert.deepEqual(await places(), first);
  }
  await page.context().close();
});

for (const [width, height] of [
  [360, 740],
  [740, 360],
])
  test(`picture, what is told and Step are in sight together at ${width} x ${height}`, async () => {
    const page = await site.open({ hash: "#p=howto", width, height });
    const look = async () => {
      for (const [part, least] of [
        ["#diagram", 140],
        ["#note", 15],
        ["#step", 20],
        ["#scrub", 10],
      ]) {
        const box = await page.locator(part).boundingBox();
        const seen = Math.min(height, box.y + box.height) - Math.max(0, box.y);
        assert.ok(seen >= least, `${part}: ${seen} px in sight`);
      }
      await unspilled(page);
    };
    for (let i = 0; i < 20 && (await page.isEnabled("#step")); i++) {
      await look();
      await page.click("#step");
      await settled(page);
    }
    await look();
    assert.ok(await page.isVisible(".ending .answer"));
    // A link into the run opens at the token.
    const deep = await site.open({ hash: "#p=nested-walk&at=340", width, height });
    const [token, pane] = await deep.evaluate(() =>
      ["#diagram .token, #diagram .piece.touch", "#diagram"].map((s) =>
        document.querySelector(s).getBoundingClientRect().toJSON(),
      ),
    );
    assert.ok(token.top >= pane.top && token.bottom <= pane.bottom, JSON.stringify([token, pane]));
    await page.context().close();
    await deep.context().close();
  });

test("time goes both ways, to both ends, and is kept in the address", async () => {
  const page = await site.open({ hash: "#p=howto" });
  const from = await position(page);
  await moving(page, () => page.keyboard.press("End"));
  const end = await position(page);
  assert.equal(end, await length(page));
  assert.ok(await page.isDisabled("#step"));
  await moving(page, () => page.keyboard.press("ArrowLeft"));
  const stands = await position(page);
  await page.waitForURL((url) => url.hash.includes(`at=${stands}`));
  const sentence = await page.textContent("#sentence");
  const again = await site.open({ hash: new URL(page.url()).hash });
  assert.equal(await again.textContent("#sentence"), sentence);
  await page.keyboard.press("Home");
  await moved(page, stands);
  await settled(page);
  assert.equal(await position(page), from);
  await page.context().close();
  await again.context().close();
});

test("a broken text says where, and the last good run stays", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  await page.keyboard.press("e");
  await page.waitForSelector(".cm-content");
  const picture = await page.getAttribute("#diagram svg", "aria-label");
  await page.click(".cm-content");
  await page.keyboard.press("Control+End");
  await page.keyboard.type("\nstpes");
  await page.waitForSelector("#problems li b");
  assert.match(await page.textContent("#problems"), /\d+:\d+/);
  assert.equal(await page.getAttribute("#diagram svg", "aria-label"), picture);
  // Folded, it still says that it has problems.
  await page.click("#editor summary");
  assert.match(await page.textContent("#edit"), /✕ 1/);
  // Nothing typed is lost on reload: it is offered. And there is a way back.
  await page.reload();
  await page.waitForSelector("html[data-ready]");
  assert.equal(await page.locator("#problems li b").count(), 0);
  await page.click("#draft-open");
  await page.waitForSelector("#problems li b");
  await page.click("#original");
  await page.waitForFunction(() => !document.querySelector("#problems li"));
  await page.context().close();
});

test("Chinese and English are there, and kept", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  await page.click("#lang");
  await page.waitForSelector("html[lang=zh-Hans]");
  assert.match(await page.textContent("#step"), /单步/);
  assert.match(await page.textContent("#title"), /[\u4e00-\u9fff]/);
  await page.reload();
  await page.waitForSelector("html[lang=zh-Hans][data-ready]");
  await page.context().close();
});

test("no script: what this is, a picture that the machine drew, and the ways on", async () => {
  const page = await site.open({ javaScriptEnabled: false, ready: false });
  assert.match(await page.textContent("#first h1"), /A device writes to memory by itself/);
  assert.ok(await page.locator("noscript img").evaluate((image) => image.naturalWidth > 300));
  assert.ok(await page.isVisible('noscript a[href="gallery.html"]'));
  assert.match(await page.textContent("noscript"), /JavaScript/);
  assert.match(await page.textContent(".ascii"), /bus address[\s\S]*\+--/);
  await page.context().close();
  // Each page begins in its own language.
  const chinese = await site.open({ hash: "index.zh.html", javaScriptEnabled: false, ready: false });
  assert.match((await chinese.textContent("noscript p")).trim(), /^这张图/);
  assert.equal(await chinese.getAttribute("noscript a", "href"), "gallery.zh.html");
  await chinese.context().close();
});

test("no WebAssembly: a clear message over the picture", async () => {
  // Another machine than the one that was recorded.
  const page = await site.open({ hash: "#p=mmio&arch=riscv", ready: false });
  await page.context().route("**/*.wasm", (route) => route.abort());
  await page.reload();
  await page.waitForSelector("#notice:not([hidden])");
  assert.match(await page.textContent("#notice"), /WebAssembly/);
  assert.ok(await page.isVisible(".ascii"));
  await page.context().close();
});

for (const [width, theme, locale] of [
  [1280, "light", "en-US"],
  [1280, "dark", "zh-CN"],
  [360, "light", "zh-CN"],
  [360, "dark", "en-US"],
]) {
  test(`accessible and unclipped at ${width} px, ${theme}, ${locale}`, async () => {
    const page = await site.open({ hash: "#p=why-iommu&depth=read", width, theme, locale });
    await moving(page, () => page.keyboard.press("m"));
    for (let i = 0; i < 3; i++) await moving(page, () => page.keyboard.press("ArrowRight"));
    await accessible(page);
    await unspilled(page);
    await page.context().close();
  });
}

test("a fault log is read in a dialog of its own", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  await page.click("#explain-log");
  await page.waitForSelector(".explain-dialog .explain-sample");
  await page.click(".explain-dialog .explain-sample");
  await page.waitForFunction(() => document.querySelector(".explain-summary")?.textContent.trim());
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a link leads to the first fault, and Step pressed by hand leaves Space to Play", async () => {
  const page = await site.open({ hash: "#p=why-iommu&at=fault" });
  await settled(page);
  assert.equal(await page.getAttribute("section.stage .now", "data-tone"), "fault");
  assert.equal((await page.textContent(".message")).includes("at=fault"), false);
  await page.goto(`${site.origin}#p=why-iommu&at=0`);
  await page.keyboard.press("Home");
  await settled(page);
  await page.click("#step");
  await settled(page);
  await page.keyboard.press(" ");
  await page.waitForSelector("#play[aria-pressed=true]");
  await page.keyboard.press(" ");
  await page.waitForSelector("#play[aria-pressed=false]");
  await page.context().close();
});

test("a rung of a ladder leads to the line of a log, and that line back to the rung", async () => {
  for (const [preset, code, said] of [
    ["fault-ladder", "0xc", "fault reason 0x0c"],
    ["fault-ladder-riscv", "15:2", "Fault 15"],
    ["fault-ladder-arm", "0x10", "F_TRANSLATION"],
    ["fault-ladder-amd", "0x3", "DEV_TAB_HARDWARE_ERROR"],
    ["fault-ladder-amd", "0x2:2", "flags=0x00b0"],
    ["fault-ladder-amd", "0x2:4", "flags=0x0070"],
  ]) {
    const page = await site.open({ hash: `#p=${preset}&at=fault:${code}&depth=operation` });
    await settled(page);
    assert.equal(await page.getAttribute("section.stage .now", "data-tone"), "fault");
    await page.waitForSelector(".printed");
    assert.ok((await page.textContent(".printed pre")).includes(said), preset);
    await page.click(".printed a");
    const rung = await page.waitForSelector(".explain-rung");
    assert.equal(await rung.getAttribute("href"), `#p=${preset}&at=fault:${code}`);
    await rung.click();
    await page.waitForFunction(() => !document.querySelector(".explain-dialog[open]"));
    await settled(page);
    assert.equal(await page.getAttribute("section.stage .now", "data-tone"), "fault");
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("a link to a fault that does not happen says so", async () => {
  const page = await site.open({ hash: "#p=why-iommu&at=fault:0x1" });
  await settled(page);
  await page.waitForFunction(() => document.querySelector(".message")?.textContent.includes("at=fault:0x1"));
  await page.context().close();
});

test("a term tells its meaning when it is pointed at, has the focus, or is tapped", async () => {
  const page = await site.open({ hash: "#p=howto", hasTouch: true });
  await page.click("#step");
  await settled(page);
  const term = page.locator("#note dfn.term").first();
  const meaning = page.locator(".term-meaning");
  const gone = async (act) => {
    await act();
    await meaning.waitFor({ state: "detached" });
  };
  await term.hover();
  assert.ok((await meaning.textContent()).length > 20);
  await gone(() => page.mouse.move(4, 4));
  await term.focus();
  assert.ok(await meaning.isVisible());
  await gone(() => page.keyboard.press("Escape"));
  await term.evaluate((element) => element.blur());
  await term.tap();
  await meaning.waitFor();
  await page.context().close();
});
