// Picture, chosen scenario, title, address bar and editor speak of one scenario, whatever was pressed before: random
// sequences of what readers do, always the same ones.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { inflateRawSync } from "node:zlib";
import { start } from "./browser.mjs";

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

/** What the page says once everything is done that it was asked for. */
const look = (page) =>
  page.evaluate(async () => {
    await window.settled();
    // A picture whose page was just built anew is measured when a frame is drawn, and then asked for.
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    await window.settled();
    return {
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
    };
  });

function check(seen, what) {
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

/** In the page: its pauses are a tenth as long, and it can be waited for without a round trip. */
function quicker() {
  const wait = window.setTimeout.bind(window);
  window.setTimeout = (act, ms = 0, ...more) => wait(act, ms / 10, ...more);
  // How many entries of the browser's history are the page's own: one may go back so far.
  const push = history.pushState.bind(history);
  history.pushState = (...entry) => {
    sessionStorage.pushed = Number(sessionStorage.pushed ?? 0) + 1;
    push(...entry);
  };
  window.settled = () =>
    new Promise((done) => {
      const over = () => document.documentElement.dataset.working === "no";
      if (over()) return done();
      const watch = new MutationObserver(() => {
        if (!over()) return;
        watch.disconnect();
        done();
      });
      watch.observe(document.documentElement, { attributes: true });
    });
}

/** In the page: one action that readers do. Typing goes through the editor's own transactions, as a keyboard's does. */
async function act([name, choice, wait]) {
  const press = (selector) => {
    const button = document.querySelector(selector);
    if (button && !button.disabled && !button.closest("[hidden]")) button.click();
  };
  const choose = (scenario) => {
    const menu = document.querySelector("#scenario");
    menu.value = scenario;
    menu.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const insert = async (text) => {
    // The page may be being built anew, in the other language.
    await window.settled();
    if (!document.querySelector("#editor[open]")) press("#edit");
    while (!document.querySelector(".cm-content"))
      await new Promise((done) => {
        const watch = new MutationObserver(() => (watch.disconnect(), done()));
        watch.observe(document.body, { childList: true, subtree: true });
      });
    const content = document.querySelector(".cm-content");
    content.focus();
    getSelection().selectAllChildren(content);
    getSelection().collapseToEnd();
    document.execCommand("insertText", false, text);
    content.blur();
  };
  if (name === "choose") choose(choice);
  else if (name === "race") {
    await insert("\nstpes");
    // At once after typing: within the pause before the text runs.
    choose(choice);
  } else if (name === "type" || name === "break") await insert(choice);
  else if (name === "back") {
    await window.settled();
    if (!Number(sessionStorage.pushed)) return;
    sessionStorage.pushed = Number(sessionStorage.pushed) - 1;
    await new Promise((done) => {
      // Two entries may be of one address: then it is no change of the fragment.
      addEventListener("popstate", () => done(), { once: true });
      history.back();
    });
  } else press(choice);
  if (wait) await window.settled();
}

test(`${SEQUENCES} sequences of choosing, typing, breaking, reloading, going back: all agree`, async () => {
  const page = await site.open({ hash: null, width: 1280, height: 800, ready: false });
  await page.addInitScript(quicker);
  await page.goto(`${site.origin}#p=${NAMES[0]}`);
  await page.waitForSelector("html[data-ready]");
  page.setDefaultTimeout(60000);
  const next = random(17);
  let chosen = NAMES[0];
  const scenario = () => (chosen = NAMES[next(NAMES.length)]);
  /** What each action is given. */
  const actions = {
    choose: scenario,
    race: scenario,
    type: () => `\n# mine ${next(1000)}`,
    break: () => "\nstpes",
    mend: () => "#original",
    draft: () => "#draft-open",
    drop: () => "#draft-drop",
    reload: () => null,
    back: () => null,
    step: () => ["#step", "#back", "#to-end", "#to-start", "#open"][next(5)],
    language: () => "#lang",
    resize: () => SIZES[next(SIZES.length)],
  };
  const names = Object.keys(actions);
  for (let i = 0; i < SEQUENCES; i++) {
    const done = [];
    for (let n = 2 + next(3); n > 0; n--) {
      const name = names[next(names.length)];
      const choice = actions[name]();
      // Some are pressed while others still run.
      const wait = next(3) > 0;
      done.push(wait ? name : `${name}!`);
      if (name === "reload") {
        await page.reload();
        await page.waitForSelector("html[data-ready]");
      } else if (name === "resize") await page.setViewportSize({ width: choice[0], height: choice[1] });
      else await page.evaluate(act, [name, choice, wait]);
    }
    check(await look(page), `sequence ${i}: ${done.join(", ")} (${chosen})`);
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
