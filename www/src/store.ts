// What the page knows. Only `set` changes it; views listen and draw.
import type {
  Card,
  Comparison,
  Course,
  Depth,
  Head,
  Parted,
  Question,
  Stop,
  TermUse,
  Trouble,
  Variant,
  View,
} from "iommu-view";
import type { Focus } from "./protocol";
import type { Lang } from "./strings";

/** One stop on the way from an idea to what is shown. */
export interface Place {
  stop: Stop;
  /** The list that it is in, and its place there. */
  among: readonly Stop[];
  index: number;
}

/** The second run of a comparison. */
export interface Other {
  /** What makes it another one, in words. */
  label: string;
  text: string;
  course: Course;
  pairs: Comparison["pairs"];
  /** The first pair that differs. */
  first: number | null;
  /** What both runs come to, and where that parts. */
  parted: Parted;
  /** The pair that is shown. */
  at: number;
  view: View;
}

/** A question about the step to come, and the reader's answer. */
export interface Asked extends Question {
  guess: number | null;
}

export interface State {
  lang: Lang;
  /** The preset's name, or nothing for a text of one's own. */
  preset: string | null;
  /** The text as typed, and the last one that ran. */
  text: string;
  good: string;
  head: Head | null;
  /** Texts that differ from it in a word: for a comparison. */
  variants: readonly Variant[];
  course: Course | null;
  stops: Uint32Array;
  reads: Uint32Array;
  view: View | null;
  position: number;
  /** How far every stop is opened. */
  depth: Depth;
  /** The stops that the position is in, from the idea inwards; further than the depth where the reader opened one. Empty
      before the first. */
  way: readonly Place[];
  /** Where texts that are shown use terms of the glossary. */
  terms: ReadonlyMap<string, readonly TermUse[]>;
  playing: boolean;
  /** The end is come to, and its answer comes with the next step: where that takes the place of what is told. */
  answerWaits: boolean;
  speed: number;
  troubles: Trouble[];
  busy: boolean;
  /** An address that the reader follows. */
  followed: string | null;
  /** What of a column is looked at closer. */
  focus: Focus | null;
  gallery: Card[];
  message: string;
  /** Ask before steps. */
  predicting: boolean;
  asked: Asked | null;
  other: Other | null;
  /** The text and the position before the last direct change. */
  undo: { text: string; position: number } | null;
  /** Another version of this page has taken its place. */
  newer: boolean;
  /** An edit of this scenario that the browser keeps and that is not shown. */
  draft: string | null;
}

export type Listener = (state: Readonly<State>, changed: ReadonlySet<keyof State>) => void;

export class Store {
  private now: State;
  private listeners: Listener[] = [];

  constructor(lang: Lang, depth: Depth, predicting: boolean) {
    this.now = {
      lang,
      preset: null,
      text: "",
      good: "",
      head: null,
      variants: [],
      course: null,
      stops: new Uint32Array(),
      reads: new Uint32Array(),
      view: null,
      position: 0,
      depth,
      way: [],
      terms: new Map(),
      playing: false,
      answerWaits: false,
      speed: 1,
      troubles: [],
      busy: false,
      followed: null,
      focus: null,
      gallery: [],
      message: "",
      predicting,
      asked: null,
      other: null,
      undo: null,
      newer: false,
      draft: null,
    };
  }
  get state(): Readonly<State> {
    return this.now;
  }
  on(listener: Listener): void {
    this.listeners.push(listener);
  }
  /** Forgets all listeners: the page is built anew. */
  clear(): void {
    this.listeners = [];
  }
  /** Changes what is known, and tells every listener which keys were set, and which of them were `prepared` before. */
  set(patch: Partial<State>, prepared: readonly (keyof State)[] = []): void {
    this.now = { ...this.now, ...patch };
    this.notify(new Set([...(Object.keys(patch) as (keyof State)[]), ...prepared]));
  }
  /** Changes what nobody shows before the next `set`: what was requested meanwhile is compared with it. */
  prepare(patch: Partial<State>): void {
    this.now = { ...this.now, ...patch };
  }
  /** Tells what was prepared. */
  announce(keys: (keyof State)[]): void {
    this.notify(new Set(keys));
  }
  /** Tells every listener that all is new. */
  all(): void {
    this.notify(new Set(Object.keys(this.now) as (keyof State)[]));
  }
  private notify(changed: ReadonlySet<keyof State>): void {
    // A listener may set more: each is told the state as it is then.
    for (const listener of this.listeners) listener(this.now, changed);
  }
}
