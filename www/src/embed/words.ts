// What the embed says itself, in both languages.
import { named, type Lang } from "../strings";

const TABLE = {
  open: ["Open in the playground", "在 playground 中打开"],
  loading: ["Loading the machine…", "正在载入…"],
  failed: ["This {scenario} cannot be shown. <value>: <reason>", "无法显示这个{scenario}。<value>：<reason>"],
  nothing: [
    'No {scenario}: give preset="…", scenario="…" or src="…", or write the {scenario} between the tags.',
    "没有{scenario}：请给出 preset、scenario 或 src 属性，或把{scenario}文本写在标签之间。",
  ],
  badPreset: [
    'There is no preset with this name: "<value>" (<choices>)',
    "没有名为“<value>”的预设{scenario}（可用：<choices>）",
  ],
  badSource: [
    "The {scenario} could not be loaded from <value> (<reason>)",
    "无法从 <value> 载入{scenario}（<reason>）",
  ],
  slowSource: ["no answer within 20 seconds", "20 秒内没有回应"],
  badAddress: ['This is not an address of a web page: "<value>"', "这不是网页地址：“<value>”"],
  tooLong: ["The {scenario} is longer than 262,144 bytes.", "{scenario}超过 262144 字节。"],
  badValue: [
    '<name> cannot be "<value>"; it is one of: <choices>',
    "<name> 不能是“<value>”，可取值：<choices>",
  ],
  noMachine: [
    "The machine could not be started, so nothing can be stepped here. (<reason>)",
    "机器无法启动，因此这里不能单步。（<reason>）",
  ],
  policy: [
    "The Content-Security-Policy of this page does not allow WebAssembly. Its script-src needs 'wasm-unsafe-eval'.",
    "本页的 Content-Security-Policy 不允许 WebAssembly：script-src 需要 'wasm-unsafe-eval'。",
  ],
  workerPolicy: [
    "The Content-Security-Policy of this page does not allow the worker. Its worker-src needs 'self', or blob: when the files are on another host.",
    "本页的 Content-Security-Policy 不允许 worker：worker-src 需要 'self'；文件在另一服务器上时还需要 blob:。",
  ],
  trustedPolicy: [
    "This page wants Trusted Types and does not name iommu-playground. Its trusted-types needs iommu-playground.",
    "本页要求 Trusted Types，但没有列出 iommu-playground：trusted-types 需要加上 iommu-playground。",
  ],
} as const satisfies Record<string, readonly [string, string]>;

export type Word = keyof typeof TABLE;

/** What stands in the places of a word: `<value>`. A list has the language's own marks between its items. */
type Slots = Readonly<Record<string, string | readonly string[]>>;

export const word = (key: Word, lang: Lang, slots: Slots = {}): string =>
  named(TABLE[key][lang === "zh" ? 1 : 0], lang).replace(/<(\w+)>/g, (_, slot: string) => {
    const said = slots[slot] ?? "";
    return typeof said === "string" ? said : said.join(lang === "zh" ? "、" : ", ");
  });
