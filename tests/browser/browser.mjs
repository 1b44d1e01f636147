// One Chromium and one server for a test file, or for the screenshots.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { crc32, deflateRawSync } from "node:zlib";
import { chromium } from "playwright-core";
import { serve } from "../../tools/serve.mjs";

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The link of a text, without the page. */
export const packed = (text, crc = crc32(text)) =>
  `#1.${deflateRawSync(text).toString("base64url")}.${crc.toString(16).padStart(8, "0")}`;

export async function start() {
  // What a failure leaves open keeps no test's process alive.
  const server = (await serve("dist", 8200)).unref();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ARGS,
  });
  const origin = `http://127.0.0.1:${server.address().port}/`;
  return {
    origin,
    /** A fresh page, standing at a place of the site, ready. */
    async open({
      hash = "",
      width = 1280,
      height = 900,
      theme = "light",
      locale = "en-US",
      motion = "reduce",
      ready = true,
      ...rest
    } = {}) {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: theme,
        locale,
        reducedMotion: motion,
        ...rest,
      });
      const page = await context.newPage();
      page.errors = [];
      page.on("pageerror", (error) => page.errors.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error") page.errors.push(message.text());
      });
      // null: the test says itself where to go.
      if (hash !== null) await page.goto(origin + hash);
      if (ready) await page.waitForSelector("html[data-ready]", { timeout: 20000 });
      return page;
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}

const AXE = readFileSync("node_modules/axe-core/axe.min.js", "utf8");

/** What axe-core finds wrong with a page as it stands; `but` is a selector of what is not looked at. */
async function violations(page, but = null) {
  await page.evaluate(AXE);
  return page.evaluate(
    async (exclude) => (await window.axe.run(exclude ? { exclude: [exclude] } : document)).violations,
    but,
  );
}

/** Asserts that axe-core finds nothing wrong; `what` says in which state. */
export async function accessible(page, what = "the page", but = null) {
  const found = await violations(page, but);
  assert.deepEqual(
    found.map((v) => `${what}: ${v.id}: ${v.nodes.map((n) => n.target).join(" ")}`),
    [],
  );
}

/** Asserts that nothing makes the page wider than its window. */
export async function unspilled(page, what = "the page") {
  const spill = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(spill <= 0, `${what} is ${spill} px too wide`);
}

/** Does something, and waits until the page stands elsewhere. */
export async function moving(page, act) {
  const from = await position(page);
  await act();
  await moved(page, from);
}

/** Presses a key that moves the page to another position. */
export const press = (page, key) => moving(page, () => page.keyboard.press(key));

/** The position that the page says it is at, and that of the end. */
export const position = async (page) => Number(await page.getAttribute("#count", "data-position"));
export const length = async (page) => Number(await page.getAttribute("#count", "data-length"));

/** Waits until the page stands elsewhere than at `from`. */
export const moved = (page, from) =>
  page.waitForFunction((f) => Number(document.querySelector("#count").dataset.position) !== f, from);

/** Waits until everything is done that the page was asked for: nothing is under way, and the picture is drawn. */
export const settled = (page) =>
  page.waitForFunction(() => document.documentElement.dataset.working === "no");

/** Follows a link to a preset at a depth, in the page that is open. */
export async function follow(page, preset, depth) {
  await page.evaluate((hash) => (location.hash = hash), `p=${preset}&depth=${depth}`);
  await page.waitForFunction(
    ([name, how]) =>
      document.querySelector("#scenario").value === name &&
      document.querySelector(`[data-depth="${how}"]`).getAttribute("aria-pressed") === "true" &&
      document.documentElement.dataset.working === "no",
    [preset, depth],
  );
}

/** Presses Step until there is nothing left; returns what was shown after each, in the words of `read` (run in the page). */
export const stepThrough = (page, read = "return null", limit = 1000) =>
  page.evaluate(
    async ([body, most]) => {
      const look = new Function(body);
      const root = document.documentElement;
      const seen = [];
      const button = document.querySelector("#step");
      for (let i = 0; i < most && !button.disabled; i++) {
        button.click();
        while (root.dataset.working !== "no")
          await new Promise((done) => {
            const watch = new MutationObserver(() => (watch.disconnect(), done()));
            watch.observe(root, { attributes: true });
          });
        seen.push(look());
      }
      return seen;
    },
    [read, limit],
  );
