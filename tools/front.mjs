// The front page in both languages: one page, which speaks either; index.zh.html is where a search engine, a preview and a reader without
// scripts find the Chinese of it, and where the page begins in Chinese.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { escape, fillIn } from "./html.mjs";
import { preview } from "./preview.mjs";

const WORDS = {
  en: {
    file: "",
    lang: "en",
    title: "iommu-playground: see a DMA happen",
    description:
      "See a DMA happen: which address is this, who translates it, and why did it fault? A machine that is real to the bit.",
    question:
      "A device writes to memory by itself. Which address may it use, who translates it, and why was it refused?",
    picture: "The first scenario as text",
    refused: "A device's write is refused at a page table of the IOMMU.",
    told: "This picture is real: the program drew it from a scenario. A device wrote to the kernel's data, and the IOMMU refused. To step through it, allow JavaScript.",
    gallery: "gallery.html",
    all: "All questions, the newcomer's path and the terms",
  },
  zh: {
    file: "index.zh.html",
    lang: "zh-Hans",
    title: "iommu-playground：看清一次 DMA",
    description: "看清一次 DMA：这是哪个地址、由谁转换、为什么出错？一台精确到每一位的模拟机器。",
    question: "设备会自己读写内存。它可以用哪个地址，由谁转换，为什么被拒绝？",
    picture: "第一个场景的文字图",
    refused: "设备的写请求在 IOMMU 的页表处被拒绝。",
    told: "这张图由程序根据场景画出：设备写往内核的数据，被 IOMMU 拒绝。要逐步观看，请启用 JavaScript。",
    gallery: "gallery.zh.html",
    all: "全部问题、阅读路线和术语",
  },
};

/** The same page in each language, for a page's head. */
const ALTERNATES = [
  ["x-default", "./"],
  ["en", "./"],
  ["zh", WORDS.zh.file],
]
  .map(([lang, href]) => `<link rel="alternate" hreflang="${lang}" href="${href}" />`)
  .join("\n    ");

/** The pages by their names; the first paint is what the command line tool draws of the first scenario. */
export function buildFront(imports) {
  const page = readFileSync("www/index.html", "utf8");
  const one = (code) => {
    const words = WORDS[code];
    const drawn = execFileSync(
      "target/debug/iommu-play",
      ["draw", "why-iommu", "--width", "100", "--lang", code],
      { encoding: "utf8" },
    );
    const parts = {
      ASCII: drawn.replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
      PREVIEW: `${preview({ lang: code, title: words.title, file: words.file })}\n    ${ALTERNATES}`,
      IMPORTS: imports.join("\n    "),
      CODE: code,
    };
    for (const [name, text] of Object.entries(words)) parts[name.toUpperCase()] = escape(text);
    // Without scripts each page has the other language too, after its own.
    const other = WORDS[code === "en" ? "zh" : "en"];
    for (const [name, text] of Object.entries(other)) parts[`OTHER${name.toUpperCase()}`] = escape(text);
    return fillIn(page, parts);
  };
  return { "index.html": one("en"), [WORDS.zh.file]: one("zh") };
}
