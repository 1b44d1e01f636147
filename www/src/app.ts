// What the page knows, and how it changes. Views listen; nobody else holds state.
import type { Card, Course, Head, Trouble, View } from "iommu-view";
import { Core, STOPPED } from "./core";
import type { Lang } from "./strings";
import { setLang, t } from "./strings";
import * as storage from "./storage";
import type { Opened } from "./worker";

export type Grain = "read" | "operation";

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
  gallery: Card[];
  message: string;
}

type Listener = (state: State, changed: Set<keyof State>) => void;

export class App {
  readonly state: State;
  private listeners: Listener[] = [];
  private asked = 0;
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
      gallery: [],
      message: "",
    };
    setLang(lang);
  }

  on(listener: Listener): void {
    this.listeners.push(listener);
  }
  /** Forgets all listeners: the page is built anew in another language. */
  clear(): void {
    this.listeners = [];
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
    this.set({ text, preset });
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
      this.set({ good: text, troubles: [], playing: false, followed: null });
      storage.keep(preset, text);
      await this.go(position ?? result.course.start);
      return true;
    } catch (error) {
      // The machine could not be loaded; a run that was stopped says so itself.
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== STOPPED) this.set({ message: `${t("noWasm")} (${reason})` });
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
    }
  }

  async go(position: number): Promise<void> {
    const end = this.state.course?.length ?? 0;
    const to = Math.max(0, Math.min(end, position));
    const mine = ++this.asked;
    this.state.position = to;
    const view = await this.core.ask("view", 0, to, this.state.lang);
    // A later request has overtaken this one.
    if (mine !== this.asked) return;
    this.set({ position: to, view });
  }

  /** The places where stepping stops. */
  private stopsOf(grain: Grain): ArrayLike<number> {
    if (grain === "read") return this.state.stops;
    return this.state.course?.operations.map((o) => o.to) ?? [];
  }
  next(): number | null {
    return after(this.stopsOf(this.state.grain), this.state.position);
  }
  previous(): number {
    return before(this.stopsOf(this.state.grain), this.state.position) ?? 0;
  }
  nextMark(): number | null {
    const alarming =
      this.state.course?.marks.filter((m) => ["miss", "stale", "fault"].includes(m.tone)) ?? [];
    return after(
      alarming.map((m) => m.at),
      this.state.position,
    );
  }
  async step(): Promise<void> {
    const to = this.next();
    if (to !== null) await this.go(to);
  }
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
