// What the page knows, and how it changes. Views listen; nobody else holds state.
import type { Card, Comparison, Course, Head, PageTone, Question, Trouble, View } from "iommu-view";
import { Core, Stopped } from "./core";
import type { Lang } from "./strings";
import { setLang, t } from "./strings";
import * as storage from "./storage";
import type { Opened } from "./worker";

export type Grain = "read" | "operation";

/** The second run of a comparison. */
export interface Other {
  /** What makes it another one, in words. */
  label: string;
  text: string;
  course: Course;
  pairs: Comparison["pairs"];
  /** The first pair that differs. */
  first: number | null;
  /** The pair that is shown. */
  at: number;
  view: View;
}

/** A question about the step to come, and what the reader said. */
export interface Asked extends Question {
  guess: number | null;
}

/** A part of a column of the picture. */
export interface Focus {
  column: string;
  first: string;
  last: string;
}

export interface State {
  lang: Lang;
  /** The preset's name, or nothing for a text of one's own. */
  preset: string | null;
  /** The text as typed, and the last one that ran. */
  text: string;
  good: string;
  head: Head | null;
  course: Course | null;
  stops: Uint32Array;
  view: View | null;
  position: number;
  grain: Grain;
  playing: boolean;
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
  /** The text before the last direct change. */
  undo: string | null;
}

type Listener = (state: State, changed: Set<keyof State>) => void;

export class App {
  readonly state: State;
  private listeners: Listener[] = [];
  private requests = 0;
  private opened = 0;

  constructor(
    lang: Lang,
    readonly core = new Core(),
  ) {
    this.state = {
      lang,
      preset: null,
      text: "",
      good: "",
      head: null,
      course: null,
      stops: new Uint32Array(),
      view: null,
      position: 0,
      grain: "read",
      playing: false,
      speed: 1,
      troubles: [],
      busy: false,
      followed: null,
      focus: null,
      gallery: [],
      message: "",
      predicting: storage.recall("predict") === "yes",
      asked: null,
      other: null,
      undo: null,
    };
    setLang(lang);
  }

  on(listener: Listener): void {
    this.listeners.push(listener);
  }
  /** Forgets all listeners: the page is built anew in another language. */
  clear(): void {
    this.listeners = [];
    this.ahead = [];
  }
  /** Asks for what will be shown at a position of this run, and of the one beside it, so that all comes at once. */
  private ahead: ((at: number, beside: number | null) => Promise<void>)[] = [];
  prepare(ask: (at: number, beside: number | null) => Promise<void>): void {
    this.ahead.push(ask);
  }
  set(patch: Partial<State>): void {
    Object.assign(this.state, patch);
    setLang(this.state.lang);
    const changed = new Set(Object.keys(patch) as (keyof State)[]);
    for (const listener of this.listeners) listener(this.state, changed);
  }

  /** Runs a text. When it has problems, or is stopped, the run before stays. */
  async open(text: string, preset: string | null, position: number | null = null): Promise<boolean> {
    const mine = ++this.opened;
    this.set({ text, preset, undo: null });
    // What takes longer than a tenth of a second says so, and can be stopped.
    const slow = setTimeout(() => this.set({ busy: true }), 100);
    try {
      const result = await this.core.ask("open", 0, text, this.state.lang);
      if (mine !== this.opened) return false;
      if ("troubles" in result) {
        this.set({ troubles: result.troubles });
        return false;
      }
      this.adopt(result);
      const fresh = { playing: false, followed: null, focus: null, other: null, asked: null };
      this.set({ good: text, troubles: [], message: "", ...fresh });
      storage.keep(preset, text);
      await this.go(position ?? result.course.start);
      return true;
    } catch (error) {
      // The machine could not be loaded; a run that was stopped says so itself.
      const reason = error instanceof Error ? error.message : String(error);
      if (!(error instanceof Stopped)) this.set({ message: `${t("noWasm")} (${reason})` });
      return false;
    } finally {
      clearTimeout(slow);
      if (mine === this.opened && this.state.busy) this.set({ busy: false });
    }
  }

  private adopt(opened: Opened): void {
    this.set({ head: opened.head, course: opened.course, stops: opened.stops });
  }

  /** The same run in another language. */
  async speak(lang: Lang): Promise<void> {
    setLang(lang);
    this.state.lang = lang;
    storage.remember("lang", lang);
    this.state.gallery = await this.core.ask("gallery", lang);
    if (this.state.good) {
      Object.assign(this.state, await this.core.ask("about", 0, lang));
      this.state.view = await this.core.ask("view", 0, this.state.position, lang);
      this.state.asked = null;
      this.state.other = null;
    }
  }

  async go(position: number): Promise<void> {
    const end = this.state.course?.length ?? 0;
    const to = Math.max(0, Math.min(end, position));
    const mine = ++this.requests;
    this.state.position = to;
    const { other, asked, lang } = this.state;
    const pair = other && pairAt(other, to);
    const besides = other && pair !== null ? (other.pairs[pair]?.b ?? 0) : null;
    const [view, beside] = await Promise.all([
      this.core.ask("view", 0, to, lang),
      besides === null ? null : this.core.ask("view", 1, besides, lang),
      ...this.ahead.map((ask) => ask(to, besides)),
    ]);
    // A later request has overtaken this one.
    if (mine !== this.requests) return;
    const patch: Partial<State> = { position: to, view };
    if (other && beside && pair !== null) patch.other = { ...other, at: pair, view: beside };
    // A question stays until its step is left behind.
    if (asked && (asked.at !== to || asked.guess === null)) patch.asked = null;
    this.set(patch);
  }

