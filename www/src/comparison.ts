// A second run beside the one shown, in pairs of positions that belong together.
import type { Machine } from "./machine";
import type { Navigation } from "./navigation";
import type { Store } from "./store";
import { has } from "./own";

export class Comparison {
  constructor(
    private readonly store: Store,
    private readonly machine: Machine,
    private readonly time: Navigation,
  ) {}

  /** Runs a second text beside this run, and goes where what comes of them parts; else to the first step that differs. */
  async start(text: string, label: string): Promise<void> {
    const { lang, good } = this.store.state;
    const opened = await this.machine.ask("open", 1, text, lang);
    if (has(opened, "troubles")) {
      const [first] = opened.troubles;
      this.store.set({ message: first ? `${first.line}:${first.column} ${first.message}` : "" });
      return;
    }
    const { course } = opened;
    const { pairs, first } = await this.machine.ask("compare");
    const parted = await this.machine.ask("parted", lang);
    const view = await this.machine.ask("view", 1, course.start, lang);
    // Another scenario has been opened meanwhile.
    if (good !== this.store.state.good) return;
    this.store.set({
      playing: false,
      asked: null,
      other: { label, text, course, pairs, first, parted, at: 0, view },
    });
    await this.time.goPair(parted.pair ?? first ?? 0);
  }
  async end(): Promise<void> {
    await this.machine.ask("alone");
    this.store.set({ other: null });
    await this.time.go(this.store.state.position);
  }
}
