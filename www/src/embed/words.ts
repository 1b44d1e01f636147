// What the embed says itself, in both languages.
import type { Lang } from "../strings";

const TABLE = {
  open: ["Open in the playground", "在 playground 中打开"],
  loading: ["Loading the machine…", "正在载入…"],
  failed: ["This scenario cannot be shown.", "无法显示这个场景。"],
  nothing: [
    'No scenario: give preset="…", scenario="…" or src="…", or write the scenario between the tags.',
    "没有场景：请给出 preset、scenario 或 src 属性，或把场景文本写在标签之间。",
  ],
  badPreset: ["There is no preset with this name", "没有这个名字的预设场景"],
  badSource: ["The scenario could not be loaded from", "无法从此处载入场景"],
  slowSource: ["no answer within 20 seconds", "20 秒内没有回应"],
  badAddress: ["This is not an address of a web page", "这不是网页地址"],
  tooLong: ["The scenario is longer than 262,144 bytes.", "场景超过 262,144 字节。"],
  badValue: ["cannot be", "不能是"],
  oneOf: ["it is one of", "可取值"],
  noMachine: [
    "The machine could not be started, so nothing can be stepped here.",
    "机器无法启动，因此这里不能单步。",
  ],
  policy: [
    "The Content-Security-Policy of this page does not allow WebAssembly. Its script-src needs 'wasm-unsafe-eval'.",
    "本页的 Content-Security-Policy 不允许 WebAssembly：script-src 需要 'wasm-unsafe-eval'。",
  ],
  workerPolicy: [
    "The Content-Security-Policy of this page does not allow the worker. Its worker-src needs 'self', or blob: when the files are on another host.",
    "本页的 Content-Security-Policy 不允许 worker：worker-src 需要 'self'；文件在另一主机上时需要 blob:。",
  ],
} as const satisfies Record<string, readonly [string, string]>;

export type Word = keyof typeof TABLE;

export const word = (key: Word, lang: Lang): string => TABLE[key][lang === "zh" ? 1 : 0];
