// Builds the gallery's pages, one a language, from what the command line tool says of its scenarios: static, so that
// they stand before any script or WebAssembly has run, and can be found and linked.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { COMMON } from "./bundle.mjs";
import { escape, fillIn, inOther, meanings } from "./html.mjs";
import { preview } from "./preview.mjs";
import { writeSearch } from "./search.mjs";
import { SCENARIOS, section, tables } from "./tables.mjs";

const WORDS = {
  en: {
    tongue: "en",
    file: "gallery.html",
    elsewhere: { lang: "zh-Hans", label: "中文", href: "gallery.zh.html" },
    title: "What engineers ask about DMA and the IOMMU",
    lead: "Each question runs on a machine that is real to the bit. Step through it, change a line, and see the answer go the other way.",
    theme: "Light or dark",
    playground: "Open the playground",
    path: "New to this? Read these in order",
    progress: "{n} of {of} read",
    log: "This reads like a line of a log.",
    explain: "Explain this log",
    instead: "Nothing has these words. Found instead: {words}",
    search: "Search",
    hint: "a term, a fault code, a kernel message",
    difficulty: "How hard",
    topic: "About",
    all: "all",
    everything: "All questions",
    terms: "The terms, each in a sentence",
    jump: "Terms",
    machines: ["rosetta.html", "All machines"],
    counts: ["No question matches.", "1 question", "{n} questions"],
    reset: "Show all",
    picture: "Picture of a step of: ",
    step: (n, of) => `path: ${n} of ${of}`,
    link: "Copy link",
    embed: "Copy embed code",
    copied: "Copied",
    refused: "This browser does not let the page copy. Copy the text yourself (Ctrl+C):",
    and: " and ",
    comma: ", ",
    none: "no IOMMU",
  },
  zh: {
    tongue: "zh-Hans",
    file: "gallery.zh.html",
    elsewhere: { lang: "en", label: "English", href: "gallery.html" },
    title: "关于 DMA 和 IOMMU，工程师常问的问题",
    lead: "每个问题都有一台逐位精确的模拟机器来回答：一步一步看，改一行，看答案怎么变。",
    theme: "浅色或深色",
    playground: "打开 playground",
    path: "刚入门？按这个顺序看",
    progress: "已读 {n} / {of}",
    log: "这看起来像一行日志。",
    explain: "解读这段日志",
    instead: "没有找到这些词，下面是最接近的：{words}",
    search: "搜索",
    hint: "术语、错误码、内核日志",
    difficulty: "难度",
    topic: "主题",
    all: "全部",
    everything: "全部问题",
    terms: "术语，一句话说清",
    jump: "术语",
    machines: ["rosetta.zh.html", "四种机器"],
    counts: ["没有符合的问题。", "1 个问题", "{n} 个问题"],
    reset: "显示全部",
    picture: "其中一步的图：",
    step: (n, of) => `阅读路线 ${n} / ${of}`,
    link: "复制链接",
    embed: "复制嵌入代码",
    copied: "已复制",
    refused: "浏览器不允许本页复制。请自行复制下面的内容（Ctrl+C）：",
    and: " 和 ",
    comma: "、",
    none: "没有 IOMMU",
  },
};

/** The architectures that a scenario runs on, as a reader would list them. */
const list = (names, { and, comma }) =>
  names.length < 3 ? names.join(and) : `${names.slice(0, -1).join(comma)}${and}${names.at(-1)}`;

/** Width and height of a picture, so that a page keeps room for it. */
function size(svg) {
  const [, width, height] = /^<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg);
  return { width, height };
}

/** The pages' data: what the tool says, and the size of each picture. */
function ask(into) {
  const pictures = join(into, "gallery");
  mkdirSync(pictures, { recursive: true });
  const said = execFileSync("target/debug/iommu-play", ["gallery", "--pictures", pictures], {
    encoding: "utf8",
  });
  return { ...JSON.parse(said), picture: (name) => readFileSync(join(pictures, name), "utf8") };
}

