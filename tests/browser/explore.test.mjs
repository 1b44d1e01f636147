// What an expert asks of the page: reads in order, bits, queues, caches, the other run, a guess, long runs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, length, moving, position, press, settled, start } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

async function pressUntil(page, key, holds, limit = 80) {
  for (let i = 0; i < limit; i++) {
    if (await page.evaluate(holds)) return;
    await press(page, key);
  }
  assert.fail(`not reached by ${limit} times ${key}`);
}

async function done(page) {
  assert.deepEqual(page.errors, []);
  await page.context().close();
}

test("a nested walk: 24 reads in a grid, each with its address cut into indexes", async () => {
  const page = await site.open({ hash: "#p=nested-walk&depth=read" });
  await press(page, "m");
  await pressUntil(page, "ArrowRight", () => document.querySelectorAll(".grid button").length === 24);
  const numbers = await page.$$eval(".grid button", (all) => all.map((b) => Number(b.textContent)));
  assert.deepEqual(
    numbers,
    Array.from({ length: 24 }, (_, i) => i + 1),
  );
  // A number of the grid leads to its read.
  await page.click(".grid button >> nth=23");
  await settled(page);
  assert.equal(await page.textContent(".grid button.current"), "24");
  // The strip under the row: its stretches are the bits of the address that is looked up, and the pressed one's
  // number is the index that the row says was read.
  const strip = await page.$$eval(".cut > *", (parts) =>
    parts.map((p) => [p.querySelector("small").textContent, p.querySelector("code").textContent]),
  );
  assert.equal(strip[0][0].split(":")[0], "47");
  assert.equal(strip.at(-1)[0], "11:0");
  assert.equal(strip.map(([, bits]) => bits).join("").length, 48);
  const now = await page.textContent(".cut [aria-current] b");
  assert.equal(await page.textContent(".reads .current .index span:last-child"), now);
  await moving(page, () => page.click(".grid button >> nth=4"));
  assert.equal(await page.textContent(".grid button.current"), "5");
  await done(page);
});

test("what a step leaves of the walk is what a page that is opened there draws, and its rows are the same elements", async () => {
  const page = await site.open({ hash: "#p=nested-walk&depth=read" });
  await press(page, "m");
  await pressUntil(page, "ArrowRight", () => document.querySelectorAll(".reads tbody tr").length > 8);
  await settled(page);
  const kept = await page.evaluateHandle(() => document.querySelector(".reads tbody tr:nth-child(2)"));
  for (let i = 0; i < 3; i++) {
    await press(page, "ArrowRight");
    await settled(page);
  }
  assert.ok(await kept.evaluate((row) => row.isConnected));
  const drawn = (of) => of.evaluate(() => document.querySelector("#walk").innerHTML);
  const fresh = await site.open({
    hash: `#p=nested-walk&depth=read&at=${await page.getAttribute("#count", "data-position")}`,
  });
  await fresh.waitForSelector("#walk .reads");
  await settled(fresh);
  assert.equal(await drawn(page), await drawn(fresh));
  await done(page);
  await done(fresh);
});

test("next miss and next fault go to their marks, by button and by key", async () => {
  const page = await site.open({ hash: "#p=why-iommu&depth=read" });
  await moving(page, () => page.click("#next-miss"));
  assert.equal(await page.getAttribute("section.stage .now", "data-tone"), "miss");
  const at = await position(page);
  await press(page, "Home");
  await press(page, "m");
  assert.equal(await position(page), at);
  await press(page, "f");
  assert.equal(await page.getAttribute("section.stage .now", "data-tone"), "fault");
  await page.waitForFunction(() => document.querySelector("#next-fault").disabled);
  await done(page);
});

