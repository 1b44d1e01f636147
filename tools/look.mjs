// Looks at every picture as a reader meets it: steps each preset through its ideas at five sizes, in both languages and themes,
// measures what is drawn, and puts many small screenshots on one sheet each, to be looked at. Writes nothing that is kept.
// usage: node tools/look.mjs [--out FOLDER] [--size 1280x800]... [--lang en] [--theme dark] [--every] [PRESET...]
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { start } from "../tests/browser/browser.mjs";

/** The sizes: a small phone, two of a phone, an embed in a column, a laptop, a large screen. */
const SIZES = ["320x640", "360x740", "740x360", "828x560", "1280x800", "1920x1080"];
/** That of an embed, which is another document. */
const EMBED = "828x560";
/** Which theme goes with a language where none is named: each is seen. */
const THEMES = { en: "light", zh: "dark" };
/** Screenshots on a sheet, and how wide each is there. */
const SHEET = { across: 4, down: 3, width: 480 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string", default: "target/look" },
    size: { type: "string", multiple: true, default: SIZES },
    lang: { type: "string", multiple: true, default: ["en", "zh"] },
    theme: { type: "string" },
    // A screenshot of each idea, not only of one in the middle and of the end.
    every: { type: "boolean", default: false },
  },
});
const presets = positionals.length
  ? positionals
  : JSON.parse(execFileSync("target/debug/iommu-play", ["gallery"], { encoding: "utf8" })).scenarios.map(
      (scenario) => scenario.name,
    );

/** Where things are, and what is wrong with it; run in the page. */
export const MEASURE = `
  const root = document.querySelector("iommu-playground")?.shadowRoot ?? document;
  const holder = root.querySelector("#diagram");
  const svg = holder.querySelector("svg");
  const wrong = [];
  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim());
  const wide = (t) => /[\\u2e80-\\u9fff\\uff00-\\uffef\\u3000-\\u303f]/.test(t.textContent);
  const rects = texts.map((t) => t.getBoundingClientRect());
  const sizes = texts.map((t) => parseFloat(getComputedStyle(t).fontSize) * scale);
  texts.forEach((a, i) => {
    // The ink of a line, not the room that a face keeps above and below it.
    const slim = (r) => ({ left: r.left, right: r.right, top: r.top + r.height * 0.2, bottom: r.bottom - r.height * 0.2 });
    const at = slim(rects[i]);
    for (let j = i + 1; j < texts.length; j++) {
      if (texts[j].closest(".token") || a.closest(".token")) continue;
      const other = slim(rects[j]);
      const [x, y] = [
        Math.min(at.right, other.right) - Math.max(at.left, other.left),
        Math.min(at.bottom, other.bottom) - Math.max(at.top, other.top),
      ];
      const pair = a.textContent + " | " + texts[j].textContent;
      if (x > 1.5 * scale && y > 1) wrong.push("overlap: " + pair);
      else if (y > 2 && x > -2 && wide(a) === wide(texts[j]) && a.nextSibling !== texts[j]) wrong.push("glued: " + pair);
    }
  });
  const boxes = [...svg.querySelectorAll(".piece rect, rect.actor")].map((r) => r.getBoundingClientRect());
  texts.forEach((t, i) => {
    const [r, middle] = [rects[i], rects[i].top + rects[i].height / 2];
    const over = boxes.find(
      (b) => middle > b.top && middle < b.bottom && r.left < b.right - 1 && r.right > b.left + 1 && (r.left < b.left - 1 || r.right > b.right + 1),
    );
    if (over && !t.closest(".token")) wrong.push("over its box: " + t.textContent);
    const crossed = boxes.find(
      (b) => r.left < b.right && r.right > b.left && [b.top, b.bottom].some((edge) => Math.abs(edge - middle) < 4.2 * scale),
    );
    if (crossed && !t.closest(".token")) wrong.push("on a border: " + t.textContent);
  });
  boxes.forEach((a, i) => {
    for (const b of boxes.slice(i + 1))
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1.5)
        wrong.push("boxes overlap");
  });
  for (const line of svg.querySelectorAll(".wire .stroke")) {
    const length = line.getTotalLength();
    for (const at of [line.getPointAtLength(0), line.getPointAtLength(length)]) {
      const screen = at.matrixTransform(line.getScreenCTM());
      const near = Math.min(...boxes.filter((b) => screen.y > b.top - 3 && screen.y < b.bottom + 3)
        .flatMap((b) => [Math.abs(screen.x - b.left), Math.abs(screen.x - b.right)]));
      if (!(near < 1.5)) wrong.push("an arrow ends in the air: " + near);
    }
  }
  const down = holder.scrollHeight - holder.clientHeight;
  if (down > 4 && !holder.parentElement.dataset.more) wrong.push("below the fold without a sign");
  const shown = (what) => root.querySelector(what)?.getBoundingClientRect();
  const seen = (r) => r && r.width > 0 && r.top >= -1 && r.bottom <= innerHeight + 1 && r.left >= -1 && r.right <= innerWidth + 1;
  if (!seen(shown("#step"))) wrong.push("Step is not in sight");
  const room = shown("section.diagram");
  const height = Math.min(room.bottom, innerHeight) - Math.max(room.top, 0);
  if (height < 100) wrong.push("of the picture " + Math.round(height) + " px are in sight");
  const note = shown("#note");
  if (note && note.height > 0 && !(note.top >= -1 && note.top < innerHeight)) wrong.push("the note is not in sight");
  const box = root.querySelector(".now");
  if (box && box.scrollHeight > box.clientHeight + 2) wrong.push("the note is cut by " + (box.scrollHeight - box.clientHeight));
  const title = root.querySelector(".chosen > span");
  // Where the head has no room it stands whole beside the picture.
  const there = root.querySelector(".title-here");
  if (!(there && there.checkVisibility()) && seen(title?.getBoundingClientRect()) && title.scrollHeight > title.clientHeight + 1) wrong.push("the title is cut");
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page is too wide");
  return { wrong, least: Math.min(...sizes), most: Math.max(...sizes), down, scale };
`;

