// The texts that are run: presets as they are written, what is typed over them, and edits that were kept. The picture, the
// chosen scenario, the title and the editor always speak of one scenario: a text is adopted as a whole when it has run.
import { Stopped, type Machine } from "./machine";
import type { Navigation } from "./navigation";
import { lookForNewer } from "./newer";
import { draftKey, type Storage } from "./storage";
import type { State, Store } from "./store";
import { words } from "./strings";
import type { Work } from "./work";

/** Typing pauses this long before the text runs. */
const PAUSE = 250;
/** What takes longer than this says so, and can be stopped. */
const SLOW = 100;

export class Texts {
  private opened = 0;
  /** Was the run that goes on asked to end? */
  private halting = false;
  private typing: { timer: ReturnType<typeof setTimeout>; end: () => void } | null = null;

  constructor(
    private readonly store: Store,
    private readonly machine: Machine,
    private readonly storage: Storage,
    private readonly time: Navigation,
    private readonly work: Work,
  ) {}

  /** The text of a preset as it is written. */
  original(preset: string | null): string | null {
    return this.store.state.gallery.find((c) => c.name === preset)?.text ?? null;
  }
  /** The edit of a preset that the browser keeps, where it is another text than `than`. */
  private kept(preset: string | null, than: string): string | null {
    const draft = this.storage.recall(draftKey(preset));
    return draft !== null && draft !== than && draft !== this.original(preset) ? draft : null;
  }

  /** Opens a preset as it is written; an edit of it that was kept is offered, not opened. */
  async choose(name: string, at: number | null = null): Promise<boolean> {
    try {
      if (this.original(name) === "") await this.fetch();
    } catch (error) {
      this.unloaded(error);
      return false;
    }
    const text = this.original(name);
    return text !== null && this.open(text, name, at);
  }
  /** Gets the texts of all presets from the machine: a recording has only its own. */
  private async fetch(): Promise<void> {
    await this.machine.ask("load");
    this.store.set({ gallery: await this.machine.ask("gallery", this.store.state.lang) });
  }
  /** Runs a text and shows it. When it has problems, or is stopped, everything stays as it was. */
  async open(text: string, preset: string | null, at: number | null = null): Promise<boolean> {
    this.forgetTyping();
    return this.run(text, preset, at, { text, draft: this.kept(preset, text) });
  }
  /** Takes a text as it is typed over the one shown: it is kept, and runs when typing pauses. */
  type(text: string): void {
    const { preset } = this.store.state;
    if (text === this.original(preset)) this.storage.forget(draftKey(preset));
    else this.storage.remember(draftKey(preset), text);
    this.store.set({ text, draft: null });
    this.forgetTyping();
    const end = this.work.begin();
    const timer = setTimeout(() => {
      this.typing = null;
      void this.run(text, preset, this.store.state.position, {}).finally(end);
    }, PAUSE);
    this.typing = { timer, end };
  }
  private forgetTyping(): void {
    if (!this.typing) return;
    clearTimeout(this.typing.timer);
    this.typing.end();
    this.typing = null;
  }
  /** Puts a text into the editor over the run shown: with problems that keep it from running. */
  async show(text: string, at: number | null = null): Promise<void> {
    this.store.set({ text, draft: null });
    await this.run(text, this.store.state.preset, at, {});
  }

  /** Opens the edit that was kept. One with problems goes to the editor, over the picture of the original. */
  async openDraft(): Promise<void> {
    const { draft } = this.store.state;
    if (draft !== null) await this.show(draft);
  }
  dropDraft(): void {
    this.storage.forget(draftKey(this.store.state.preset));
    this.store.set({ draft: null });
  }
  /** Back to the preset as it is written; the edit is gone. */
  async revert(): Promise<void> {
    const { preset } = this.store.state;
    this.storage.forget(draftKey(preset));
    if (preset !== null) await this.choose(preset);
  }
  /** Ends the run that goes on: what ran so far is shown. Pressed again, when that takes too long, it ends the machine, and
      the last good run comes back. */
  async stop(): Promise<void> {
    if (!this.halting) {
      this.halting = true;
      return this.machine.halt();
    }
    this.machine.stop();
    this.store.set({ busy: false });
    await this.again();
    this.store.set({ message: words(this.store.state.lang)("stopped") });
  }
  /** Runs what is shown again: the machine was ended. */
  private async again(): Promise<void> {
    const { good, preset, position } = this.store.state;
    if (good) await this.run(good, preset, position, {});
  }

  /** Says that the machine could not be loaded, perhaps since another version is there; a run that was stopped says so itself. */
  private unloaded(error: unknown): void {
    if (error instanceof Stopped) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.store.set({ message: `${words(this.store.state.lang)("noWasm")} (${reason})` });
    void lookForNewer();
  }

  private async run(
    text: string,
    preset: string | null,
    at: number | null,
    more: Partial<State>,
  ): Promise<boolean> {
    const mine = ++this.opened;
    const { lang } = this.store.state;
    this.halting = false;
    const slow = setTimeout(() => this.store.set({ busy: true }), SLOW);
    try {
      const result = await this.machine.ask("open", 0, text, lang);
      if (mine !== this.opened) return false;
      if ("troubles" in result) {
        this.store.set({ troubles: result.troubles });
        return false;
      }
      const { head, course, stops, reads } = result;
      this.storage.remember("last", preset ?? "");
      this.storage.remember("text", text);
      const fresh = { playing: false, followed: null, focus: null, other: null, asked: null, undo: null };
      // A run that a limit or its reader ended is one that can be stepped; where and why it ended is said.
      const ended = course.stopped;
      const message = ended
        ? `${words(lang)("endedAt")} ${ended.line}${words(lang)("colon")}${ended.message}`
        : "";
      const troubles = ended ? [ended] : [];
      const ran = { head, course, stops, reads, good: text, preset, troubles, message };
      await this.time.begin({ ...more, ...fresh, ...ran }, at);
      return true;
    } catch (error) {
      this.unloaded(error);
      return false;
    } finally {
      clearTimeout(slow);
      if (mine === this.opened && this.store.state.busy) this.store.set({ busy: false });
    }
  }
}
