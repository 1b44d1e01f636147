// The measured table of docs/limits.md in Chinese: what its parts are called, longer ones before those within them.
const WORDS = [
  [/Measured on (\d+) cores, (.*)\./, "在 $1 个核上测得，$2。"],
  ["page's module: processor time", "页面的模块：处理器时间"],
  ["tool: processor time", "命令行工具：处理器时间"],
  ["peak memory", "内存峰值"],
  ["WebAssembly memory", "WebAssembly 内存"],
  ["| text |", "| 文本 |"],
  ["| end |", "| 结局 |"],
  [/more than (\d+) MiB of memory/g, "内存超过 $1 MiB"],
  [/more than ([\d,]+) units of work/g, "超过 $1 个工作单位"],
  [/more than ([\d,]+) steps/g, "超过 $1 步"],
  ["| refused |", "| 拒绝 |"],
  ["| runs |", "| 能运行 |"],
  [/([\d,]+) `expect data` over 1 GiB/, "$1 条 `expect data`，各看 1 GiB"],
  [/`expect data = of`, ([\d,]+) times/, "`expect data = of`，$1 次"],
  [/([\d,]+) `(expect \w+)` over ([\d,]+) writes/g, "$1 条 `$2`，各看 $3 次写"],
  [/`fill` 1 GiB, ([\d,]+) times/, "`fill` 1 GiB，$1 次"],
  [/`map` and `unmap` 8 GiB, ([\d,]+) times/, "`map` 和 `unmap` 8 GiB，$1 次"],
  ["1 GiB written by the CPU through lines of 16 bytes", "CPU 写 1 GiB，缓存行 16 字节"],
  ["1 GiB into a device's own memory", "向设备自己的内存写 1 GiB"],
  [/([\d,]+) buffers of one page/, "$1 个一页的缓冲区"],
  [/([\d,]+) buffers of two pages/, "$1 个两页的缓冲区"],
  [/([\d,]+) scattered buffers of 1 GiB/, "$1 个 1 GiB 的分散缓冲区"],
  ["scattered pages where RAM is full", "内存已满时分配分散的页"],
  [/([\d,]+) mappings of one buffer/, "同一个缓冲区的 $1 个映射"],
  [
    /Of a hundred embeds on a page the first stands after ([\d.]+) s; (\d+) had started by then\./,
    "一页有一百个嵌入元素时，第一个在 $1 秒后画好；那时已有 $2 个开始运行。",
  ],
  [
    /All presets, run one after another, take ([\d.]+) × as long as in a build that leaves the budget's checks out\./,
    "依次运行全部预设所用的时间，是去掉预算检查的构建的 $1 倍。",
  ],
];

/** Numbers as Chinese has them: without commas, and whole tens of thousands as 万. */
const number = (digits) => {
  const n = digits.replaceAll(",", "");
  return n.length > 5 && n.endsWith("0000") ? `${n.slice(0, -4)} 万` : n;
};

/** The table, and what is said beside it, in Chinese. */
export const inChinese = (text) =>
  WORDS.reduce(
    (said, [en, zh]) => said.replaceAll(typeof en === "string" ? en : new RegExp(en, "g"), zh),
    text,
  )
    .replace(/\b\d{1,3}(?:,\d{3})+\b|\b\d{5,}\b/g, number)
    .replaceAll(" 万 ", " 万");