const settled = (page) =>
  page.waitForFunction(() => {
    const embed = document.querySelector("iommu-playground");
    if (!embed) return document.documentElement.dataset.working === "no";
    return embed.shadowRoot?.querySelector("#diagram svg") && embed.shadowRoot.querySelector("#step");
  });

mkdirSync(values.out, { recursive: true });
const site = await start();
const found = {};
for (const size of values.size) {
  const [width, height] = size.split("x").map(Number);
  for (const lang of values.lang) {
    const theme = values.theme ?? THEMES[lang];
    const of = `${size}-${lang}-${theme}`;
    const page = await site.open({ width, height, theme, hash: null, ready: false });
    const shots = [];
    for (const name of presets) {
      await page.goto("about:blank");
      await page.goto(`${site.origin}${size === EMBED ? "embed.html" : ""}#p=${name}&lang=${lang}`);
      if (size !== EMBED) await page.waitForSelector("html[data-ready]", { timeout: 60_000 });
      const step = page.locator("#step");
      await step.waitFor({ timeout: 60_000 });
      await settled(page);
      const looks = [];
      const take = async (what) =>
        shots.push({ name: `${name} ${what}`, image: await page.screenshot({ type: "jpeg", quality: 70 }) });
      for (let i = 0; ; i++) {
        await page.waitForTimeout(size === EMBED ? 150 : 30);
        looks.push(await page.evaluate((body) => new Function(body)(), MEASURE));
        const ended = await step.isDisabled();
        if (values.every || i === 3 || ended) await take(ended ? "end" : String(i));
        if (ended || i > 40) break;
        await step.click();
        await settled(page);
      }
      for (const [i, { wrong, least, down }] of looks.entries()) {
        for (const what of wrong) ((found[what] ??= {})[of] ??= []).push(`${name} ${i}`);
        if (least < 10.99)
          ((found["text below 11 px"] ??= {})[of] ??= []).push(`${name} ${i}: ${least.toFixed(1)}`);
        if (down > 4 && size === "1280x800")
          ((found["scrolls"] ??= {})[of] ??= []).push(`${name} ${i}: ${down} px`);
      }
      const scales = new Set(looks.map(({ scale }) => scale.toFixed(3)));
      if (scales.size > 1) ((found["the scale changes"] ??= {})[of] ??= []).push(`${name}: ${[...scales]}`);
    }
    if (page.errors.length) ((found["errors"] ??= {})[of] ??= []).push(...page.errors);
    await page.context().close();
    await sheets(of, shots);
  }
}
await site.close();

/** Many screenshots on few sheets. */
async function sheets(of, shots) {
  const each = SHEET.across * SHEET.down;
  for (let at = 0; at < shots.length; at += each) {
    const page = await site.open({
      hash: null,
      ready: false,
      width: SHEET.across * SHEET.width,
      height: 600,
    });
    const cells = shots
      .slice(at, at + each)
      .map(
        ({ name, image }) =>
          `<figure><img src="data:image/jpeg;base64,${image.toString("base64")}"><figcaption>${name}</figcaption></figure>`,
      );
    await page.setContent(`<style>body { margin: 0; display: grid; grid-template-columns: repeat(${SHEET.across}, 1fr); font: 14px sans-serif }
      figure { margin: 2px; border: 1px solid #888 } img { width: 100%; display: block }</style>${cells.join("")}`);
    const file = join(values.out, `${of}-${String(at / each).padStart(2, "0")}.png`);
    await page.screenshot({ path: file, fullPage: true });
    console.log(file);
    await page.context().close();
  }
}

writeFileSync(join(values.out, "found.json"), JSON.stringify(found, null, 1));
for (const [what, where] of Object.entries(found)) {
  const all = Object.entries(where).map(
    ([of, names]) => `${of}: ${names.length} (${[...new Set(names)].slice(0, 3).join("; ")})`,
  );
  console.log(`${what}\n  ${all.join("\n  ")}`);
}
