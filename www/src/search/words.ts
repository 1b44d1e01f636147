// Texts and queries cut into comparable words, in both languages at once: "IOTLB未命中" is `iotlb` and `未命中`.

/** Han characters. */
const HAN = /\p{Script=Han}+/u;
const WORD = /[a-z0-9_.+]+|\p{Script=Han}+/gu;

/** Lower case, compatibility forms resolved (full-width letters), hyphens as spaces. */
export function fold(text: string): string {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[-‐-―/]/g, " ");
}

export const isHan = (word: string): boolean => HAN.test(word);

/** `0x05`, `05h` and `5h` are one fault code; anything else is none. */
export function code(word: string): string | null {
  const hex = /^0x([0-9a-f]{1,4})$/.exec(word)?.[1] ?? /^([0-9a-f]{1,4})h$/.exec(word)?.[1];
  return hex === undefined ? null : `0x${parseInt(hex, 16).toString(16)}`;
}

/** A Latin word without its plural. */
const stem = (word: string): string =>
  /^[a-z]{3,}[^s]s$/.test(word) && !word.endsWith("us") ? word.slice(0, -1) : word;

/** What a question is asked with, and not about. */
const ASKING = new Set(
  "a an and are can do does for how i in is it my no not of on or such that the this to what when where which who why with".split(
    " ",
  ),
);
const ASKING_HAN =
  /为什么|为何|怎么样|怎么|如何|什么|哪些|哪个|是不是|能不能|可以|我的|我|吗|呢|很|的|是|了/g;

/** The words of a query, each once; those that only ask are left out where others are there. */
export function words(query: string): string[] {
  const found = (fold(query).match(WORD) ?? [])
    .flatMap((word) => (isHan(word) ? word.replace(ASKING_HAN, " ").trim().split(/ +/) : [word]))
    .map((word) => stem(word.replace(/^[.+]+|[.+]+$/g, "")))
    .filter(Boolean);
  const about = found.filter((word) => !ASKING.has(word));
  return [...new Set(about.length ? about : found)];
}

/** What tells nothing in a line of a log: time stamps, addresses, device numbers, file names. */
const NOISE = [
  /\[\s*\d+\.\d+\]/g,
  /\b[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b/gi,
  /\b[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b/gi,
  /\b0x[0-9a-f]{5,}\b/gi,
  /\b\d+\b/g,
];

/** The words of a line of a log, without what is different in every one. */
export const messageWords = (line: string): string[] =>
  words(NOISE.reduce((rest, noise) => rest.replace(noise, " "), line)).filter((word) => word.length > 2);

/** Who prints about IOMMUs: Linux's drivers, Xen, QEMU. */
const PRINTERS =
  /\b(DMAR|AMD-Vi|DMA-API|iommu|vtd_\w+|amdvi_\w+|riscv,iommu \S+|arm-smmu\S* \S+):|\(XEN\)|\bqemu-system|\bvfio[-_ ]pci /i;
const SHAPES = [
  /\b[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]: \S/i,
  /^\s*(<\d>)?\[\s*\d+\.\d{3,}\]/m,
  /fault (addr|reason|status reg)/i,
  /IO_PAGE_FAULT/i,
  /event 0x[0-9a-f]{2} received/i,
  /Unhandled context fault/i,
  /^\w{3} +\d+ \d\d:\d\d:\d\d \S+ kernel:/m,
];

/** Whether a text looks like something that a kernel, a hypervisor or an emulator printed, not like a question. */
export function looksLikeLog(text: string): boolean {
  if (text.includes("\n") && text.trim().includes("\n")) return true;
  if (SHAPES.some((shape) => shape.test(text))) return true;
  return PRINTERS.test(text) && text.trim().split(/\s+/).length > 4;
}
