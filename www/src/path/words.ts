// The words of the first screen, the path, the check questions and the search, in both languages.
import { named, type Lang } from "../strings";

const TABLE = {
  // The first screen.
  lead: [
    "A device writes to memory by itself. Which address may it use, who translates it, and why was it refused?",
    "设备会自己读写内存。它可以用哪个地址，由谁转换，为什么被拒绝？",
  ],
  leadMore: [
    "This is a machine of bits, with the IOMMU of Intel, AMD, Arm or RISC-V: see each of its answers happen, one press at a time.",
    "这里有一台逐位精确的机器，IOMMU 可以选 Intel、AMD、Arm 或 RISC-V：按一下，走一步，亲眼看到每个答案。",
  ],
  begin: ["Step through it", "一步步看"],
  doors: ["Where to begin", "从哪里开始"],
  doorNew: ["New to this?", "第一次接触？"],
  doorNewText: ["Start here: 1 of #", "从这里开始：# 课里的第 1 课"],
  doorOn: ["Go on: # of @", "接着看：第 # 课，共 @ 课"],
  doorLog: ["A {fault} in your log?", "日志里有{fault}？"],
  doorLogText: ["Paste it, and see the walk that failed", "粘贴进来，看是哪一步查表出了错"],
  doorDocs: ["Writing docs?", "在写文档？"],
  doorDocsText: ["Embed a machine in your page", "把这台机器嵌入你的页面"],
  // The path.
  path: ["Path", "路线"],
  nth: ["# of @", "第 # 课 / 共 @ 课"],
  previous: ["Previous", "上一课"],
  next: ["Next", "下一课"],
  nextIs: ["Next", "下一课"],
  pathStart: ["New here? The path begins with", "刚入门？路线从这里开始"],
  pathOver: ["That was the last of the path. You have read # of @.", "路线到此结束，你已读完 # / @ 课。"],
  read: ["read", "已读"],
  is: [": ", "："],
  // The check question.
  check: ["Check yourself", "自测"],
  inNumbers: ["In numbers", "看数字"],
  right: ["Right.", "对。"],
  wrong: ["No.", "不对。"],
  see: ["See it happen", "看它发生"],
  side: ["Both side by side", "并排对比"],
  // A change that was tried.
  promised: ["As promised:", "正如所说："],
  changed: ["Your change:", "你的改动："],
  beforeThen: ["Before the change:", "改动之前："],
  sameEnds: ["Every line comes to the same end as before.", "每一行的结果都和原来一样。"],
  meantFor: [
    "# of @ {expectation}s were written for the unchanged {scenario} and do not hold now",
    "有 # / @ 条{expectation}是为未改动的{scenario}写的，现在不成立",
  ],
  backTo: ["Back to the original", "恢复原样"],
  // A comparison.
  outcomes: ["What both runs come to", "两次运行的结果"],
  left: ["Left", "左"],
  rightSide: ["Right", "右"],
  sameVerdict: ["Both runs come to the same ends.", "两次运行的结果处处相同。"],
  goParting: ["Where the outcomes part", "结果分岔的地方"],
  notDone: ["not done in this run", "这次运行没有这一步"],
  // Search.
  search: ["Search", "搜索"],
  searchHint: ["a {term}, a {fault code}, a kernel message", "{term}、{fault code}、内核日志"],
  searchTitle: ["Search everything", "搜索全部内容"],
  questions: ["Questions", "问题"],
  terms: ["{Term}s and {fault code}s", "{term}与{fault code}"],
  allTerms: ["All {term}s", "全部{term}"],
  nothing: ["Nothing has these words.", "没有找到这些词。"],
  looksLikeLog: ["This reads like a line of a log.", "这看起来像一行日志。"],
  explainLog: ["Explain this log", "解读这段日志"],
  instead: ["Nothing has these words. Found instead: {words}", "没有找到这些词，下面是最接近的：{words}"],
  more: ["More questions", "更多问题"],
  found: ["# found", "找到 # 项"],
  noIndex: ["The search could not be loaded.", "搜索数据加载失败。"],
  // Charts.
  chart: ["@ by #", "@（随 # 而变）"],
  chartOf: ["Each point is a run of the machine.", "每个点都是机器实际运行一次的结果。"],
  asTable: ["As a table", "以表格显示"],
  runWith: ["Run it with # ", "用 # 运行"],
} as const satisfies Record<string, readonly [string, string]>;

export type PathKey = keyof typeof TABLE;

/** Gives a word; numbers take the places of its `#` and `@`. */
export type PathWords = (key: PathKey, n?: number | string, of?: number | string) => string;

/** The words of a language. */
export const pathWords =
  (lang: Lang): PathWords =>
  (key, n, of) => {
    let text = named(TABLE[key][lang === "zh" ? 1 : 0], lang);
    if (n !== undefined) text = text.replace("#", String(n));
    if (of !== undefined) text = text.replace("@", String(of));
    // No space between Chinese characters, whatever took a place.
    return text.replace(/(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])/g, "");
  };