  /** The places where stepping stops. */
  private stopsOf(grain: Grain): ArrayLike<number> {
    const { course, other, stops } = this.state;
    if (grain === "operation") return course?.operations.map((o) => o.to) ?? [];
    return other ? other.pairs.map((p) => p.a) : stops;
  }
  next(): number | null {
    return after(this.stopsOf(this.state.grain), this.state.position);
  }
  previous(): number {
    return before(this.stopsOf(this.state.grain), this.state.position) ?? 0;
  }
  /** The next mark of one of these tones. */
  nextMark(tones: readonly PageTone[] = ["miss", "stale", "fault"]): number | null {
    const found = this.state.course?.marks.filter((m) => tones.includes(m.tone)) ?? [];
    return after(
      found.map((m) => m.at),
      this.state.position,
    );
  }
  toMark(tones?: readonly PageTone[]): void {
    const to = this.nextMark(tones);
    if (to !== null) void this.go(to);
  }
  /** One step on, or its question first. */
  async step(): Promise<void> {
    const { other, grain, predicting, asked, lang } = this.state;
    // The other run may go on while this one waits.
    if (other && grain === "read" && other.at + 1 < other.pairs.length) return this.goPair(other.at + 1);
    const to = this.next();
    if (to === null) return;
    if (predicting && grain === "read" && !other && asked?.at !== to) {
      const question = await this.core.ask("question", 0, to, lang);
      if (question) return this.set({ asked: { ...question, guess: null }, playing: false });
    }
    await this.go(to);
  }
  async stepBack(): Promise<void> {
    const { other, grain } = this.state;
    if (other && grain === "read" && other.at > 0) return this.goPair(other.at - 1);
    await this.go(this.previous());
  }
  /** The reader's answer; the machine then gives its own. */
  async guess(choice: number): Promise<void> {
    const { asked } = this.state;
    if (!asked) return;
    this.state.asked = { ...asked, guess: choice };
    await this.go(asked.at);
  }

  // ---- two runs side by side ----

  /** Runs a second text beside this run, and stops at the first step that differs. */
  async compare(text: string, label: string): Promise<void> {
    const { lang } = this.state;
    const opened = await this.core.ask("open", 1, text, lang);
    if ("troubles" in opened) {
      const [first] = opened.troubles;
      this.set({ message: first ? `${first.line}:${first.column} ${first.message}` : "" });
      return;
    }
    const { pairs, first } = await this.core.ask("compare");
    const view = await this.core.ask("view", 1, opened.course.start, lang);
    this.set({
      playing: false,
      asked: null,
      other: { label, text, course: opened.course, pairs, first, at: 0, view },
    });
    await this.goPair(first ?? 0);
  }
  async goPair(index: number): Promise<void> {
    const { other, lang } = this.state;
    const pair = other?.pairs[index];
    if (!other || !pair) return;
    const mine = ++this.requests;
    const [view, beside] = await Promise.all([
      this.core.ask("view", 0, pair.a, lang),
      this.core.ask("view", 1, pair.b, lang),
      ...this.ahead.map((ask) => ask(pair.a, pair.b)),
    ]);
    if (mine !== this.requests) return;
    this.set({ position: pair.a, view, other: { ...other, at: index, view: beside } });
  }

  // ---- direct change ----

  /** Writes a word of memory by a `poke` line in the text, and stands before the same operation again. */
  async poke(at: string, value: string, why: string): Promise<void> {
    const { course, position, text, good, preset, view } = this.state;
    const operation = course?.operations.find((o) => position <= o.to);
    if (!operation || text !== good) return;
    const lines = good.split("\n");
    // What the operation itself writes is changed after it, and after what is expected of it.
    const writes = view?.entry?.before.length;
    let line = operation.line - 1;
    if (writes)
      do line++;
      while (/^\s*(expect\b|#|$)/.test(lines[line] ?? "x"));
    const indent = /^\s*/.exec(lines[operation.line - 1] ?? "")?.[0] ?? "";
    lines.splice(line, 0, `${indent}poke ${at} ${value} # ${why}`);
    const changed = lines.join("\n");
    storage.remember(storage.draftKey(preset), changed);
    if (!(await this.open(changed, preset))) return;
    const again = this.state.course?.operations.find((o) => o.line >= line + 1);
    this.set({ undo: good, message: `${t("flipped")} ${line + 1}` });
    if (again) await this.go(again.from - 1);
  }
  async undo(): Promise<void> {
    const { undo, preset, position } = this.state;
    if (undo === null) return;
    storage.remember(storage.draftKey(preset), undo);
    await this.open(undo, preset, position);
  }
}

/** The pair of a comparison that stands at a position of this run. */
function pairAt(other: Other, position: number): number {
  let low = 0;
  let high = other.pairs.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((other.pairs[middle]?.a ?? 0) <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The first of sorted numbers above `at`. */
export function after(sorted: ArrayLike<number>, at: number): number | null {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return low < sorted.length ? (sorted[low] as number) : null;
}

/** The last of sorted numbers below `at`. */
export function before(sorted: ArrayLike<number>, at: number): number | null {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? (sorted[low - 1] as number) : null;
}
