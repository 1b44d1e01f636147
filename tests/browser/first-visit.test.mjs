// The first visit: the recording of the first scenario stands in for the machine, and says the same.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { settled, start } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

/** What the page shows at each stop of each depth: what is told, the picture, the inspector. */
async function walkThrough(page) {
  const shown = [];
  for (const depth of ["idea", "operation", "read"]) {
    await page.keyboard.press("Home");
    await settled(page);
    while ((await page.getAttribute(`[data-depth="${depth}"]`, "aria-pressed")) !== "true") {
      await page.keyboard.press("g");
      await settled(page);
    }
    while (await page.isEnabled("#step")) {
      await page.click("#step");
      await settled(page);
      shown.push(
        await page.evaluate(() =>
          // An inspector that is not shown is not built: it may hold what it was left with.
          ["section.stage", "#diagram", ".inspector"]
            .map((part) => document.querySelector(part))
            .map((part) => (part?.checkVisibility() ? part.outerHTML : "")),
        ),
      );
    }
  }
  return shown;
}

test("stepping through the first scenario loads no machine; what asks for more does", async () => {
  const page = await site.open({ hash: "#p=why-iommu" });
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await walkThrough(page);
  assert.ok(!asked.some((path) => path.endsWith(".wasm")), asked.join());
  // What nobody recorded: the same on another machine.
  await page.selectOption("#architecture", "riscv");
  await page.waitForFunction(() => location.hash.includes("riscv"));
  assert.ok(asked.some((path) => path.endsWith("/iommu_bg.wasm")));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("every preset that has a recording is opened and stepped to its answer without the machine", async () => {
  const page = await site.open({ hash: "#p=sva&depth=idea", width: 1280, height: 800 });
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const { others: names } = await page.evaluate(async () => {
    const found = performance
      .getEntriesByType("resource")
      .find(({ name }) => name.endsWith("/first/names.json"));
    return (await fetch(found.name)).json();
  });
  assert.ok(names.length >= 40, names.join());
  for (const name of names) {
    await page.selectOption("#scenario", name);
    await page.waitForFunction((name) => location.hash.split("&")[0] === `#p=${name}`, name);
    await settled(page);
    while (await page.isEnabled("#step")) {
      await page.click("#step");
      await settled(page);
    }
    assert.match(await page.textContent("#count"), /^(\d+)\D+\1\b/, name);
    assert.ok(!asked.some((path) => path.endsWith(".wasm")), name);
  }
  // What a link asks for is the machine's: it goes on in the picture that stands.
  const picture = () => page.getAttribute("#diagram svg", "viewBox");
  const before = await picture();
  await page.click("#share-open");
  await page.waitForFunction(() => document.querySelector("#share-link").value.includes("#p="));
  assert.ok(asked.some((path) => path.endsWith("/iommu_bg.wasm")));
  await page.keyboard.press("Escape");
  await page.click("#back");
  await settled(page);
  assert.equal(await picture(), before);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

for (const [width, locale] of [
  [1280, "en-US"],
  [360, "zh-CN"],
]) {
  test(`the recording shows what the machine shows, ${width} px, ${locale}`, async () => {
    const recorded = await site.open({ hash: "#p=why-iommu", width, locale });
    const live = await site.open({ hash: "#p=why-iommu", width, locale, ready: false });
    await live.context().route("**/first/*", (route) => route.fulfill({ status: 404, body: "" }));
    const machine = live.waitForRequest("**/*.wasm");
    await live.reload();
    await live.waitForSelector("html[data-ready]");
    await machine;
    const [a, b] = [await walkThrough(recorded), await walkThrough(live)];
    assert.deepEqual(a, b);
    assert.ok(new Set(a.map(String)).size > 20);
    await recorded.context().close();
    await live.context().close();
  });
}