function page(lang, gallery, template) {
  const words = WORDS[lang];
  const href = (name) => `./#p=${name}${lang === "zh" ? "&amp;lang=zh" : ""}`;
  const scenario = new Map(gallery.scenarios.map((s) => [s.name, s]));
  const order = gallery.path.flatMap((stage) => stage.scenarios);
  const topic = new Map(gallery.topics.map((t) => [t.name, t[lang]]));

  const stages = gallery.path.map((stage) => {
    const from = order.indexOf(stage.scenarios[0]) + 1;
    const items = stage.scenarios.map((name, i) => {
      // The question alone: what follows it is for the card.
      const title = escape(scenario.get(name).title[lang].replace(/(?<=[?？]).+$/, ""));
      return `<li value="${from + i}" data-name="${name}"><a href="${href(name)}">${title}</a></li>`;
    });
    return `<li class="stage"><h3>${escape(stage[lang])}</h3><ol start="${from}">${items.join("")}</ol></li>`;
  });

  const cards = gallery.scenarios.map((s) => {
    const file = `${s.name}.${lang}.svg`;
    const { width, height } = size(gallery.picture(file));
    const place = order.indexOf(s.name) + 1;
    const tags = [
      `<li class="tag ${s.difficulty.name}">${escape(s.difficulty[lang])}</li>`,
      ...s.topics.map((name) => `<li class="tag">${escape(topic.get(name))}</li>`),
      `<li class="tag"${s.limit ? ` title="${escape(s.limit[lang])}"` : ""}>${list(s.architectures, words) || words.none}</li>`,
      place ? `<li class="tag step">${words.step(place, order.length)}</li>` : "",
    ];
    const title = escape(s.title[lang]);
    return `<li class="card" id="${s.name}" data-difficulty="${s.difficulty.name}" data-topics="${s.topics.join(" ")}">
  <a class="shot" href="${href(s.name)}&amp;at=${s.at}" tabindex="-1" aria-hidden="true"><img src="{{FILES}}gallery/${file}" width="${width}" height="${height}" alt="" loading="lazy" decoding="async" /></a>
  <h3><a href="${href(s.name)}">${title}</a></h3>
  <p>${escape(s.answer[lang])}</p>
  <ul class="tags">${tags.join("")}</ul>
  <p class="share"><button type="button" data-copy="link">${words.link}<span class="for-readers">: ${title}</span></button><button type="button" data-copy="embed">${words.embed}<span class="for-readers">: ${title}</span></button></p>
</li>`;
  });

  const chapters = gallery.terms.map(({ title, terms }) => {
    const said = terms.map(({ name, meaning }) => [name[lang], meaning[lang]]);
    return `<h3>${escape(title[lang])}</h3>${meanings(said)}`;
  });

  const difficulties = new Map(gallery.scenarios.map((s) => [s.difficulty.name, s.difficulty[lang]]));
  const choice = (group, name, label) =>
    `<label><input type="radio" name="${group}" value="${name}"${name ? "" : " checked"} /><span>${escape(label)}</span></label>`;
  const choices = (group, label, named) =>
    `<fieldset><legend>${label}</legend>${[["", words.all], ...named].map(([name, text]) => choice(group, name, text)).join("")}</fieldset>`;

  const { columns, sections } = tables()[lang];
  const where = sections.find((s) => s.name === SCENARIOS);
  const parts = {
    LANG: words.tongue,
    PREVIEW: preview({ lang, title: words.title, sentence: words.lead, file: words.file }),
    TITLE: words.title,
    LEAD: words.lead,
    FILE: words.file,
    OTHER: inOther(words.elsewhere),
    OTHERFILE: words.elsewhere.href,
    OTHERLANG: words.elsewhere.lang,
    HOME: `./#lang=${lang}`,
    PLAYGROUND: words.playground,
    THEME: words.theme,
    PATHTITLE: words.path,
    PROGRESS: words.progress.replace("{of}", order.length),
    ALSO: escape(JSON.stringify({ log: words.log, explain: words.explain, instead: words.instead })),
    STAGES: stages.join(""),
    EVERYTHING: words.everything,
    SEARCH: words.search,
    HINT: words.hint,
    FILTERS:
      choices("difficulty", words.difficulty, [...difficulties]) + choices("topic", words.topic, [...topic]),
    COUNT: words.counts[2].replace("{n}", gallery.scenarios.length),
    COUNTS: escape(JSON.stringify(words.counts)),
    RESET: words.reset,
    COPIED: words.copied,
    REFUSED: words.refused,
    CARDS: cards.join("\n"),
    WHERE: section(where, columns, lang),
    TERMSTITLE: words.terms,
    JUMP: words.jump,
    MACHINES: words.machines[1],
    ROSETTA: words.machines[0],
    TERMS: chapters.join(""),
  };
  return fillIn(template, parts);
}

/** Builds what the gallery loads into a folder, and returns its pages by name, with `{{FILES}}` where that folder is meant. */
export async function buildGallery(into) {
  await build({
    ...COMMON,
    entryPoints: { gallery: "www/src/gallery/gallery.ts", "gallery-style": "www/src/gallery/gallery.css" },
    format: "esm",
    outdir: into,
  });
  const gallery = ask(into);
  writeSearch(into, gallery);
  const template = readFileSync("www/gallery.html", "utf8");
  return Object.fromEntries(["en", "zh"].map((lang) => [WORDS[lang].file, page(lang, gallery, template)]));
}
