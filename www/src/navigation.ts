// Where the run stands: steps, marks, jumps. One request overtakes another.
import type { PageTone } from "iommu-view";
import type { Machine } from "./machine";
import type { Other, State, Store } from "./store";

/** Requests what will be shown at a position of this run and of the one beside it, so that all comes at once. */
export type Ahead = (at: number, beside: number | null) => Promise<void>;

export class Navigation {
  private requests = 0;
  private ahead: Ahead[] = [];

  constructor(
    private readonly store: Store,
    private readonly machine: Machine,
  ) {}

  /** Registers what a view needs from the machine for a position. */
  prepare(ask: Ahead): void {
    this.ahead.push(ask);
  }
  /** Forgets all that was registered: the page is built anew. */
  clear(): void {
    this.ahead = [];
  }

  /** Goes to a position, kept within the run. */
  async go(position: number): Promise<void> {
    const { course, asked, other } = this.store.state;
    const to = Math.max(0, Math.min(course?.length ?? 0, position));
    const pair = other && pairAt(other, to);
    // A question stays until its step is left behind.
    const patch: Partial<State> = asked && (asked.at !== to || asked.guess === null) ? { asked: null } : {};
    await this.show(to, pair, patch);
  }
  /** Goes to a pair of a comparison, by its number. */
  async goPair(index: number): Promise<void> {
    const pair = this.store.state.other?.pairs[index];
    if (pair) await this.show(pair.a, index);
  }
  /** Shows a position, and the pair of a comparison that goes with it. */
  private async show(position: number, pair: number | null, patch: Partial<State> = {}): Promise<void> {
    const mine = ++this.requests;
    this.store.prepare({ position });
    const { other, lang } = this.store.state;
    const besides = pair === null ? null : (other?.pairs[pair]?.b ?? 0);
    const [view, beside] = await Promise.all([
      this.machine.ask("view", 0, position, lang),
      besides === null ? null : this.machine.ask("view", 1, besides, lang),
      ...this.ahead.map((ask) => ask(position, besides)),
    ]);
    // A later request has overtaken this one.
    if (mine !== this.requests) return;
    const more: Partial<State> =
      other && beside && pair !== null ? { other: { ...other, at: pair, view: beside } } : {};
    this.store.set({ position, view, ...more, ...patch });
  }

  /** The places where stepping stops. */
  private stops(): ArrayLike<number> {
    const { course, other, stops, grain } = this.store.state;
    if (grain === "operation") return course?.lines.map((o) => o.to) ?? [];
    return other ? other.pairs.map((p) => p.a) : stops;
  }
  next(): number | null {
    return after(this.stops(), this.store.state.position);
  }
  previous(): number {
    return before(this.stops(), this.store.state.position) ?? 0;
  }
  /** The next mark of one of these tones. */
  nextMark(tones: readonly PageTone[] = ["miss", "stale", "fault"]): number | null {
    const { course, position } = this.store.state;
    const found = course?.marks.filter((m) => tones.includes(m.tone)) ?? [];
    return after(
      found.map((m) => m.at),
      position,
    );
  }
  toMark(tones?: readonly PageTone[]): void {
    const to = this.nextMark(tones);
    if (to !== null) void this.go(to);
  }
  /** One step on, or its question first. */
  async step(): Promise<void> {
    const { other, grain, predicting, asked, lang } = this.store.state;
    // The other run may go on while this one waits.
    if (other && grain === "read" && other.at + 1 < other.pairs.length) return this.goPair(other.at + 1);
    const to = this.next();
    if (to === null) return;
    if (predicting && grain === "read" && !other && asked?.at !== to) {
      const question = await this.machine.ask("question", 0, to, lang);
      if (question) return this.store.set({ asked: { ...question, guess: null }, playing: false });
    }
    await this.go(to);
  }
  async stepBack(): Promise<void> {
    const { other, grain } = this.store.state;
    if (other && grain === "read" && other.at > 0) return this.goPair(other.at - 1);
    await this.go(this.previous());
  }
  /** The reader's answer; the machine then gives its own. */
  async guess(choice: number): Promise<void> {
    const { asked } = this.store.state;
    if (!asked) return;
    this.store.prepare({ asked: { ...asked, guess: choice } });
    await this.go(asked.at);
  }
}

/** The pair of a comparison that stands at a position of the run shown. */
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
