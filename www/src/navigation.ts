// Where the run stands: stops at three depths, what is opened, marks, jumps. One request overtakes another.
import type { Depth, PageTone, Scene, Stop } from "iommu-view";
import { above, after, baseLevel, before, DEPTHS, indexAt } from "./depth";
import type { Machine } from "./machine";
import type { SceneWish, Wanted } from "./protocol";
import { isOpen, told } from "./shown";
import type { Other, Place, State, Store } from "./store";

/** A view that draws a picture of a run: `slot` 0 is the one shown, 1 the one beside it. */
export interface Drawer {
  slot: 0 | 1;
  /** What picture it wants of a position on such a way, if it draws one now. */
  wish(at: number, way: readonly Place[]): SceneWish | null;
  /** Keeps the picture until it is told to draw. */
  take(at: number, wish: SceneWish, scene: Scene): void;
}

/** Where a step leads: a position, and how many stops of its way are open. */
interface Goal {
  to: number;
  levels: number;
}

export class Navigation {
  private requests = 0;
  private drawers: Drawer[] = [];
  /** In a figure the answer takes the place of what is told: the last stop is read first, and the answer is a step of its own. */
  answerLast = false;
  /** Stops inside stops of the run, by depth and positions. */
  private readonly known = new Map<string, readonly Stop[]>();
  private knownOf: unknown = null;

  constructor(
    private readonly store: Store,
    private readonly machine: Machine,
  ) {}

  /** Registers a view that draws a picture: it comes with all else that is shown of a position. */
  draws(drawer: Drawer): void {
    this.drawers.push(drawer);
  }
  /** Forgets all that was registered: the page is built anew. */
  clear(): void {
    this.drawers = [];
  }

  /** Goes to a position, kept within the run; stops are open as far as the position needs it, or `levels` of them. What was
      prepared is told with it. */
  async go(position: number, levels = 0, prepared: (keyof State)[] = []): Promise<void> {
    // Who goes to the end by a link or a key is shown its answer.
    await this.goOn(position, levels, prepared, false);
  }
  private async goOn(position: number, levels: number, prepared: (keyof State)[], answerWaits: boolean) {
    const { course, asked, other } = this.store.state;
    const to = Math.max(0, Math.min(course?.length ?? 0, position));
    const pair = other && pairAt(other, to);
    // A question stays until its step is left behind.
    const patch: Partial<State> = asked && (asked.at !== to || asked.guess === null) ? { asked: null } : {};
    await this.show(to, levels, pair, { ...patch, answerWaits }, prepared);
  }
  /** Goes to a pair of a comparison, by its number. */
  async goPair(index: number): Promise<void> {
    const pair = this.store.state.other?.pairs[index];
    if (pair) await this.show(pair.a, 0, index);
  }
  /** Goes to where a run that has just been opened begins, and tells of it and of what is shown in one. */
  async begin(run: Partial<State>, position: number | null): Promise<void> {
    this.store.prepare({ ...run, way: [], view: null, answerWaits: false, terms: new Map() });
    const { course } = this.store.state;
    const at = Math.max(0, Math.min(course?.length ?? 0, position ?? course?.start ?? 0));
    await this.show(at, 0, null, {}, Object.keys(run) as (keyof State)[]);
  }
  private async show(
    position: number,
    levels: number,
    pair: number | null,
    patch: Partial<State> = {},
    prepared: (keyof State)[] = [],
  ): Promise<void> {
    // Nothing has run yet: its first run was stopped, or had problems.
    if (!this.store.state.course) return this.store.announce(prepared);
    const mine = ++this.requests;
    this.store.prepare({ position });
    const { other } = this.store.state;
    const besides = pair === null ? null : (other?.pairs[pair]?.b ?? 0);
    const found = await this.request(position, levels, besides).catch((error: unknown) => {
      this.store.announce(prepared);
      throw error;
    });
    // A later request has overtaken this one.
    if (mine !== this.requests) return this.store.announce(prepared);
    const { view, way, beside, draw } = found;
    draw();
    const more: Partial<State> =
      other && beside && pair !== null ? { other: { ...other, at: pair, view: beside.view } } : {};
    this.store.set({ position, view, way, ...more, ...patch }, prepared);
  }

