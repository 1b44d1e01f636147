// The embed in pages that are hostile, or strict: their prototypes, globals and names are not the usual ones, and what they show was
// written to do harm. Policies without WebAssembly or a worker are in embed.test.mjs, sandboxes in frame.test.mjs, a hundred elements and
// removal in bounds.test.mjs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start } from "./browser.mjs";
import { elsewhere } from "./elsewhere.mjs";

let site;
let other;
before(async () => {
  site = await start();
  other = await elsewhere();
});
after(async () => {
  await site.close();
  other.close();
});

const PRESET =
  '<iommu-playground id="a" preset="why-iommu" at="fault" view="full" controls="full"></iommu-playground>';

/** A page of another host. */
async function host(body, { script = "", headers = {} } = {}) {
  const url = other.put(
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Docs</title><link rel="icon" href="data:,">
<script>${script}</script><script>window.seen = []; window.violations = [];
for (const name of ["ready", "error"]) addEventListener(name, (e) => e.detail && seen.push([name, e.detail]), true);
document.addEventListener("securitypolicyviolation", (e) => violations.push(e.effectiveDirective));
</script><script defer src="${site.origin}embed.js"></script></head><body>${body}</body></html>`,
    headers,
  );
  const page = await site.open({ ready: false, hash: null });
  await page.goto(url);
  await page.waitForFunction(() => window.seen.length > 0, null, { timeout: 20000 });
  return page;
}

/** It shows what it should, steps back and forth, and loads a text. */
async function works(page) {
  assert.deepEqual(await page.evaluate(() => window.seen.filter(([name]) => name === "error")), []);
  const before = await page.evaluate(() => document.querySelector("#a").position);
  assert.ok(before > 0);
  await page.locator("#a #back").click();
  await page.waitForFunction((b) => document.querySelector("#a").position < b, before);
  await page.locator("#a #step").click();
  await page.waitForFunction((b) => document.querySelector("#a").position >= b, before);
  assert.ok((await page.locator("#a #diagram svg text").count()) > 10);
  assert.equal(await page.evaluate(() => document.querySelector("#a").load({ preset: "howto" })), true);
}

test("prototypes that hold what was never put there change nothing", async () => {
  // What a polluted page has: names that options, attributes, messages and requests of ours have, too.
  const page = await host(PRESET, {
    script: `for (const [name, value] of Object.entries({
      preset: "nested-walk", scenario: "<b>", src: "javascript:hacked=1", at: "1", lang: "zh", link: "#x", view: "walk", theme: "dark",
      hidden: true, disabled: true, type: "module", headers: { x: "y" }, body: "b", method: "POST", transfer: 1,
      innerHTML: "<img src=x onerror=hacked=1>", onclick: "hacked=1", onerror: "hacked=1", class: "evil",
      href: "javascript:hacked=1", slot: 3, kind: "x", message: "polluted", line: 7, troubles: [{ message: "x" }], then: undefined,
      default: 1, length2: 1, error: "polluted", stopped: "polluted", suggestion: "polluted", iommuPolicy: null, iommuModule: undefined,
    })) Object.prototype[name] = value;
    Array.prototype.last = function () { return this[this.length - 1]; };
    String.prototype.extra = "x"; Function.prototype.extra = "x";`,
  });
  await works(page);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("#a .embed-body").getAttribute("lang"), "en");
  assert.equal(
    await page.evaluate(() => document.querySelector("#a").shadowRoot.querySelector("img, script")),
    null,
  );
  await page.context().close();
});

test("names that the page gives to its elements are not taken for the browser's", async () => {
  const names = [
    "customElements",
    "settings",
    "start",
    "near",
    "App",
    "h",
    "words",
    "location",
    "currentScript",
    "baseURI",
    "body2",
  ];
  const page = await host(
    `${names.map((name) => `<a id="${name}" name="${name}" href="javascript:hacked=1"></a>`).join("")}
     <form name="cookie"><input name="shadowRoot"><input name="append"></form><img name="getElementById">${PRESET}`,
  );
  await works(page);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await page.context().close();
});

const strict = (more = "") =>
  `default-src 'none'; img-src data:; script-src ${site.origin} 'unsafe-inline' 'wasm-unsafe-eval'; worker-src blob:; connect-src ${site.origin}; ` +
  `require-trusted-types-for 'script'${more}`;

test("Trusted Types: with the policy's name it runs, without it says what is needed", async () => {
  const page = await host(PRESET, {
    headers: { "content-security-policy": strict("; trusted-types iommu-playground") },
  });
  await works(page);
  // The module comes as a script where it may not be fetched (no CORS): that refusal is expected.
  assert.deepEqual(await page.evaluate(() => window.violations.filter((v) => v !== "connect-src")), []);
  await page.context().close();
  const refused = await host(`${PRESET.replace("></", "><pre>still here</pre></")}`, {
    headers: { "content-security-policy": strict("; trusted-types others") },
  });
  const [[name, detail]] = await refused.evaluate(() => window.seen);
  assert.deepEqual([name, detail.kind], ["error", "machine"]);
  assert.match(detail.message, /trusted-types needs iommu-playground/);
  assert.ok(await refused.isVisible("#a pre"));
  await refused.context().close();
});

test("a hundred hostile texts stay text, whatever carries them", async () => {
  const evil = [
    `</iommu-playground><script>hacked=1</script>`,
    `<img src=x onerror=hacked=1>`,
    `"><svg onload=hacked=1>`,
    `&lt;script&gt;hacked=1&lt;/script&gt;`,
    `{{constructor.constructor('hacked=1')()}}`,
    "${hacked=1}",
    `__proto__`,
    `\u202ehacked=1\u202c`,
  ];
  const page = await site.open();
  await page.evaluate(() => (window.hacked = undefined));
  // Logs: in the page's reader of fault logs.
  const line =
    "DMAR: [DMA Write NO_PASID] Request device [00:1f.6] fault addr 0xdead0000 [fault reason 0x05] PTE Write access is not set";
  const log = Array.from(
    { length: 100 },
    (_, n) => `${evil[n % evil.length]} ${line} ${evil[(n + 3) % evil.length]}`,
  ).join("\n");
  await page.goto(`${site.origin}#explain`);
  await page.waitForSelector("textarea", { timeout: 20000 });
  const box = page.locator("textarea").first();
  await box.fill(log);
  await page.waitForFunction(
    () => /00:1f\.6/.test(document.querySelector("dialog, main, body").textContent),
    null,
    { timeout: 20000 },
  );
  await page.waitForTimeout(500);
  const made = await page.evaluate(() => ({
    hacked: window.hacked,
    handlers: [...document.querySelectorAll("*")].filter((e) =>
      e.getAttributeNames().some((n) => /^on/.test(n)),
    ).length,
    scripts: [...document.scripts].filter((s) => /hacked/.test(s.textContent)).length,
    polluted: Object.keys(Object.prototype).length,
  }));
  assert.deepEqual(made, { hacked: undefined, handlers: 0, scripts: 0, polluted: 0 });
  await page.context().close();
});
