// The frame for wikis, the page in one file, the page without a network.
import assert from "node:assert/strict";
import { mkdtempSync, copyFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { serve } from "../../tools/serve.mjs";
import { start } from "./browser.mjs";

let site;
let wiki;
let html = "";
before(async () => {
  site = await start();
  wiki = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(html));
  await new Promise((done) => wiki.listen(0, "127.0.0.1", done));
});
after(async () => {
  wiki.close();
  await site.close();
});

/** A page on another host, with frames of ours. */
async function host(body) {
  html = `<!doctype html><html lang="en"><title>Wiki</title><script defer src="${site.origin}embed-height.js"></script><body>${body}`;
  const page = await site.open({ ready: false, hash: null });
  await page.goto(`http://127.0.0.1:${wiki.address().port}/`);
  return page;
}

for (const sandbox of [null, "allow-scripts"]) {
  test(`a frame ${sandbox ? "in a sandbox without an origin " : ""}runs, has a title, and becomes as high as it needs`, async () => {
    const attribute = sandbox ? ` sandbox="${sandbox}"` : "";
    const page = await host(
      `<iframe src="${site.origin}embed.html#p=why-iommu&at=60&lang=zh&view=diagram" title="x" height="50"${attribute}></iframe>`,
    );
    const frame = page.frameLocator("iframe");
    await frame.locator("#step").waitFor({ timeout: 15000 });
    assert.match(await frame.locator("#step").textContent(), /单步/);
    await page.waitForFunction(() => document.querySelector("iframe").offsetHeight > 300);
    const height = await page.evaluate(() => document.querySelector("iframe").offsetHeight);
    assert.ok(height <= 2400, `${height}`);
    const title = await page.frames()[1].title();
    assert.match(title, /IOMMU/);
    await frame.locator("#step").click();
    await page.context().close();
  });
}

test("a frame whose link names a machine that its scenario does not run on says so, and runs", async () => {
  const page = await host(`<iframe src="${site.origin}embed.html#p=io-ports&arch=riscv" title="x"></iframe>`);
  const frame = page.frameLocator("iframe");
  await frame.locator("#step").waitFor({ timeout: 15000 });
  await frame.getByText(/arch="riscv": .*; `vt-d` or `amd-vi` can run it/).waitFor();
  await page.context().close();
});

test("heights are taken from our frames only, and within bounds", async () => {
  const page = await host(`<iframe src="${site.origin}embed.html#p=why-iommu" title="x"></iframe>`);
  await page.frameLocator("iframe").locator("#diagram svg").waitFor();
  await page.waitForFunction(() => document.querySelector("iframe").style.height !== "");
  const before = await page.evaluate(() => document.querySelector("iframe").style.height);
  await page.evaluate(() => {
    // Not from the frame: the page's own message, and one that lies about where it comes from.
    postMessage({ type: "iommu-playground:height", version: 1, height: 9 }, "*");
    dispatchEvent(
      new MessageEvent("message", {
        source: document.querySelector("iframe").contentWindow,
        origin: "https://evil.example",
        data: { type: "iommu-playground:height", version: 1, height: 9 },
      }),
    );
  });
  // A message of our own comes after those: then they have been looked at.
  await page.evaluate(
    () =>
      new Promise((done) => {
        addEventListener("message", (event) => event.data === "after" && done());
        postMessage("after", "*");
      }),
  );
  assert.equal(await page.evaluate(() => document.querySelector("iframe").style.height), before);
  await page.evaluate((origin) => {
    const source = document.querySelector("iframe").contentWindow;
    const say = (height) =>
      dispatchEvent(
        new MessageEvent("message", { source, origin, data: { type: "iommu-playground:height", height } }),
      );
    say("url(x)");
    say(1e9);
  }, new URL(site.origin).origin);
  assert.equal(await page.evaluate(() => document.querySelector("iframe").style.height), "2400px");
  await page.context().close();
});

test("a frame whose address is none holds up no other, and one that is added later grows too", async () => {
  const page = await host(
    `<iframe src="http://[embed.html" title="none"></iframe>
     <iframe id="first" src="${site.origin}embed.html#p=why-iommu" title="x"></iframe>`,
  );
  const grown = (id) =>
    page.waitForFunction((name) => document.getElementById(name).style.height !== "", id, {
      timeout: 30_000,
    });
  await grown("first");
  await page.evaluate((src) => {
    const frame = document.createElement("iframe");
    Object.assign(frame, { id: "later", src, title: "y" });
    document.body.append(frame);
  }, `${site.origin}embed.html#p=lazy`);
  await grown("later");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a frame that may run no script says where the scenario is", async () => {
  const page = await host(`<iframe src="${site.origin}embed.html#p=why-iommu" title="x" sandbox></iframe>`);
  const frame = page.frameLocator("iframe");
  await frame.locator("noscript").first().waitFor({ state: "attached" });
  assert.match(await frame.locator("body").innerText(), /script/i);
  await page.context().close();
});

test("a frame with a damaged link says so", async () => {
  const page = await host(`<iframe src="${site.origin}embed.html#1.xx.00000000" title="x"></iframe>`);
  await page.frameLocator("iframe").locator(".notice").waitFor();
  assert.notEqual(await page.frameLocator("iframe").locator(".notice").textContent(), "");
  await page.context().close();
});

test("the page in one file opens from a disk, alone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "one-file-"));
  try {
    copyFileSync("dist/iommu-playground.html", join(folder, "page.html"));
    const page = await site.open({ ready: false, hash: null });
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`${pathToFileURL(join(folder, "page.html"))}#p=use-after-unmap`);
    await page.waitForSelector("html[data-ready]", { timeout: 20000 });
    await page.keyboard.press("n");
    await page.waitForSelector("#diagram svg");
    assert.equal(await page.inputValue("#scenario"), "use-after-unmap");
    await page.click("#explain-log");
    await page.fill(
      ".explain-input",
      "DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0xdead0000 [fault reason 0x06] PTE Read access is not set",
    );
    await page.waitForSelector(".explain :text('0xdead0000')");
    const others = asked.filter((url) => !/^(file|blob|data):/.test(url));
    assert.deepEqual(others, []);
    assert.ok(asked.filter((url) => url.startsWith("file:")).length === 1, asked.join("\n"));
    await page.context().close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the served page opens without a network after a first visit", async () => {
  const server = (await serve("dist", 8300)).unref();
  const origin = `http://127.0.0.1:${server.address().port}/`;
  const page = await site.open({ ready: false, hash: null });
  await page.goto(origin);
  await page.waitForSelector("html[data-ready]");
  // It claims the page when everything is kept.
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, {
    timeout: 30000,
  });
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await page.goto(`${origin}#p=nested-walk`);
  await page.reload();
  await page.waitForSelector("html[data-ready]", { timeout: 20000 });
  assert.equal(await page.inputValue("#scenario"), "nested-walk");
  await page.keyboard.press("n");
  await page.waitForSelector("#diagram svg");
  // The gallery too, with every picture.
  await page.goto(`${origin}gallery.html`);
  const missing = await page.evaluate(async () => {
    const images = [...document.images];
    for (const image of images) image.loading = "eager";
    await Promise.all(images.map((image) => image.decode().catch(() => {})));
    return [images.length, images.filter((image) => !image.naturalWidth).map((image) => image.src)];
  });
  assert.ok(missing[0] > 30, `${missing[0]}`);
  assert.deepEqual(missing[1], []);
  await page.context().close();
});