test("queues, registers and memory at the step", async () => {
  const page = await site.open({ hash: "#p=lazy&depth=read" });
  await page.click("#tab-queues");
  // On a tab the arrows choose tabs.
  await page.click("#walk");
  await pressUntil(page, "ArrowRight", () => Boolean(document.querySelector('.queue [data-waits="true"]')));
  const ends = await page.$$eval(".queue .ends span", (all) => all.slice(0, 2).map((e) => e.textContent));
  assert.notEqual(ends[0].split(" ")[1], ends[1].split(" ")[1], `${ends}`);
  await page.click('.queue [data-waits="true"] summary');
  // The bits are drawn when the browser tells that the line is open, which is a task of its own.
  await page.waitForSelector('.queue [data-waits="true"] .strip');
  await accessible(page, "queues");
  // What waited is taken.
  await pressUntil(page, "ArrowRight", () => !document.querySelector('.queue [data-waits="true"]'));
  await page.click("#tab-registers");
  const registers = await page.textContent(".panel .registers");
  assert.ok(registers.includes("IQT_REG"), registers);
  await accessible(page, "registers");
  await page.click("#tab-memory");
  await page.waitForSelector(".hex tr");
  await page.fill(".memory input", "0x1000");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".hex th")?.textContent === "0x1000");
  await accessible(page, "memory");
  await done(page);
});

test("a register that is opened stays open while one steps, and shows the bits of each step", async () => {
  const page = await site.open({ hash: "#p=lazy&depth=operation" });
  await page.click("#tab-registers");
  const tail = page.locator(".registers details", {
    has: page.locator("summary b", { hasText: /^IQT_REG$/ }),
  });
  await tail.locator("summary").click();
  await tail.locator(".cells").first().waitFor();
  const seen = new Set();
  for (let i = 0; i < 5; i++) {
    await page.click("#step");
    await settled(page);
    assert.ok(await tail.evaluate((e) => e.open), `step ${i}`);
    // The bits are those of the word in the line.
    const [word, bits] = await tail.evaluate((e) => [
      BigInt(e.querySelector("summary code").textContent),
      [...e.querySelectorAll(".cells")].map((cells) => cells.textContent).join(""),
    ]);
    assert.equal(BigInt(`0b${bits}`), word);
    seen.add(word);
  }
  assert.ok(seen.size > 1, "the register changed");
  await page.context().close();
});

test("a device's own memory is shown as it stands at the step", async () => {
  const page = await site.open({ hash: "#p=device-map&depth=read" });
  await page.click("#tab-memory");
  // On a tab the keys choose tabs.
  await page.click("#walk");
  await press(page, "End");
  const shows = (text) =>
    page.waitForFunction(
      (t) =>
        [...document.querySelectorAll(".hex .text")]
          .map((e) => e.textContent)
          .join("")
          .includes(t),
      text,
    );
  await shows("kept inside");
  assert.match(await page.textContent(".memory select option:checked"), /^gpu/);
  await accessible(page, "own memory");
  // The host's memory holds what was sent there before.
  await page.selectOption(".memory select", "");
  await page.fill(".memory input", "0x9000000");
  await page.keyboard.press("Enter");
  await shows("to the host");
  // An empty address follows the steps again.
  await page.fill(".memory input", "");
  await page.keyboard.press("Enter");
  await shows("kept inside");
  await page.click("#walk");
  await pressUntil(page, "ArrowLeft", () => !document.querySelector(".hex").textContent.includes("kept ins"));
  await done(page);
});

test("what is folded opens, and what is pointed at tells its names", async () => {
  const page = await site.open({ hash: "#p=why-iommu&depth=read" });
  const many = Array.from(
    { length: 120 },
    (_, i) => `  alloc b${i} 4K at 0x${(0x20000000 + i * 8192).toString(16)}`,
  );
  await page.click("#edit");
  await page.click(".cm-content");
  await page.keyboard.press("Control+End");
  await page.keyboard.insertText(`\n${many.join("\n")}`);
  await page.waitForFunction(() => Number(document.querySelector("#count").dataset.length) > 300);
  await page.click("#walk");
  await press(page, "End");
  await page.waitForSelector('.piece.fold[data-piece^="pa/"]');
  // The picture keeps its place though there are lanes of 122 buffers.
  assert.ok((await page.locator("#diagram").boundingBox()).height > 200);
  // A fold of buffers: theirs are the addresses from 0x20000000 on.
  const fold = page.locator('.piece.fold[data-piece^="pa/0x200"]').last();
  const buffers = () => page.$$eval('.piece.buffer[data-piece^="pa/"]', (all) => all.length);
  await fold.focus();
  assert.match(await page.textContent(".tip"), /look closer/);
  const before = await buffers();
  const closer = () => page.getAttribute("#unfocus", "title");
  for (let i = 0; i < 5 && (await fold.count()) && (await buffers()) <= before; i++) {
    const said = await closer();
    // The answer comes when it is there, and takes room: a fold that parts under the key is no fold any more.
    for (let tries = 0; tries < 10 && (await closer()) === said; tries++) {
      await settled(page);
      await fold.press("Enter");
    }
    assert.notEqual(await closer(), said);
    await settled(page);
    // What was folded is gone; the keyboard is where it was.
    assert.match(await page.evaluate(() => document.activeElement.dataset.piece ?? ""), /^pa\/0x200/);
  }
  assert.ok((await buffers()) > before, `${await buffers()} buffers, ${before} before`);
  await accessible(page, "looking closer");
  await page.click("#unfocus");
  await page.waitForSelector("#unfocus[hidden]", { state: "attached" });
  // The whole column is drawn once the machine has answered; until then the buffers are those that were looked at.
  await settled(page);
  await page.locator(".piece.buffer").first().focus();
  await page.waitForFunction(() =>
    /= .*virtual|= .*physical/.test(document.querySelector(".tip").textContent),
  );
  await done(page);
});

