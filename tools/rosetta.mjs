// Builds the pages that put all architectures side by side, one a language, from what the command line tool says: static, as the
// gallery's, and made by running the machines.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { COMMON } from "./bundle.mjs";
import { escape, fillIn, inOther } from "./html.mjs";
import { preview } from "./preview.mjs";

const WORDS = {
  en: {
    tongue: "en",
    file: "rosetta.html",
    elsewhere: { lang: "zh-Hans", label: "中文", href: "rosetta.zh.html" },
    gallery: ["gallery.html", "All questions"],
    playground: "Open the playground",
    theme: "Light or dark",
    see: "see it",
    none: "none",
  },
  zh: {
    tongue: "zh-Hans",
    file: "rosetta.zh.html",
    elsewhere: { lang: "en", label: "English", href: "rosetta.html" },
    gallery: ["gallery.zh.html", "全部问题"],
    playground: "打开 playground",
    theme: "浅色或深色",
    see: "看它发生",
    none: "没有",
  },
};

/** A bar as long as its part of the row's largest count. */
const bar = (count, most) =>
  `<svg class="bar-of" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width="${((100 * count) / Math.max(most, 1)).toFixed(1)}" height="6" /></svg>`;

/** Records and lines of a log keep their shape: they follow the code in a ladder. */
const line = (text, n, name) => (name === "ladder" && n > 0 ? `<code>${escape(text)}</code>` : escape(text));

function cell({ lines, count, link }, most, lang, words, name) {
  if (!lines.length) return `<td class="none">${words.none}</td>`;
  const chart = count === null ? "" : bar(count, most);
  const to = link
    ? ` <a href="./${escape(link)}${lang === "zh" ? "&amp;lang=zh" : ""}">${words.see}</a>`
    : "";
  return `<td>${lines.map((text, n) => line(text, n, name)).join("<br />")}${chart}${to}</td>`;
}

function section({ name, title, lead, rows }, columns, lang, words) {
  const body = rows.map((row) => {
    const most = Math.max(...row.cells.map((c) => c.count ?? 0));
    return `<tr><th scope="row">${escape(row.name)}</th>${row.cells.map((c) => cell(c, most, lang, words, name)).join("")}</tr>`;
  });
  const head = columns.map((column) => `<th scope="col">${escape(column)}</th>`).join("");
  return `<section aria-labelledby="${name}">
  <h2 id="${name}">${escape(title)}</h2>
  ${lead ? `<p>${escape(lead)}</p>` : ""}
  <div class="wide" tabindex="0" role="group" aria-labelledby="${name}"><table>
    <thead><tr><td></td>${head}</tr></thead>
    <tbody>${body.join("\n")}</tbody>
  </table></div>
</section>`;
}

function page(lang, { title, lead, columns, sections }, template) {
  const words = WORDS[lang];
  const contents = sections.map((s) => `<li><a href="#${s.name}">${escape(s.title)}</a></li>`);
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
    CONTENTS: contents.join(""),
    SECTIONS: sections.map((s) => section(s, columns, lang, words)).join("\n"),
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
  const tables = JSON.parse(
    execFileSync("target/debug/iommu-play", ["rosetta", "--json"], {
      encoding: "utf8",
      maxBuffer: 64 << 20,
    }),
  );
  const template = readFileSync("www/rosetta.html", "utf8");
  return Object.fromEntries(
    ["en", "zh"].map((lang) => [WORDS[lang].file, page(lang, tables[lang], template)]),
  );
}
