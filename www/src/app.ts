// The page's parts put together: what is known (store), where the run stands (time), the run beside it (beside), and the
// texts that are run.
import { Comparison } from "./comparison";
import { Stopped, type Machine } from "./machine";
import { Navigation, type Ahead } from "./navigation";
import { draftKey, type Storage } from "./storage";
import { Store, type Listener, type State } from "./store";
import { words, type Lang, type Words } from "./strings";

export class App {
  private readonly store: Store;
  /** Where the run stands. */
  readonly time: Navigation;
  /** The run beside it. */
  readonly beside: Comparison;
  private opened = 0;

  constructor(
    lang: Lang,
    readonly machine: Machine,
    readonly storage: Storage,
  ) {
    this.store = new Store(lang, storage.recall("predict") === "yes");
    this.time = new Navigation(this.store, machine);
    this.beside = new Comparison(this.store, machine, this.time);
  }

  get state(): Readonly<State> {
    return this.store.state;
  }
  /** The page's words in its language. Views take it when they are built: they are built anew in another language. */
  get t(): Words {
    return words(this.state.lang);
  }
  on(listener: Listener): void {
    this.store.on(listener);
  }
  set(patch: Partial<State>): void {
    this.store.set(patch);
  }
  /** Registers what a view needs from the machine for a position. */
  prepare(ask: Ahead): void {
    this.time.prepare(ask);
  }
  /** Forgets all views: the page is built anew. */
  clear(): void {
    this.store.clear();
    this.time.clear();
  }
  /** Tells all views, just built, to draw. */
  draw(): void {
    this.store.all();
  }

  /** Runs a text. When it has problems, or is stopped, the run before stays. */
  async open(text: string, preset: string | null, position: number | null = null): Promise<boolean> {
    const mine = ++this.opened;
    this.set({ text, preset, undo: null });
    // What takes longer than a tenth of a second says so, and can be stopped.
    const slow = setTimeout(() => this.set({ busy: true }), 100);
    try {
      const result = await this.machine.ask("open", 0, text, this.state.lang);
      if (mine !== this.opened) return false;
      if ("troubles" in result) {
        this.set({ troubles: result.troubles });
        return false;
      }
      const { head, course, stops } = result;
      this.set({ head, course, stops });
      const fresh = { playing: false, followed: null, focus: null, other: null, asked: null };
      this.set({ good: text, troubles: [], message: "", ...fresh });
      this.storage.remember("last", preset ?? "");
      if (preset === null) this.storage.remember("text", text);
      await this.time.go(position ?? course.start);
      return true;
    } catch (error) {
      // The machine could not be loaded; a run that was stopped says so itself.
      const reason = error instanceof Error ? error.message : String(error);
      if (!(error instanceof Stopped)) this.set({ message: `${this.t("noWasm")} (${reason})` });
      return false;
    } finally {
      clearTimeout(slow);
      if (mine === this.opened && this.state.busy) this.set({ busy: false });
    }
  }

  /** The same run in another language; the views are built anew after it. */
  async speak(lang: Lang): Promise<void> {
    this.storage.remember("lang", lang);
    const gallery = await this.machine.ask("gallery", lang);
    const patch: Partial<State> = { lang, gallery, asked: null, other: null };
    if (this.state.good) {
      Object.assign(patch, await this.machine.ask("about", 0, lang));
      patch.view = await this.machine.ask("view", 0, this.state.position, lang);
    }
    this.store.prepare(patch);
  }

  /** Chooses the language before anything is shown. */
  setLang(lang: Lang): void {
    this.store.prepare({ lang });
  }

  /** Writes a word of memory by a `poke` line in the text, and goes before the same operation again. */
  async poke(at: string, value: string, why: string): Promise<void> {
    const { course, position, text, good, preset, view } = this.state;
    const operation = course?.lines.find((o) => position <= o.to);
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
    this.storage.remember(draftKey(preset), changed);
    if (!(await this.open(changed, preset))) return;
    const again = this.state.course?.lines.find((o) => o.line >= line + 1);
    this.set({ undo: good, message: `${this.t("flipped")} ${line + 1}` });
    if (again) await this.time.go(again.from - 1);
  }
  async undo(): Promise<void> {
    const { undo, preset, position } = this.state;
    if (undo === null) return;
    this.storage.remember(draftKey(preset), undo);
    await this.open(undo, preset, position);
  }
}
