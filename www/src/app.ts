// The page's parts put together: what is known (store), the texts that are run (texts), where the run stands (time), and the run
// beside it (beside).
import type { Depth } from "iommu-view";
import { Comparison } from "./comparison";
import { isDepth } from "./depth";
import type { Machine } from "./machine";
import { Navigation, type Drawer } from "./navigation";
import { draftKey, type Storage } from "./storage";
import { Store, type Listener, type State } from "./store";
import { words, type Lang, type Words } from "./strings";
import { Texts } from "./texts";
import { CountedMachine, Work } from "./work";

export class App {
  private readonly store: Store;
  readonly machine: Machine;
  readonly texts: Texts;
  /** Where the run stands. */
  readonly time: Navigation;
  /** The run beside it. */
  readonly beside: Comparison;

  constructor(
    lang: Lang,
    machine: Machine,
    readonly storage: Storage,
    /** What is under way. */
    readonly work = new Work(),
  ) {
    const depth = storage.recall("depth");
    this.machine = new CountedMachine(machine, work);
    this.store = new Store(lang, isDepth(depth) ? depth : "idea", storage.recall("predict") === "yes");
    this.time = new Navigation(this.store, this.machine);
    this.beside = new Comparison(this.store, this.machine, this.time);
    this.texts = new Texts(this.store, this.machine, storage, this.time, work);
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
  /** Registers a view that draws a picture. */
  draws(drawer: Drawer): void {
    this.time.draws(drawer);
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

  /** Opens a preset as it is written; an edit of it that was kept is offered. */
  choose(name: string, at: number | null = null): Promise<boolean> {
    return this.texts.choose(name, at);
  }
  /** Runs a text and shows it. When it has problems, or is stopped, everything stays as it was. */
  open(text: string, preset: string | null, at: number | null = null): Promise<boolean> {
    return this.texts.open(text, preset, at);
  }

  /** The same run in another language; the views are built anew after it. */
  speak(lang: Lang): Promise<void> {
    this.storage.remember("lang", lang);
    return this.texts.inTurn(async () => {
      // Who never asked for it, as an embed, has nothing of it in another language either.
      const known = this.state.gallery;
      const gallery = known.length ? await this.machine.ask("gallery", lang) : known;
      const about = this.state.good ? await this.machine.ask("about", 0, lang) : {};
      this.store.prepare({ lang, gallery, ...about, asked: null, other: null, terms: new Map() });
      if (this.state.good) await this.time.again();
    });
  }
  /** Chooses the language before anything is shown. */
  setLang(lang: Lang): void {
    this.store.prepare({ lang });
  }
  /** Chooses how far stops are opened before anything is shown. */
  setDepth(depth: Depth): void {
    this.store.prepare({ depth });
  }

  /** Writes a word of memory by a `poke` line in the text, and goes to the same place of the same operation again. */
  async poke(at: string, value: string, why: string): Promise<void> {
    const { course, position, text, good, preset, view } = this.state;
    const operation = course?.lines.find((o) => position <= o.to);
    if (!operation || text !== good) return;
    // What the operation itself writes is changed after it, and after what is expected of it.
    const writes = Boolean(view?.entry?.before.length);
    const poked = await this.machine.ask("withPoke", good, operation.line, writes, at, value, why);
    if (!poked) return;
    const { text: changed, line } = poked;
    this.storage.remember(draftKey(preset), changed);
    if (!(await this.open(changed, preset))) return;
    const again = this.state.course?.lines.find((o) => o.line === operation.line + (writes ? 0 : 1));
    if (again) await this.time.go(Math.min(again.to, again.from + position - operation.from));
    this.set({ undo: { text: good, position }, message: `${this.t("flipped")} ${line}` });
  }
  async undo(): Promise<void> {
    const { undo, preset } = this.state;
    if (undo === null) return;
    if (undo.text === this.texts.original(preset)) this.storage.forget(draftKey(preset));
    else this.storage.remember(draftKey(preset), undo.text);
    await this.open(undo.text, preset, undo.position);
  }
}
