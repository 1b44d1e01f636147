// Builds the pages that put all architectures side by side, one a language, from what the command line tool says: static, as the
// gallery's, and made by running the machines.
import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { COMMON } from "./bundle.mjs";
import { escape, fillIn, inOther, meanings } from "./html.mjs";
import { SCENARIOS, section, tables } from "./tables.mjs";
import { preview } from "./preview.mjs";

const WORDS = {
  en: {
    tongue: "en",
    file: "rosetta.html",
    elsewhere: { lang: "zh-Hans", label: "中文", href: "rosetta.zh.html" },
    gallery: ["gallery.html", "All questions"],
    playground: "Open the playground",
    theme: "Light or dark",
  },
  zh: {
    tongue: "zh-Hans",
    file: "rosetta.zh.html",
    elsewhere: { lang: "en", label: "English", href: "rosetta.html" },
    gallery: ["gallery.zh.html", "全部问题"],
    playground: "打开 playground",
    theme: "浅色或深色",
  },
};

function page(lang, { title, lead, columns, sections, terms, terms_title }, template) {
  const words = WORDS[lang];
  const here = sections.filter((s) => s.name !== SCENARIOS);
  const at = (s) => `${here.includes(s) ? "" : words.gallery[0]}#${s.name}`;
  const contents = sections.map((s) => `<li><a href="${at(s)}">${escape(s.title)}</a></li>`);
  const termed = `<section class="terms" aria-labelledby="terms"><h2 id="terms">${escape(terms_title)}</h2>${meanings(terms)}</section>`;
  const parts = {
    LANG: words.tongue,
    PREVIEW: preview({ lang, title, sentence: lead, file: words.file }),
    TITLE: escape(title),
    LEAD: escape(lead),
    OTHER: inOther(words.elsewhere),
    OTHERFILE: words.elsewhere.href,
    OTHERLANG: words.elsewhere.lang,
    GALLERY: `<a class="jump" href="${words.gallery[0]}">${words.gallery[1]}</a>`,
    HOME: `./#lang=${lang}`,
    PLAYGROUND: words.playground,
    THEME: words.theme,
    CONTENTS: `${contents.join("")}<li><a href="#terms">${escape(terms_title)}</a></li>`,
    SECTIONS: [...here.map((s) => section(s, columns, lang)), termed].join("\n"),
  };
  return fillIn(template, parts);
}

/** Builds what the pages load into a folder, and returns them by name, with `{{FILES}}` where that folder is meant. */
export async function buildRosetta(into) {
  await build({
    ...COMMON,
    entryPoints: {
      "gallery-rosetta": "www/src/gallery/rosetta.ts",
      "gallery-rosetta-style": "www/src/gallery/rosetta.css",
    },
    format: "esm",
    outdir: into,
  });
  const template = readFileSync("www/rosetta.html", "utf8");
  return Object.fromEntries(
    ["en", "zh"].map((lang) => [WORDS[lang].file, page(lang, tables()[lang], template)]),
  );
}
