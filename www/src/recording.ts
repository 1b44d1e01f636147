// What the machine said about the presets, recorded when the page was built (tools/record.mjs), so that a reader can step
// through them before, and often without, loading the machine itself. Of the first scenario every step is recorded, of the
// others the stops of ideas and operations.
import { beside } from "./beside";
import type {
  Card,
  CheckQuestion,
  Course,
  Head,
  Scene,
  Stop,
  Sweep,
  TermUse,
  Variant,
  View,
} from "iommu-view";
import { has } from "./own";
import type { Api, Args, Result } from "./protocol";
import { shown } from "./shown";

interface Recorded {
  /** The scenario that was recorded, and its text. */
  name: string;
  text: string;
  head: Head;
  course: Course;
  stops: number[];
  reads: number[];
  /** What is inside operations and reads that open, by depth and positions. */
  inside: Record<string, Stop[]>;
  /** The texts that it can be compared with. */
  variants: Variant[];
  /** The question at its end. */
  check: CheckQuestion | null;
  /** The counts that its answer is about, where it is about counts. */
  sweep: Sweep | null;
  /** The terms of every text that is told. */
  terms: Record<string, TermUse[]>;
  /** The positions that are recorded, from the first. */
  positions: number[];
  /** What changes from each of them to the next. */
  views: Change[];
  /** The widths, in cells, from which on a file of scenes holds; the last width that is recorded. */
  widths: [from: number, file: string][];
  /** The same for low windows. */
  low: [from: number, file: string][];
  upTo: number;
}

/** The recording of the first scenario. */
interface First extends Recorded {
  /** The scenarios; only the recorded one has its text. */
  gallery: Card[];
}

/** Which presets are recorded. */
interface Names {
  first: string;
  others: string[];
}

/** A value as what makes it of the one before: `{ "~": changes by key }`, `{ "^": [first, last, between] }` of a list that keeps
 *  so many of its first and of its last, or the value whole. */
type Change =
  | { "~": Record<string, Change> }
  | { "^": [first: number, last: number, between: unknown[]] }
  | string
  | number
  | boolean
  | null
  | Change[];

function apply(before: unknown, change: Change): unknown {
  if (change === null || typeof change !== "object") return change;
  if (has(change, "^")) {
    const [list, [first, last, between]] = [before as unknown[], change["^"]];
    return [...list.slice(0, first), ...between, ...list.slice(list.length - last)];
  }
  if (!has(change, "~")) return change;
  const after = (Array.isArray(before) ? [...before] : { ...(before as object) }) as Record<string, unknown>;
  for (const [key, inner] of Object.entries(change["~"])) after[key] = apply(after[key], inner);
  return after;
}

function replay<T>(changes: Change[]): T[] {
  let now: unknown;
  return changes.map((change) => (now = apply(now, change)) as T);
}

/** The files of the recordings; each is got once. */
export class Files {
  private readonly known = new Map<string, Promise<unknown>>();

  constructor(private readonly place: (name: string) => URL) {}

  /** A file; nothing where there is none. */
  get<T>(name: string): Promise<T | null> {
    const found = this.known.get(name) ?? this.fetch(name);
    this.known.set(name, found);
    return found as Promise<T | null>;
  }
  private async fetch(name: string): Promise<unknown> {
    try {
      const response = await fetch(this.place(`first/${name}`));
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }
}

/** A recording in one language. */
class Language<R extends Recorded = Recorded> {
  private readonly views: View[];
  private readonly places: Map<number, number>;
  private readonly scenes = new Map<string, Promise<Scene[] | null>>();

  constructor(
    readonly recorded: R,
    private readonly files: Files,
    private readonly folder: string,
  ) {
    this.views = replay<View>(recorded.views);
    this.places = new Map(recorded.positions.map((position, place) => [position, place]));
  }
  view(position: number): View | undefined {
    return this.views[this.places.get(position) ?? -1];
  }
  /** The width that is drawn where `width` is asked for. */
  width(width: number, low: boolean): number {
    return this.drawn(width, low)?.[0] ?? width;
  }
  /** The picture at a position, where the width is one of those recorded. */
  async scene(position: number, width: number, low: boolean): Promise<Scene | undefined> {
    const [place, drawn] = [this.places.get(position), this.drawn(width, low)];
    if (place === undefined || !drawn || width > this.recorded.upTo) return undefined;
    const name = drawn[1];
    const scenes =
      this.scenes.get(name) ??
      this.files.get<Change[]>(this.folder + name).then((changes) => changes && replay<Scene>(changes));
    this.scenes.set(name, scenes);
    return (await scenes)?.[place];
  }
  private drawn(width: number, low: boolean): [from: number, file: string] | undefined {
    return this.recorded[low ? "low" : "widths"].filter(([from]) => from <= width).at(-1);
  }
}

/** The recording that stands in slot 0: its text, and the width that it draws where another is asked for. */
export interface Standing {
  text: string;
  width(width: number, low: boolean): number;
}

export class Recording {
  /** The recordings that were looked for, by file; one that is not there is nothing. */
  private readonly languages = new Map<string, Promise<Language | null>>();
  /** The texts that are known, by the name of their preset. */
  private readonly texts = new Map<string, string>();
  private stands: { name: string; language: Language } | null = null;

