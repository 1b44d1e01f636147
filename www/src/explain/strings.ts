// The words of the box, in both languages.

export type Lang = "en" | "zh";

/** What a text has, by kind. */
interface Counts {
  faults: number;
  others: number;
  unknown: number;
  quiet: number;
  lines: number;
  machine: boolean;
  trace: boolean;
}

const en = {
  button: "Explain a log",
  close: "Close",
  heading: "Explain what your system printed",
  lead: "Paste or drop a line or a whole log of the kernel, Xen or QEMU; or what tells of the machine (lspci -vvv, /proc/iomem, IOMMU groups, ACPI tables, device tree); or a trace of its iommu, dma and swiotlb events, or of QEMU's IOMMU. It is read here; nothing leaves this page.",
  placeholder:
    "DMAR: [DMA Write NO_PASID] Request device [00:1f.2] fault addr 0xfffe1000 [fault reason 0x05] ...",
  label: "What the system printed",
  samples: "Try one:",
  clear: "Clear",
  file: "Open files…",
  tooLarge: (name: string) => `${name} is larger than 1 GiB: open a part of it.`,
  tooLargeTogether: "These are larger than 16 MiB together: open large files one at a time.",
  pasteTooLarge: "This is larger than 16 MiB: paste a part of it.",
  reading: (name: string) => (name ? `Reading ${name}…` : "Reading…"),
  stop: "Stop, and show what was read",
  machine: "Your machine",
  openMachine: "Open this machine as a scenario",
  trace: "What the DMA events show",
  traceSteps: "The trace, event by event",
  event: "Event",
  eventBack: "The event before",
  eventNext: "Next event",
  wrongBack: "Trouble before",
  wrongNext: "Next trouble",
  eventOf: (n: number, of: number, time: string) =>
    `Event ${n.toLocaleString("en")} of ${of.toLocaleString("en")}${time ? `, ${time} s` : ""},`,
  stale: "Hatched: the tables have lost it, and the IOTLB may still have it.",
  lane: (from: number | null, to: number | null) =>
    `${from === null ? "mapped before" : `mapped at event ${from}`}, ${to === null ? "stays" : `ends at event ${to}`}`,
  open: "Open the walk that fails",
  openTables: "Open these tables",
  preset: (name: string) => `A scenario of this trouble: ${name}`,
  rungs: (many: number): string =>
    many > 1
      ? "Rungs of the ladder of faults where the same link is broken:"
      : "The rung of the ladder of faults where the same link is broken:",
  causes: "Causes, likeliest first",
  tell: "Signs and checks:",
  because: "For it:",
  despite: "Against it:",
  seenIn: "Known from:",
  between: "; ",
  inferred: "inferred",
  nearest: "Nearest known form:",
  line: (first: number, last: number) => (first === last ? `line ${first}` : `lines ${first}–${last}`),
  times: (n: number) => `${n} times`,
  more: (n: number) => `Show ${n} more`,
  summary: ({ faults, others, unknown, quiet, lines, machine, trace }: Counts) => {
    if (lines === 0) return "";
    const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;
    const parts = faults > 0 || !(machine || trace) ? [count(faults, "kind of fault", "kinds of fault")] : [];
    if (machine) parts.push("a machine");
    if (trace) parts.push("DMA events");
    if (others > 0) parts.push(count(others, "other message", "other messages"));
    if (unknown > 0) parts.push(count(unknown, "line not understood", "lines not understood"));
    if (quiet > 0) parts.push(`${count(quiet, "line", "lines")} that report no trouble`);
    return `${parts.join(", ")} in ${count(lines, "line", "lines")}.`;
  },
};

const zh: typeof en = {
  button: "解读日志",
  close: "关闭",
  heading: "解读系统打印的内容",
  lead: "粘贴或拖入：内核、Xen、QEMU 的一行或整份日志；说明机器的文本（lspci -vvv、/proc/iomem、IOMMU 组、ACPI 表、设备树）；iommu、dma、swiotlb 事件或 QEMU 的 IOMMU 事件的跟踪记录。解读就在本页完成，内容不会离开这里。",
  placeholder: en.placeholder,
  label: "系统打印的内容",
  samples: "示例：",
  clear: "清空",
  file: "打开文件…",
  tooLarge: (name) => `${name} 超过 1 GiB：请只打开其中一部分。`,
  tooLargeTogether: "这些文件合计超过 16 MiB：大文件请逐个打开。",
  pasteTooLarge: "内容超过 16 MiB：请只粘贴其中一部分。",
  reading: (name) => (name ? `正在读取 ${name}…` : "正在读取…"),
  stop: "停止，显示已读到的",
  machine: "你的机器",
  openMachine: "把这台机器打开为场景",
  trace: "DMA 事件说明了什么",
  traceSteps: "逐个事件看跟踪记录",
  event: "事件",
  eventBack: "上一个事件",
  eventNext: "下一个事件",
  wrongBack: "上一处问题",
  wrongNext: "下一处问题",
  eventOf: (n, of, time) =>
    `第 ${n.toLocaleString("en")} 个事件，共 ${of.toLocaleString("en")} 个${time ? `，${time} 秒` : ""}，`,
  stale: "斜纹：页表里已经去掉，而 IOTLB 里可能还有。",
  lane: (from, to) =>
    `${from === null ? "此前已映射" : `在第 ${from} 个事件映射`}，${to === null ? "仍映射着" : `到第 ${to} 个事件为止`}`,
  open: "打开出错的那次查表",
  openTables: "打开这些表",
  preset: (name) => `演示此类问题的场景：${name}`,
  causes: "起因，可能性由高到低",
  rungs: () => "“转换错误的阶梯”里断在同一处的一级：",
  tell: "特征与查法：",
  because: "佐证：",
  despite: "反证：",
  seenIn: "来源：",
  between: "；",
  inferred: "推断",
  nearest: "最接近的已知格式：",
  line: (first, last) => (first === last ? `第 ${first} 行` : `第 ${first}–${last} 行`),
  times: (n) => `共 ${n} 次`,
  more: (n) => `再显示 ${n} 条`,
  summary: ({ faults, others, unknown, quiet, lines, machine, trace }) => {
    if (lines === 0) return "";
    const parts = faults > 0 || !(machine || trace) ? [`${faults} 类转换错误`] : [];
    if (machine) parts.push("一台机器");
    if (trace) parts.push("DMA 事件");
    if (others > 0) parts.push(`${others} 条其他消息`);
    if (unknown > 0) parts.push(`${unknown} 行无法识别`);
    if (quiet > 0) parts.push(`${quiet} 行未报告问题`);
    return `${lines} 行中有 ${parts.join("，")}。`;
  },
};

export const strings: Record<Lang, typeof en> = { en, zh };
