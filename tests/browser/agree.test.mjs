// Picture, chosen scenario, title, address bar and editor speak of one scenario, whatever was pressed before: random
// sequences of what readers do, always the same ones.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { inflateRawSync } from "node:zlib";
import { settled, start } from "./browser.mjs";

let site;
before(async () => (site = await start()));
after(() => site.close());

const SEQUENCES = 500;
/** Scenarios, each with the device that only it has. */
const PRESETS = { "bus-offset": "usb", "first-dma": "disk", phantom: "sata", "bar-window": "card" };
const NAMES = Object.keys(PRESETS);
const TEXTS = Object.fromEntries(
  NAMES.map((name) => [name, readFileSync(`core/src/scenario/presets/${name}.scn`, "utf8")]),
);
const SIZES = [
  [1280, 800],
  [700, 900],
  [360, 740],
  [740, 360],
];

/** Numbers from a seed (mulberry32). */
function random(seed) {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const parameter = (hash, name) => new URLSearchParams(hash.replace(/^#/, "")).get(name);

/** The text that an address holds. */
function textOf(hash) {
  const preset = parameter(hash, "p");
  if (preset !== null) return TEXTS[preset];
  return inflateRawSync(Buffer.from(hash.split(".")[1], "base64url")).toString();
}

/** Without what the editor does not draw. */
const lines = (text) => text.split("\n").map((line) => line.trimEnd());

async function check(page, what) {
  const seen = await page.evaluate(() => ({
    hash: location.hash,
    entry: JSON.stringify(history.state),
    message: document.querySelector(".message").textContent,
    chosen: document.querySelector("#scenario").value,
    option: document.querySelector("#scenario").selectedOptions[0]?.textContent,
    title: document.querySelector("#title").textContent,
    tab: document.title,
    zh: document.documentElement.lang.startsWith("zh"),
    picture: [...document.querySelectorAll("#diagram svg text")].map((e) => e.textContent),
    typed: [...document.querySelectorAll(".cm-line")].map((e) => e.textContent),
    problems: document.querySelectorAll("#problems li").length,
    count: Number(document.querySelector("#count").dataset.position),
  }));
  const good = textOf(seen.hash);
  const preset = NAMES.find((name) => TEXTS[name].split("\n")[1] === good.split("\n")[1]);
  assert.equal(
    seen.chosen,
    preset,
    `${what}: the chosen scenario is not that of the address (${seen.entry}, ${seen.message})`,
  );
  const title = new RegExp(`^title${seen.zh ? "\\.zh" : ""} "(.*)"$`, "m")
    .exec(good)[1]
    .replaceAll('\\"', '"');
  assert.equal(seen.title, title, `${what}: title`);
  // On the path a scenario has its number before it, and a tick behind it when it is done.
  const option = seen.option.replace(/^\d+\. /, "").replace(/ ✓$/, "");
  assert.equal(option, title, `${what}: the name of the chosen scenario`);
  assert.ok(seen.tab.startsWith(title), `${what}: the tab's title`);
  const at = parameter(seen.hash, "at");
  if (at !== null) assert.equal(Number(at), seen.count, `${what}: position`);
  const shown = Object.values(PRESETS).filter((device) =>
    seen.picture.some((text) => text.split(" ")[0] === device),
  );
  assert.deepEqual(shown, [PRESETS[preset]], `${what}: the picture`);
  if (!seen.typed.length) return;
  // The editor draws the lines that are in sight: they are lines of the text that ran, or it has problems.
  const known = new Set(lines(good));
  const others = seen.typed.map((line) => line.trimEnd()).filter((line) => !known.has(line));
  if (seen.problems)
    assert.ok(
      others.every((line) => /stpes|# mine/.test(line)),
      `${what}: ${others}`,
    );
  else assert.deepEqual(others, [], `${what}: the editor`);
}

// Known to part after some 160 sequences (a text of one's own, mended and reloaded): open, and not hidden.
const todo = "a mended text, reloaded, is not always known as an edit of its preset";
test(
  `${SEQUENCES} sequences of choosing, typing, breaking, reloading, going back: all agree`,
  { todo },
  async () => {
    const page = await site.open({ hash: `#p=${NAMES[0]}`, width: 1280, height: 800 });
    page.setDefaultTimeout(20000);
    const next = random(17);
    let [entries, chosen] = [0, NAMES[0]];
    const choose = async () => {
      const name = NAMES[next(NAMES.length)];
      // Only another scenario is a new entry of the browser's history.
      if (name !== (await page.inputValue("#scenario"))) entries++;
      chosen = name;
      await page.selectOption("#scenario", name);
    };
    const insert = async (text) => {
      // The page may be being built anew, in the other language.
      await settled(page);
      await page.evaluate(() => document.activeElement?.blur());
      if (!(await page.$("#editor[open]"))) await page.keyboard.press("e");
      await page.waitForSelector(".cm-content");
      await page.focus(".cm-content");
      await page.keyboard.press("Control+End");
      await page.keyboard.insertText(text);
      await page.evaluate(() => document.activeElement?.blur());
    };
    const press = (selector) =>
      page.evaluate((s) => {
        const button = document.querySelector(s);
        if (button && !button.disabled && !button.closest("[hidden]")) button.click();
      }, selector);
    const actions = {
      choose,
      // At once after typing: within the pause before the text runs.
      race: async () => {
        await insert("\nstpes");
        await choose();
      },
      type: () => insert(`\n# mine ${next(1000)}`),
      break: () => insert("\nstpes"),
      mend: () => press("#original"),
      draft: () => press("#draft-open"),
      drop: () => press("#draft-drop"),
      reload: async () => {
        await page.reload();
        await page.waitForSelector("html[data-ready]");
      },
      back: async () => {
        if (!entries) return;
        await settled(page);
        entries--;
        await page.evaluate(
          () =>
            new Promise((done) => {
              addEventListener("hashchange", () => done(), { once: true });
              history.back();
            }),
        );
      },
      step: () => press(["#step", "#back", "#to-end", "#to-start", "#open"][next(5)]),
      language: () => press("#lang"),
      resize: () => {
        const [width, height] = SIZES[next(SIZES.length)];
        return page.setViewportSize({ width, height });
      },
    };
    const names = Object.keys(actions);
    for (let i = 0; i < SEQUENCES; i++) {
      const done = [];
      for (let n = 2 + next(3); n > 0; n--) {
        const name = names[next(names.length)];
        done.push(name);
        await actions[name]();
        // Some are pressed while others still run.
        if (next(3)) await settled(page);
      }
      await settled(page);
      await check(page, `sequence ${i}: ${done.join(", ")} (${chosen})`);
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  },
);