test("a lane shows how long the IOTLB leads to a buffer that is unmapped", async () => {
  const page = await site.open({ hash: "#p=lazy&depth=read" });
  const ends = (selector) =>
    page.$eval(selector, (e) => [e.getBoundingClientRect().left, e.getBoundingClientRect().right]);
  const [cached, stale] = [await ends(".spans .cached"), await ends('.spans [data-owner="stale"]')];
  assert.ok(cached[0] < stale[0] && cached[1] > stale[0], `${cached} ${stale}`);
  assert.ok(await page.isVisible(".lanes .key"));
  await done(page);
});

test("a bit that is flipped becomes a line of the scenario, and the run changes", async () => {
  const page = await site.open({ hash: "#p=why-iommu&depth=read" });
  await press(page, "m");
  await pressUntil(page, "ArrowRight", () => /IOTLB/.test(document.querySelector("#sentence").textContent));
  await pressUntil(page, "ArrowRight", () => !document.querySelector("#open").hidden);
  // A row of the walk leads to its read.
  await page.locator(".reads tbody tr:not(.stage, .cutting) button.link").last().click();
  await settled(page);
  const before = await page.textContent("#sentence");
  await page.click('.inspect-now .fields button[aria-label*=" W"]');
  await page.waitForFunction((b) => document.querySelector("#sentence").textContent !== b, before);
  await page.click("#edit");
  await page.waitForSelector(".cm-content");
  // The editor draws only what is in sight.
  await page.click(".cm-content");
  await page.keyboard.press("Control+End");
  await page.waitForFunction(() => /poke 0x/.test(document.querySelector(".cm-content").textContent));
  assert.match(await page.textContent("#editor"), /original|edited/i);
  await done(page);
});

test("the text is edited beside the picture, with what is wrong in sight", async () => {
  for (const [width, height] of [
    [1280, 900],
    [1024, 720],
  ]) {
    const page = await site.open({ hash: "#p=why-iommu&depth=read", width, height });
    await page.click("#edit");
    await page.click(".cm-content");
    await page.keyboard.press("Control+End");
    await page.keyboard.type("\n  dma nic wriet buf");
    await page.waitForSelector("#problems li");
    for (const part of ["#diagram", "#sentence", "#problems", "#step", ".cm-lintRange-error", "#editor"]) {
      const box = await page.locator(part).first().boundingBox();
      assert.ok(
        box && box.y >= 0 && box.y < height && box.x >= 0,
        `${part} at ${width}: ${JSON.stringify(box)}`,
      );
    }
    assert.ok((await page.locator(".problems").boundingBox()).y < height - 100);
    await accessible(page, `editor with a problem at ${width}`);
    await done(page);
  }
});

test("a guess is asked before the step and answered by it", async () => {
  const page = await site.open({ hash: "#p=why-iommu&depth=read" });
  await page.click("#predict");
  for (let i = 0; i < 200 && !(await page.$(".question .choices button")); i++) {
    await page.keyboard.press("ArrowRight");
    await settled(page);
  }
  assert.ok((await page.$$(".question .choices button")).length >= 2);
  await accessible(page, "question");
  await moving(page, () => page.click(".question .choices button"));
  assert.match(await page.textContent(".question"), /[✓✕]/);
  await done(page);
});

