// What the machine said about the first scenario, recorded when the page was built (tools/record.mjs), so that a
// first visit can step through it before, and often without, loading the machine itself.
import { beside } from "./beside";
import type { Card, CheckQuestion, Course, Head, Scene, Stop, TermUse, Variant, View } from "iommu-view";
import type { Api, Args } from "./protocol";

interface Recorded {
  /** The scenario that was recorded. */
  name: string;
  /** The scenarios; only the recorded one has its text. */
  gallery: Card[];
  head: Head;
  course: Course;
  stops: number[];
  reads: number[];
  /** What is inside each operation and each read that opens, by depth and positions. */
  inside: Record<string, Stop[]>;
  /** The texts that it can be compared with. */
  variants: Variant[];
  /** The question at its end. */
  check: CheckQuestion | null;
  /** The terms of every text that is told. */
  terms: Record<string, TermUse[]>;
  /** What changes from each position to the next. */
  views: Change[];
  /** The widths, in cells, from which on a file of scenes holds; the last width that is recorded. */
  widths: [from: number, file: string][];
  upTo: number;
}

/** A value as what makes it of the one before: `{ "~": changes by key }`, or the value whole. */
type Change = { "~": Record<string, Change> } | string | number | boolean | null | Change[];

function apply(before: unknown, change: Change): unknown {
  if (change === null || typeof change !== "object" || !("~" in change)) return change;
  const after = (Array.isArray(before) ? [...before] : { ...(before as object) }) as Record<string, unknown>;
  for (const [key, inner] of Object.entries(change["~"])) after[key] = apply(after[key], inner);
  return after;
}

function replay<T>(changes: Change[]): T[] {
  let now: unknown;
  return changes.map((change) => (now = apply(now, change)) as T);
}

/** A file of the recording; nothing where there is none. */
async function file<T>(name: string): Promise<T | null> {
  try {
    const response = await fetch(beside(`first/${name}`));
    return response.ok ? ((await response.json()) as T) : null;
  } catch {
    return null;
  }
}

/** The recording in one language. */
class Language {
  private readonly views: View[];
  private readonly scenes = new Map<string, Promise<Scene[] | null>>();

  constructor(readonly recorded: Recorded) {
    this.views = replay<View>(recorded.views);
  }
  get text(): string | undefined {
    return this.recorded.gallery.find((card) => card.name === this.recorded.name)?.text;
  }
  view(position: number): View | undefined {
    return this.views[position];
  }
  /** The picture at a position, where the width is one of those recorded. */
  async scene(position: number, width: number): Promise<Scene | undefined> {
    const { widths, upTo } = this.recorded;
    const name = widths.filter(([from]) => from <= width).at(-1)?.[1];
    if (name === undefined || width > upTo) return undefined;
    const scenes =
      this.scenes.get(name) ?? file<Change[]>(name).then((changes) => changes && replay<Scene>(changes));
    this.scenes.set(name, scenes);
    return (await scenes)?.[position];
  }
}

export class Recording {
  private readonly languages = new Map<string, Promise<Language | null>>();
  /** The text that stands in slot 0, if it is the recorded one. */
  standing: string | null = null;

  private language(lang: string): Promise<Language | null> {
    // A copy of the page without the recording asks the machine for all.
    const found =
      this.languages.get(lang) ??
      file<Recorded>(`${lang}.json`).then((recorded) => recorded && new Language(recorded));
    this.languages.set(lang, found);
    return found;
  }

  /** The answer to a question, where it was recorded. */
  async answer<K extends keyof Api>(name: K, args: Args<K>): Promise<unknown> {
    if (name === "gallery") return (await this.language(args[0] as string))?.recorded.gallery;
    if (name === "open") {
      const [slot, text, lang] = args as Args<"open">;
      const language = slot === 0 ? await this.language(lang) : null;
      if (!language || language.text !== text) return undefined;
      this.standing = text;
      return opened(language.recorded);
    }
    if (name === "terms") return (await this.language(args[1] as string))?.recorded.terms[args[0] as string];
    if (name === "variants" && args[0] === this.standing) {
      const [any] = this.languages.values();
      return (await any)?.recorded.variants;
    }
    if (this.standing === null || args[0] !== 0) return undefined;
    const language = await this.language(args.at(-1) as string);
    if (name === "about") return language && opened(language.recorded);
    if (name === "inside") return language?.recorded.inside[args.slice(1, 4).join(" ")];
    if (name === "checkQuestion") return language?.recorded.check;
    if (name === "view") return language?.view(args[1] as number);
    if (name === "scene" && args[3] === null) return language?.scene(args[1] as number, args[2] as number);
    return undefined;
  }
}

function opened({ head, course, stops, reads }: Recorded) {
  return { head, course, stops: new Uint32Array(stops), reads: new Uint32Array(reads) };
}
