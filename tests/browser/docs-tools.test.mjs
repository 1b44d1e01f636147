// mdBook, Sphinx (MyST and reStructuredText) and MkDocs: a book of each is built, and its embeds run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { serve } from "../../tools/serve.mjs";
import { start } from "./browser.mjs";

/** Where build.sh puts the tools; without them (not in CI) these tests are skipped, and say so. */
const TOOLS = process.env.IOMMU_PLAY_DOCS_TOOLS;
const skip = TOOLS ? false : "the documentation tools are not installed";

let site;
let folder;
before(async () => {
  site = await start();
  folder = mkdtempSync(join(tmpdir(), "docs-tools-"));
  cpSync("tests/docs-tools", folder, { recursive: true });
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) writeFileSync(path, readFileSync(path, "utf8").replaceAll("@ORIGIN@", site.origin));
  }
});
after(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});

/** Builds a book, serves it from a place of its own, and opens a page of it. */
async function open(t, tool, args, cwd, out, path, setup = () => {}) {
  execFileSync(join(TOOLS, tool), args, { cwd: join(folder, cwd), stdio: "pipe" });
  // Whatever policy the tool's own pages need is theirs.
  const server = (await serve(join(folder, cwd, out), 8400, { policy: null })).unref();
  const page = await site.open({ ready: false, hash: null });
  await page.addInitScript(setup);
  await page.goto(`http://127.0.0.1:${server.address().port}/${path}`);
  t.after(async () => {
    await page.context().close();
    server.closeAllConnections();
    server.close();
  });
  return page;
}

async function runs(page, id, { theme, step }) {
  await page.locator(`#${id}`).scrollIntoViewIfNeeded();
  const button = page.locator(`#${id} #step`);
  await button.waitFor({ timeout: 10000 });
  assert.match(await button.textContent(), step);
  const back = page.locator(`#${id} #back`);
  const from = await page.evaluate((i) => document.getElementById(i).position, id);
  await back.click();
  await page.waitForFunction(([i, f]) => document.getElementById(i).position < f, [id, from]);
  assert.equal(await page.locator(`#${id} .embed-body`).getAttribute("data-theme"), theme, "the theme");
  // Nothing of it is wider than the text around it.
  const wide = await page.evaluate((i) => {
    const element = document.getElementById(i);
    return element.offsetWidth - element.parentElement.clientWidth;
  }, id);
  assert.ok(wide <= 0, `${wide} px too wide`);
}

test("mdBook", { skip }, async (t) => {
  const dark = () => localStorage.setItem("mdbook-theme", "navy");
  const page = await open(t, "mdbook", ["build"], "mdbook", "book", "dma.html", dark);
  await runs(page, "preset", { theme: "dark", step: /Step/ });
  await page.evaluate(() => document.getElementById("own").goto("end"));
  await runs(page, "own", { theme: "dark", step: /单步/ });
});

test("Sphinx with MyST and reStructuredText", { skip }, async (t) => {
  const page = await open(t, "sphinx-build", ["-q", "-W", ".", "_build"], "sphinx", "_build", "index.html");
  await runs(page, "preset", { theme: "light", step: /Step/ });
  await page.evaluate(() => document.getElementById("own").goto("end"));
  await runs(page, "own", { theme: "light", step: /单步/ });
  await page.goto(page.url().replace("index.html", "rst.html"));
  await runs(page, "preset", { theme: "light", step: /Step/ });
});

test("MkDocs", { skip }, async (t) => {
  const page = await open(t, "mkdocs", ["build", "-q"], "mkdocs", "site", "index.html");
  await runs(page, "preset", { theme: "dark", step: /Step/ });
  await page.evaluate(() => document.getElementById("own").goto("end"));
  await runs(page, "own", { theme: "dark", step: /单步/ });
});