test("two runs side by side stop where they differ", async () => {
  const page = await site.open({ hash: "#p=lazy&depth=read" });
  const options = await page.$$eval("#compare option", (all) => all.map((o) => o.textContent));
  const at = options.findIndex((o) => /iommu strict/.test(o));
  assert.ok(at > 0, `${options}`);
  await page.selectOption("#compare", { index: at });
  await page.waitForSelector("#diagram-other svg");
  if (await page.isEnabled("#first-difference")) await page.click("#first-difference");
  await page.waitForFunction(() => document.querySelector("#differs").textContent.startsWith("Δ"));
  assert.notEqual(await page.textContent("#sentence"), await page.textContent("#other-sentence"));
  await accessible(page, "comparing");
  await page.click("#end-compare");
  await page.waitForFunction(() => !document.documentElement.hasAttribute("data-comparing"));
  await done(page);
});

test("the picture is as large as its pane, grows, and comes back", async () => {
  const page = await site.open({ hash: "#p=why-iommu&depth=read" });
  const over = () =>
    page.$eval("#diagram", (d) => Math.max(d.scrollWidth - d.clientWidth, d.scrollHeight - d.clientHeight));
  assert.equal(await over(), 0);
  for (let i = 0; i < 3; i++) await page.click(".tools .icon >> nth=3");
  assert.ok((await over()) > 0);
  await page.click(".tools .icon >> nth=2");
  assert.equal(await over(), 0);
  // Hover tells range and owner.
  await page.hover('#diagram [data-piece][aria-label*="RAM"]');
  assert.match(await page.textContent(".diagram .tip"), /0x/);
  await done(page);
});

test("on a phone the page follows what the step touches", async () => {
  const page = await site.open({ hash: "#p=nested-walk&depth=read", width: 360, height: 780 });
  await press(page, "m");
  for (let i = 0; i < 12; i++) {
    await press(page, "ArrowRight");
    await settled(page);
    const seen = await page.evaluate(() => {
      const token = document.querySelector("#diagram .token")?.getBoundingClientRect();
      const stage = document.querySelector("section.stage").getBoundingClientRect();
      return token ? [token.top, stage.top] : null;
    });
    if (seen)
      assert.ok(seen[0] > 0 && seen[0] < seen[1], `the token is at ${seen[0]}, hidden from ${seen[1]} on`);
  }
  await done(page);
});

test("keys: every one that the sheet lists does something, and the sheet closes", async () => {
  const page = await site.open({ hash: "#p=why-iommu&depth=read" });
  await page.keyboard.press("?");
  await page.waitForSelector("#keys[open]");
  await accessible(page, "keys");
  const keys = await page.$$eval("#keys kbd", (all) => all.map((k) => k.textContent));
  for (const key of ["→", "←", "Space", "Home", "End", "N", "M", "F", "O", "C", "G", "P", "E", "?"])
    assert.ok(keys.includes(key), key);
  await page.keyboard.press("Escape");
  await press(page, "l");
  await press(page, "h");
  await page.keyboard.press("g");
  await settled(page);
  assert.equal(await page.getAttribute('[data-depth="idea"]', "aria-pressed"), "true");
  await page.keyboard.press("o");
  await settled(page);
  assert.equal(await page.locator(".inner [data-kind=operation]").count(), 1);
  await page.keyboard.press("c");
  await settled(page);
  assert.equal(await page.locator(".inner [data-kind=operation]").count(), 0);
  await page.keyboard.press("p");
  assert.equal(await page.getAttribute("#predict", "aria-pressed"), "true");
  await page.keyboard.press("p");
  await page.keyboard.press(" ");
  assert.equal(await page.getAttribute("#play", "aria-pressed"), "true");
  await page.keyboard.press(" ");
  await page.keyboard.press("e");
  assert.ok(await page.$("#editor[open]"));
  await done(page);
});

