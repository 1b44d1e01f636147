// A second build takes the place of the one that a page is of: the page goes on with its own files, or says that they are gone.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { deploy } from "../../tools/deploy.mjs";
import { serve } from "../../tools/serve.mjs";
import { start } from "./browser.mjs";

const build = (folder) => JSON.parse(readFileSync(join(folder, "build.json"), "utf8")).build;

let site;
let folder;
let second;
before(async () => {
  site = await start();
  folder = mkdtempSync(join(tmpdir(), "deploy-"));
  second = join(folder, "second");
  execFileSync("node", ["tools/dist.mjs", "--out", second, "--mark", "second"]);
});
after(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});

/** A host with the first build on it, and a page of that. */
async function host(t, name, options) {
  const place = join(folder, name);
  cpSync("dist", place, { recursive: true });
  const server = (await serve(place, 8400)).unref();
  const origin = `http://127.0.0.1:${server.address().port}/`;
  const page = await site.open({ ready: false, hash: null, ...options });
  const asked = [];
  page.context().on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(origin);
  await page.waitForSelector("html[data-ready]", { timeout: 20000 });
  // Whatever comes of the test: a host left open would keep the process waiting.
  t.after(async () => {
    await page.context().close();
    server.closeAllConnections();
    server.close();
  });
  return { place, origin, page, asked };
}

const choose = (page, name) =>
  page.evaluate((to) => (location.hash = `#p=${to}`), name).then(() => shown(page, name));
const shown = (page, name) =>
  page.waitForFunction(
    (n) =>
      document.querySelector("#scenario")?.value === n && document.documentElement.dataset.working === "no",
    name,
  );

test("two builds have different names, and each page names one", () => {
  const [a, b] = [build("dist"), build(second)];
  assert.match(a, /^[0-9a-f]{16}$/);
  assert.notEqual(a, b);
  for (const page of [
    "index.html",
    "index.zh.html",
    "gallery.html",
    "gallery.zh.html",
    "embed.html",
    "embed.js",
    "sw.js",
  ])
    assert.ok(readFileSync(join("dist", page), "utf8").includes(a), page);
  // The same sources give the same name.
  const again = join(folder, "again");
  execFileSync("node", ["tools/dist.mjs", "--out", again]);
  assert.equal(build(again), a);
});

test("a page that is open goes on with the files of its own build", async (t) => {
  const { place, page, asked } = await host(t, "kept", { serviceWorkers: "block" });
  const [a, b] = [build("dist"), deploy(second, place)];
  assert.ok(existsSync(join(place, "b", a)) && existsSync(join(place, "b", b)));
  await choose(page, "mmio");
  await page.keyboard.press("e");
  await page.waitForSelector(".cm-content");
  await page.keyboard.press("Escape");
  // The editor's colours are the machine's.
  for (let i = 0; i < 100 && !asked.some((path) => path.endsWith("/iommu_bg.wasm")); i++)
    await page.waitForTimeout(100);
  const files = asked.filter((path) => path.startsWith("/b/"));
  assert.ok(files.some((path) => path.endsWith("/worker.js")));
  assert.ok(files.some((path) => path.endsWith("/iommu_bg.wasm")));
  assert.deepEqual(
    files.filter((path) => !path.startsWith(`/b/${a}/`)),
    [],
  );
  assert.deepEqual(page.errors, []);
});

test("a page whose files are gone says that a newer version is there, and comes back by a reload", async (t) => {
  const { place, page, asked } = await host(t, "gone", { serviceWorkers: "block" });
  const a = build("dist");
  deploy(second, place, { keep: 0, now: 0 });
  const b = deploy(second, place, { keep: 0, now: 1 });
  assert.deepEqual(readdirSync(join(place, "b")).sort(), [b, "replaced.json"].sort());
  await page.evaluate(() => (location.hash = "#p=mmio"));
  await page.waitForSelector("#newer:not([hidden])");
  assert.match(await page.textContent("#newer"), /newer version/);
  assert.deepEqual(
    asked.filter((path) => path.startsWith(`/b/${b}/`)),
    [],
    "a file of the other build was loaded",
  );
  await Promise.all([page.waitForEvent("load"), page.click("#reload")]);
  await shown(page, "mmio");
  assert.ok(asked.some((path) => path.startsWith(`/b/${b}/`)));
  assert.notEqual(a, b);
});

test("a service worker keeps a build until no page of it is open", async (t) => {
  const { place, origin, page } = await host(t, "worker");
  const [a, b] = [build("dist"), build(second)];
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, {
    timeout: 30000,
  });
  // Nothing of the first build is left on the host.
  deploy(second, place, { keep: 0, now: 0 });
  deploy(second, place, { keep: 0, now: 1 });
  await choose(page, "mmio");
  await page.keyboard.press("e");
  await page.waitForSelector(".cm-content");
  assert.deepEqual(page.errors, []);
  // The second build's worker waits, and the page says so.
  await page.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()));
  await page.waitForSelector("#newer:not([hidden])");
  const kept = () => page.evaluate(() => caches.keys());
  assert.deepEqual((await kept()).sort(), [a, b].map((name) => `iommu-playground-${name}`).sort());
  await page.goto("about:blank");
  await page.goto(origin);
  await page.waitForFunction(
    async ([old, now]) =>
      document.querySelector("script[type=module]").src.includes(now) &&
      !(await caches.keys()).includes(`iommu-playground-${old}`),
    [a, b],
  );
});