  /** Gets all that is shown of a position, in one request. */
  private async request(position: number, levels: number, besides: number | null) {
    const { depth, lang, course } = this.store.state;
    const [way, open] = this.path(position, levels);
    const wishes = this.drawers.flatMap((drawer) => {
      const at = drawer.slot ? besides : position;
      const wish = at === null ? null : drawer.wish(position, way);
      return wish && at !== null ? [{ drawer, at, wish }] : [];
    });
    const wishOf = (slot: 0 | 1) => wishes.find(({ drawer }) => drawer.slot === slot)?.wish ?? null;
    const wanted: Wanted = {
      at: position,
      scene: wishOf(0),
      beside: besides === null ? null : { at: besides, scene: wishOf(1) },
      depth,
      levels,
      open: open && { depth: open.depth, from: open.from, to: open.to },
      level: way.length - 1,
      texts: this.unknown(way),
    };
    const { view, scene, beside, inside, terms } = await this.machine.ask("shown", 0, wanted, lang);
    let stop = open;
    if (course === this.store.state.course && lang === this.store.state.lang)
      for (const stops of inside) {
        if (!stop) break;
        this.known.set(key(stop), stops);
        stop = stops[indexAt(stops, position)] ?? null;
      }
    if (terms.length && lang === this.store.state.lang) {
      const all = new Map(this.store.state.terms);
      for (const [text, uses] of terms) all.set(text, uses);
      this.store.prepare({ terms: all });
    }
    const draw = () => {
      for (const { drawer, at, wish } of wishes) {
        const picture = drawer.slot ? beside?.scene : scene;
        if (picture) drawer.take(at, wish, picture);
      }
    };
    const complete = open ? this.path(position, levels, depth)[0] : way;
    return { view, way: complete, beside, draw };
  }

  /** Gets what is shown in another language, for views that are built after it. */
  async again(): Promise<void> {
    if (!this.store.state.course) return;
    const mine = ++this.requests;
    const { position, way: before } = this.store.state;
    const { view, way } = await this.request(position, before.length, null);
    if (mine === this.requests) this.store.prepare({ view, way });
  }

  // ---- stops ----

  /** The stops that a position is in, as far as they are known: down to the depth, to where one ends at it, and at least
      `levels`; and the last of them where what is inside it belongs to the way and is not known yet. */
  private path(at: number, levels: number, depth = this.store.state.depth): [Place[], Stop | null] {
    const way: Place[] = [];
    let among: readonly Stop[] | undefined = this.store.state.course?.ideas ?? [];
    // Bounded by how deep stops are inside each other.
    for (;;) {
      const index = indexAt(among, at);
      const stop: Stop | undefined = among[index];
      if (!stop) return [way, null];
      way.push({ stop, among, index });
      if (!isOpen(stop, way.length - 1, { at, depth, levels })) return [way, null];
      among = this.inside(stop);
      if (!among) return [way, stop];
    }
  }
  /** The texts of a way, and of what is said at the end, whose terms are not known yet. */
  private unknown(way: readonly Place[]): string[] {
    const { head, terms } = this.store.state;
    const said = way.flatMap(({ stop }) => told(stop));
    const texts = [...said, head?.answer ?? "", head?.tryThis ?? ""];
    return [...new Set(texts)].filter((text) => text !== "" && !terms.has(text));
  }
  /** What is inside a stop, where it is known. */
  private inside(stop: Stop): readonly Stop[] | undefined {
    const { course } = this.store.state;
    if (stop.depth === "idea") return course?.operations.slice(stop.first, stop.first + stop.children) ?? [];
    if (this.knownOf !== course) this.known.clear();
    this.knownOf = course;
    return this.known.get(key(stop));
  }
  /** The same, requested where it is not. */
  private async insideOf(stop: Stop): Promise<readonly Stop[]> {
    const { course, lang } = this.store.state;
    const found =
      this.inside(stop) ?? (await this.machine.ask("inside", 0, stop.depth, stop.from, stop.to, lang));
    if (stop.depth !== "idea" && course === this.store.state.course) this.known.set(key(stop), found);
    return found;
  }