test("reduced motion takes the same steps without movement; each is announced", async () => {
  const words = {};
  for (const motion of ["reduce", "no-preference"]) {
    const page = await site.open({ hash: "#p=why-iommu&depth=read", motion });
    await press(page, "m");
    await press(page, "ArrowRight");
    words[motion] = await page.textContent("#sentence");
    const moving = await page.evaluate(() => document.getAnimations().length);
    if (motion === "reduce") assert.equal(moving, 0);
    assert.ok(
      await page.$("#sentence[aria-live=polite], #sentence [aria-live=polite], [aria-live=polite] #sentence"),
    );
    await done(page);
  }
  assert.equal(words.reduce, words["no-preference"]);
});

/** Puts a text in the place of the editor's, as pasted. */
const paste = (page, text) =>
  page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    const into = document.querySelector(".cm-content");
    into.focus();
    document.execCommand("selectAll");
    into.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, text);

for (const stop of [false, true])
  test(`a run of 10,000 operations shows that it runs, leaves the page alive, and ${stop ? "can be stopped" : "can be walked through"}`, async () => {
    const page = await site.open({ hash: "#p=why-iommu&depth=read" });
    await page.click("#edit");
    await page.waitForSelector(".cm-content");
    const before = await length(page);
    // Where it is to be stopped, each line takes long enough for the run to go on when Stop is pressed.
    const one = `r = dma_map_single n b from-device\ndma n write r +${stop ? "4K" : "64"}\ndma_unmap_single r\n`;
    const text = `iommu-playground 1\niommu strict\nram 0 .. 3G\ndevice n 00:03.0\nsteps\nalloc b 4K\n${one.repeat(3400)}`;
    // Whoever wants to stop it presses as soon as there is what to press. Meanwhile the page answers: it draws frames
    // between the start of the run and its end. What the page was still at before the paste is not this run.
    await page.evaluate((stop) => {
      const busy = document.querySelector(".busy");
      window.seen = { busy: 0, frames: 0, pasted: false };
      const frame = () => {
        if (!busy.hidden) window.seen.frames++;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
      new MutationObserver(() => {
        if (busy.hidden || !window.seen.pasted) return;
        window.seen.busy++;
        // Once: what is shown after it is run again.
        if (stop && window.seen.busy === 1) document.querySelector("#stop").click();
      }).observe(busy, { attributes: true });
    }, stop);
    await page.evaluate(() => (window.seen.pasted = true));
    await paste(page, text);
    if (stop) {
      await page.waitForFunction(() => /stopped here/.test(document.body.textContent));
      await settled(page);
      // What ran until then is a run: it has steps, fewer than all of it, and its end can be gone to.
      const ran = await length(page);
      assert.notEqual(ran, before);
      assert.ok(ran > 0, `${ran}`);
      const said = await page.evaluate(() => document.querySelector(".message").textContent);
      const line = Number(/line (\d+)/.exec(said)?.[1]);
      assert.ok(line >= 6 && line < 6 + 3 * 3400, said);
      return done(page);
    }
    await page.waitForFunction(() => Number(document.querySelector("#count").dataset.length) > 100000, null, {
      timeout: 60000,
    });
    const { busy, frames } = await page.evaluate(() => window.seen);
    assert.ok(busy > 0, "nothing said that it runs");
    assert.ok(frames > 0, "the page stood still");
    // Far seeks of a long trace; in the editor the keys are the text's.
    await page.click("#walk");
    await press(page, "End");
    await press(page, "Home");
    await press(page, "ArrowRight");
    await done(page);
  });

test("Stop is for the run that is asked for, also where the machine is still on its way to where the recording stood", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  // The machine comes late, as over a slow line: what is pressed meanwhile is for what was asked for last.
  let arrived;
  const late = new Promise((done) => (arrived = done));
  await page.context().route("**/*.wasm", async (route) => {
    await late;
    await route.continue();
  });
  const one = "r = dma_map_single n b from-device\ndma n write r +4K\ndma_unmap_single r\n";
  const text = `iommu-playground 1\niommu strict\nram 0 .. 3G\ndevice n 00:03.0\nsteps\nalloc b 4K\n${one.repeat(3400)}`;
  await page.click("#edit");
  await page.waitForSelector(".cm-content");
  await paste(page, text);
  await page.waitForFunction(() => document.querySelector("#stop").checkVisibility());
  await page.click("#stop");
  arrived();
  await page.waitForFunction(() => /stopped here/.test(document.body.textContent));
  await done(page);
});
