// Which scenario an embed shows: from its attributes, or from the text between its tags.
import type { Machine } from "../machine";
import type { Lang } from "../strings";
import type { ErrorDetail } from "./types";
import { webAddress } from "./settings";
import { word } from "./words";

/** What is asked for. The first of them that is there counts. */
export interface Source {
  /** The fragment of a link. */
  link?: string | null;
  src?: string | null;
  scenario?: string | null;
  preset?: string | null;
  /** The architecture that a preset is turned to. */
  arch?: string | null;
}

export interface Scenario {
  text: string;
  preset: string | null;
  /** Why the machine that a link names is passed over. */
  passed?: string;
}

/** What goes wrong here, told to the reader and to the page around. */
export class EmbedError extends Error {
  constructor(
    readonly kind: ErrorDetail["kind"],
    message: string,
    readonly line: number | null = null,
    readonly column: number | null = null,
  ) {
    super(message);
  }
}

/** As the core's own limit on texts. */
const LONGEST = 262_144;

/** The scenario written between the tags, if that is what is written there, and not a picture or a sentence. */
export function written(element: Element): string | null {
  const text = element.textContent ?? "";
  // Line by line: any text may stand here, and one pattern over all of it can take for ever.
  const first = text.split("\n", 10_000).find((line) => /^\s*[^\s#]/.test(line));
  return first !== undefined && /^\s*iommu-playground\s+\d/.test(first)
    ? text.replace(/^\s*\n/, "").trimEnd() + "\n"
    : null;
}

/** Milliseconds that an address may take to give a scenario. */
const PATIENCE = 20_000;

export async function scenario(
  source: Source,
  machine: Machine,
  lang: Lang,
  signal: AbortSignal,
): Promise<Scenario> {
  if (source.link != null) {
    const link = await machine.ask("readLink", source.link, lang);
    if (link.error !== null) throw new EmbedError("source", link.error);
    const { text, preset, ignored, why } = link;
    const arch = ignored.find((part) => part.startsWith("arch="))?.slice(5);
    return arch === undefined ? { text, preset } : { text, preset, passed: notThat(arch, why) };
  }
  if (source.src != null) return { text: await fetched(source.src, lang, signal), preset: null };
  if (source.scenario != null) return turned(bounded(source.scenario, lang), source.arch, machine, lang);
  const { preset, arch } = source;
  if (preset == null) throw new EmbedError("attribute", word("nothing", lang));
  const text = await machine.ask("text", preset, lang);
  if (text && arch == null) return { text, preset };
  const there = text && arch != null && (await machine.ask("turned", text, preset, arch, lang));
  if (there) return there;
  if (text && arch != null) {
    const { why } = await machine.ask("readLink", `#${new URLSearchParams({ p: preset, arch })}`, lang);
    throw new EmbedError("attribute", notThat(arch, why));
  }
  const choices = (await machine.ask("gallery", lang)).map((card) => card.name);
  throw new EmbedError("attribute", word("badPreset", lang, { value: preset, choices }));
}

/** Why a machine cannot be, or which is near to what is written. */
const notThat = (arch: string, why: string) => `arch="${arch}": ${why}`;

/** A text on the architecture that is asked for; one that does not run there is refused with the reason. */
async function turned(
  text: string,
  arch: string | null | undefined,
  machine: Machine,
  lang: Lang,
): Promise<Scenario> {
  if (arch == null) return { text, preset: null };
  const there = await machine.ask("turned", text, null, arch, lang);
  // A text with problems says them itself.
  if (!there) return { text, preset: null };
  if (there.why) throw new EmbedError("source", notThat(arch, there.why));
  return { text: there.text, preset: null };
}

function bounded(text: string, lang: Lang): string {
  if (text.length > LONGEST || new TextEncoder().encode(text).length > LONGEST)
    throw new EmbedError("source", word("tooLong", lang));
  return text;
}

async function fetched(src: string, lang: Lang, left: AbortSignal): Promise<string> {
  const url = webAddress(src);
  if (!url) throw new EmbedError("attribute", word("badAddress", lang, { value: src }));
  let reason: string;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(word("slowSource", lang))), PATIENCE);
  left.addEventListener("abort", () => late.abort(left.reason));
  try {
    const response = await fetch(url, { credentials: "omit", signal: late.signal });
    if (response.ok) return await limited(response, lang);
    reason = `${response.status} ${response.statusText}`.trim();
  } catch (error) {
    if (error instanceof EmbedError) throw error;
    reason = error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
  throw new EmbedError("source", word("badSource", lang, { value: url.href, reason }));
}

/** A response as text, and not a byte more of it than a scenario may have. */
async function limited(response: Response, lang: Lang): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) return text + decoder.decode();
    bytes += piece.value.length;
    if (bytes > LONGEST) {
      void reader?.cancel();
      throw new EmbedError("source", word("tooLong", lang));
    }
    text += decoder.decode(piece.value, { stream: true });
  }
}