  /** The positions at which a reader of the present depth stops. */
  stops(): ArrayLike<number> {
    const { course, reads, depth } = this.store.state;
    if (depth === "read") return reads;
    const stops = depth === "idea" ? course?.ideas : course?.operations;
    return stops?.map((stop) => stop.to) ?? [];
  }
  private next(): Goal | null {
    const { way, depth, position } = this.store.state;
    // In what is opened, the next stop there; after its last, what follows it.
    for (let level = way.length - 1; level > baseLevel(way, depth); level--) {
      const { among, index } = way[level] as Place;
      const stop = among[index + 1];
      if (stop) return { to: stop.to, levels: level + 1 };
    }
    const to = after(this.stops(), position);
    return to === null ? null : { to, levels: 0 };
  }
  private previous(): Goal {
    const { way, depth, position, course } = this.store.state;
    const base = baseLevel(way, depth);
    for (let level = way.length - 1; level > base; level--) {
      const { among, index } = way[level] as Place;
      const stop = among[index - 1];
      if (stop) return { to: stop.to, levels: level + 1 };
    }
    // Before the first inside a stop is what was before the stop.
    const to = before(this.stops(), (way[base]?.stop.from ?? position - 1) + 1);
    return { to: to ?? Math.min(course?.start ?? 0, Math.max(0, position - 1)), levels: 0 };
  }
  /** Is there a stop after this one, or the answer? */
  get more(): boolean {
    return this.next() !== null || this.moreOfOther() !== null || this.store.state.answerWaits;
  }
  /** Is there an answer that has the last word, at this position? */
  private answered(at: number): boolean {
    const { course, head } = this.store.state;
    return this.answerLast && at === course?.length && Boolean(head?.answer || head?.tryThis);
  }
  /** Puts the answer away that stands in the place of the last stop. */
  get putAway(): (() => void) | null {
    const { position } = this.store.state;
    return this.answered(position) ? () => this.store.set({ answerWaits: true }) : null;
  }
  /** Can the present stop be opened, and can it be closed? */
  get opens(): boolean {
    const { way, course } = this.store.state;
    const inner = way.at(-1);
    return inner ? inner.stop.children > 0 : (course?.ideas.length ?? 0) > 0;
  }
  get closes(): boolean {
    const { way, depth } = this.store.state;
    return way.length - 1 > baseLevel(way, depth);
  }
  /** Opens the present stop one depth further, in place. */
  async open(): Promise<void> {
    const { way, course } = this.store.state;
    const inner = way.at(-1)?.stop ?? course?.ideas[0];
    if (!inner?.children) return;
    const [first] = await this.insideOf(inner);
    if (first) await this.go(first.to, Math.max(way.length, 1) + 1);
  }
  /** Closes what was opened last, and shows it whole. */
  async close(): Promise<void> {
    const outer = this.store.state.way.at(-2);
    if (outer && this.closes) await this.go(outer.stop.to, this.store.state.way.length - 1);
  }
  /** Opens every stop as far as this, or closes it. */
  async deepen(depth: Depth): Promise<void> {
    const { way, position } = this.store.state;
    // Where the present depth is coarser, the whole stop is shown that the position was in.
    const inner = way.find(({ stop }) => !above(stop, depth));
    // In one with what is shown then.
    this.store.prepare({ depth });
    await this.go(inner?.stop.to ?? position, 0, ["depth"]);
  }
  /** The next depth, around. */
  async turn(): Promise<void> {
    const next = DEPTHS[(DEPTHS.indexOf(this.store.state.depth) + 1) % DEPTHS.length];
    if (next) await this.deepen(next);
  }

  // ---- marks ----

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

  // ---- steps ----

  /** The pair after this one, where reads are compared: the other run may go on while this one waits. */
  private moreOfOther(by = 1): number | null {
    const { other, depth } = this.store.state;
    return other && depth === "read" && other.pairs[other.at + by] ? other.at + by : null;
  }
  /** One stop on, or its question first. */
  async step(): Promise<void> {
    const { other, depth, way, predicting, asked, lang } = this.store.state;
    const pair = this.moreOfOther();
    if (pair !== null) return this.goPair(pair);
    const goal = this.next();
    if (goal === null) {
      if (this.store.state.answerWaits) this.store.set({ answerWaits: false });
      return;
    }
    const reading = depth === "read" || (goal.levels > 0 && way.at(goal.levels - 1)?.stop.depth === "read");
    if (predicting && reading && !other && asked?.at !== goal.to) {
      const question = await this.machine.ask("question", 0, goal.to, lang);
      if (question) return this.store.set({ asked: { ...question, guess: null }, playing: false });
    }
    await this.goOn(goal.to, goal.levels, [], this.answered(goal.to));
  }
  async stepBack(): Promise<void> {
    const pair = this.moreOfOther(-1);
    if (pair !== null) return this.goPair(pair);
    if (!this.store.state.answerWaits && this.putAway) return this.putAway();
    const { to, levels } = this.previous();
    await this.go(to, levels);
  }
  async toStart(): Promise<void> {
    await this.go(this.store.state.course?.start ?? 0);
  }
  async toEnd(): Promise<void> {
    await this.go(this.store.state.course?.length ?? 0);
  }
  /** The reader's answer; the machine then gives its own. */
  async guess(choice: number): Promise<void> {
    const { asked, way } = this.store.state;
    if (!asked) return;
    this.store.prepare({ asked: { ...asked, guess: choice } });
    await this.go(asked.at, way.length);
  }
}

const key = ({ depth, from, to }: Stop) => `${depth} ${from} ${to}`;

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
