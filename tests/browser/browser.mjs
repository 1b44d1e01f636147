// One Chromium and one server for a test file, or for the screenshots.
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

export async function start() {
  const server = await serve("dist", 8200);
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