  constructor(private readonly files = new Files(beside)) {}

  get standing(): Standing | null {
    const language = this.stands?.language;
    return language
      ? { text: language.recorded.text, width: (width, low) => language.width(width, low) }
      : null;
  }

  /** The recording of the first scenario. A copy of the page without it asks the machine for all. */
  private first(lang: string): Promise<Language<First> | null> {
    return this.load<First>("", lang);
  }
  /** The recording of a preset, where there is one. */
  private async language(name: string, lang: string): Promise<Language | null> {
    const names = await this.files.get<Names>("names.json");
    if (name === names?.first) return this.first(lang);
    return names?.others.includes(name) ? this.load(`${name}/`, lang) : null;
  }
  private load<R extends Recorded>(folder: string, lang: string): Promise<Language<R> | null> {
    const file = `${folder}${lang}.json`;
    const found = this.languages.get(file) ?? this.read<R>(file, folder);
    this.languages.set(file, found);
    return found as Promise<Language<R> | null>;
  }
  private async read<R extends Recorded>(file: string, folder: string): Promise<Language<R> | null> {
    const recorded = await this.files.get<R>(file);
    if (!recorded) return null;
    this.texts.set(recorded.name, recorded.text);
    return new Language(recorded, this.files, folder);
  }

  /** The answer to a question, where it was recorded. */
  async answer<K extends keyof Api>(name: K, args: Args<K>): Promise<unknown> {
    if (name === "gallery") {
      const gallery = (await this.first(args[0] as string))?.recorded.gallery;
      return gallery?.map((card) => ({ ...card, text: this.texts.get(card.name) ?? "" }));
    }
    if (name === "text") {
      const [preset, lang] = args as Args<"text">;
      return (await this.language(preset, lang))?.recorded.text;
    }
    if (name === "writeLink") {
      const [text, preset, at, more] = args as Args<"writeLink">;
      const plain = preset !== null && at === null && !Object.keys(more).length;
      return plain && this.texts.get(preset) === text ? `#p=${preset}` : undefined;
    }
    if (name === "open") return this.open(args as Args<"open">);
    if (name === "terms") {
      const [text, lang] = args as Args<"terms">;
      const language = this.stands ? await this.language(this.stands.name, lang) : await this.first(lang);
      return language?.recorded.terms[text];
    }
    if (!this.stands) return undefined;
    if (name === "variants" && args[0] === this.standing?.text) return this.stands.language.recorded.variants;
    if (name === "sweep" && args[0] === this.stands.name)
      return (await this.language(this.stands.name, args[2] as string))?.recorded.sweep;
    if (args[0] !== 0) return undefined;
    const language = await this.language(this.stands.name, args.at(-1) as string);
    if (name === "shown") {
      const [slot, wanted, lang] = args as Args<"shown">;
      const part = <N extends keyof Api>(one: N, ...of: Args<N>) =>
        this.answer(one, of) as Promise<Result<N> | undefined>;
      return shown(part, slot, wanted, lang);
    }
    if (name === "about") return language && opened(language.recorded);
    if (name === "inside") return language?.recorded.inside[args.slice(1, 4).join(" ")];
    if (name === "checkQuestion") return language?.recorded.check;
    if (name === "view") return language?.view(args[1] as number);
    if (name === "scene") {
      const [, position, width, low, focus] = args as Args<"scene">;
      return focus === null ? language?.scene(position, width, low) : undefined;
    }
    return undefined;
  }

  private async open([slot, text, lang]: Args<"open">): Promise<unknown> {
    const name = [...this.texts].find(([, known]) => known === text)?.[0];
    const language = slot === 0 && name !== undefined ? await this.language(name, lang) : null;
    if (!language || name === undefined) return undefined;
    this.stands = { name, language };
    return opened(language.recorded);
  }
}

function opened({ head, course, stops, reads }: Recorded) {
  return { head, course, stops: new Uint32Array(stops), reads: new Uint32Array(reads) };
}
