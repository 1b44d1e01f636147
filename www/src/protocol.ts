// What the page may ask the machine, and what it answers: the one interface between the two threads.
import type {
  Across,
  Card,
  CheckQuestion,
  Coloured,
  Comparison,
  Course,
  Depth,
  Dump,
  Head,
  Linked,
  Offer,
  Parted,
  Question,
  Scene,
  Stop,
  Sweep,
  Poked,
  TermUse,
  Trouble,
  Turned,
  Variant,
  View,
  Whereabouts,
} from "iommu-view";
import type { Lang } from "./strings";

/** A run that has been opened: what does not change with the position. */
export interface Opened {
  head: Head;
  course: Course;
  /** The positions of every single step that is worth a stop. */
  stops: Uint32Array;
  /** The stops of a reader of reads, from the first idea on: a walk is one, and repeats are one. */
  reads: Uint32Array;
}

/** A part of a column of the picture. */
export interface Focus {
  column: string;
  first: string;
  last: string;
}

/** What picture is wanted: at most so many cells wide, for a low window or not, of all or of a part looked at closer. */
export interface SceneWish {
  width: number;
  low: boolean;
  focus: Focus | null;
}

/** All that is wanted of one position, in one request. */
export interface Wanted {
  at: number;
  scene: SceneWish | null;
  /** The position of the run beside it, where there is one, and its picture. */
  beside: { at: number; scene: SceneWish | null } | null;
  depth: Depth;
  /** Open at least so many stops of the way. */
  levels: number;
  /** The first open stop of the way whose inside is not known yet, and its place on the way, from 0. */
  open: { depth: Depth; from: number; to: number } | null;
  level: number;
  /** Texts whose terms are not known yet. */
  texts: string[];
}

/** The answer. */
export interface Shown {
  view: View;
  scene: Scene | null;
  beside: { view: View; scene: Scene | null } | null;
  /** What is inside the open stops of the way, from the one requested inwards. */
  inside: Stop[][];
  /** The terms of the texts requested, and of what those stops say. */
  terms: [text: string, uses: TermUse[]][];
}

/** What a link may say besides the scenario and the position. */
export interface LinkMore {
  view?: string | null;
  lang?: string | null;
  theme?: string | null;
  depth?: Depth | null;
}

/** Runs are kept in slots: 0 is the one shown, 1 the one it is compared with. */
export interface Api {
  /** Any request loads the machine; this one does nothing else. */
  load(): void;
  /** Runs a text, in slices: the run before stays when the text has problems. */
  open(slot: number, text: string, lang: Lang): Opened | { troubles: Trouble[] };
  /** Forgets a run. */
  close(slot: number): void;
  about(slot: number, lang: Lang): Opened;
  /** The stops inside a stop: they follow each other from its beginning to its end. Empty when it has none. */
  inside(slot: number, depth: Depth, from: number, to: number, lang: Lang): Stop[];
  /** All that is shown of a position. */
  shown(slot: number, wanted: Wanted, lang: Lang): Shown;
  view(slot: number, position: number, lang: Lang): View;
  /** The picture at a position, at most `width` cells wide, for a window that is `low` or not. */
  scene(slot: number, position: number, width: number, low: boolean, focus: Focus | null, lang: Lang): Scene;
  names(slot: number, position: number, column: string, at: string, lang: Lang): Whereabouts | null;
  /** 256 bytes of physical memory, or of a device's own (`of`: its requester id). */
  dump(
    slot: number,
    position: number,
    of: number | null,
    at: string,
    around: boolean,
    across: 8 | 16,
    lang: Lang,
  ): Dump;
  draw(slot: number, position: number, form: string, width: number, lang: Lang, theme: string): string;
  whereIs(slot: number, position: number, what: string, lang: Lang): Whereabouts[];
  /** An animated SVG of the positions `from` to `to`; of the ideas where `from` is not before `to`. */
  film(slot: number, from: number, to: number, lang: Lang, theme: string): string;
  /** The ideas as a page (HTML) that prints. */
  handout(slot: number, lang: Lang): string;
  traceJson(slot: number, lang: Lang): string;
  /** Pairs the two runs; both are drawn in one layout from now on. */
  compare(): Comparison;
  /** Draws the run shown by itself again. */
  alone(): void;
  /** What the two runs came to, where they part. */
  parted(lang: Lang): Parted;
  /** The question at the end of a scenario of the path, by its name. */
  checkQuestion(slot: number, name: string, lang: Lang): CheckQuestion | null;
  /** The texts that a run can be compared with. */
  variants(text: string): Variant[];
  /** The text with a `poke` line before a line, or after it and what is expected of it. */
  withPoke(text: string, line: number, after: boolean, at: string, value: string, why: string): Poked | null;
  /** The terms of the glossary that a text uses. */
  terms(text: string, lang: Lang): TermUse[];
  /** What the machine counts for each value of the quantity that a preset's answer depends on, on a machine. */
  sweep(name: string, machine: string, lang: Lang): Sweep | null;
  question(slot: number, position: number, lang: Lang): Question | null;
  readLink(fragment: string, lang: Lang): Linked;
  /** The fragment of a scenario and where to stand in it; `null` when the text is too long for a link. */
  writeLink(text: string, preset: string | null, at: number | null, more: LinkMore): string | null;
  /** A scenario on another architecture, and the preset that it is there, or why a text does not run; `null` where a preset does
   *  not. */
  turned(text: string, preset: string | null, architecture: string, lang: Lang): Turned | null;
  /** A scenario on every architecture, idea beside idea. */
  across(text: string, preset: string | null, lang: Lang): Across;
  gallery(lang: Lang): Card[];
  /** The text of a preset as it is written; empty where there is no such preset. */
  text(preset: string, lang: Lang): string;
  check(text: string, lang: Lang): Trouble[];
  offer(text: string, line: number, column: number, lang: Lang): Offer;
  colours(text: string): Coloured[];
}

/** A request as it travels to the worker, and its answer. */
export interface Request {
  id: number;
  name: keyof Api;
  args: unknown[];
}
/** What travels to the worker: a request, or the wish to end the run of a slot, if one goes on, and to keep what ran. */
export type Message = Request | { halt: number };
/** How far a run is that takes its time. */
export interface Progress {
  slot: number;
  /** Lines that are done, and how many there are. */
  lines: number;
  of: number;
  /** Steps so far. */
  steps: number;
}
export type Answer =
  { id: number; value: unknown } | { id: number; error: string; trapped: boolean } | { progress: Progress };
/** How the worker answers: at once, or after a while. */
export type Handlers = {
  [K in keyof Api]: (...args: Args<K>) => Result<K> | Promise<Result<K>>;
};

export type Args<K extends keyof Api> = Parameters<Api[K]>;
export type Result<K extends keyof Api> = ReturnType<Api[K]>;
