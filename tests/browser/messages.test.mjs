// What the page requests of its worker: all that is shown of a position comes with one message, its picture with it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { settled, start } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

/** What the end of a run asks for, once. */
const OF_THE_END = ["sweep", "checkQuestion"];

/** The requests that doing something makes, by name. */
async function requests(page, act) {
  await page.evaluate(() => (globalThis.requests = []));
  await act();
  await settled(page);
  // What a change of a pane's width would still bring comes with a frame.
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))),
  );
  await settled(page);
  const made = await page.evaluate(() => globalThis.requests);
  return made.filter((name) => !OF_THE_END.includes(name));
}

for (const [width, height] of [
  [1280, 800],
  [360, 740],
])
  test(`a step, a stop opened or closed, and another depth are one message each, at ${width} px`, async () => {
    const page = await site.open({ hash: null, ready: false, width, height });
    await page.addInitScript(() => {
      globalThis.requests = [];
      const post = globalThis.Worker.prototype.postMessage;
      globalThis.Worker.prototype.postMessage = function (message, ...more) {
        globalThis.requests.push(message.name);
        return post.call(this, message, ...more);
      };
    });
    // The machine itself, without the recordings before it.
    const none = { first: "why-iommu", others: [] };
    await page.route("**/first/names.json", (route) => route.fulfill({ json: none }));
    for (const name of ["howto", "nested-walk", "lazy"]) {
      await page.goto("about:blank");
      await page.goto(`${site.origin}#p=${name}`);
      await page.waitForSelector("html[data-ready]");
      await settled(page);
      const key = (k) => requests(page, () => page.keyboard.press(k));
      for (let i = 0; i < 2; i++) assert.deepEqual(await key("ArrowRight"), ["shown"], `${name}: step ${i}`);
      assert.deepEqual(await key("ArrowLeft"), ["shown"], `${name}: back`);
      // Ideas, operations, reads, and ideas again.
      for (const depth of ["operation", "read", "idea"])
        assert.deepEqual(await key("g"), ["shown"], `${name}: ${depth}`);
      assert.deepEqual(await key("o"), ["shown"], `${name}: opened`);
      assert.deepEqual(await key("ArrowRight"), ["shown"], `${name}: a step in it`);
      // What is inside an operation is known only to the machine, until it was seen once.
      assert.ok((await key("o")).length <= 2, `${name}: opened again`);
      for (let i = 0; i < 4 && (await page.isEnabled("#step")); i++)
        assert.deepEqual(await key("ArrowRight"), ["shown"], `${name}: read ${i}`);
      await key("c");
      assert.deepEqual(await key("o"), ["shown"], `${name}: opened what was seen`);
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
