// The texts that are run: presets as they are written, what is typed over them, and edits that were kept. The picture, the
// chosen scenario, the title and the editor always speak of one scenario: a text is adopted as a whole when it has run.
import { Stopped, type Machine } from "./machine";
import type { Navigation } from "./navigation";
import { lookForNewer } from "./newer";
import { draftKey, type Storage } from "./storage";
import type { Opened } from "./protocol";
import type { State, Store } from "./store";
import { words, type Lang } from "./strings";
import type { Work } from "./work";
import { has } from "./own";

/** Typing pauses this long before the text runs. */
const PAUSE = 250;
/** What takes longer than this says so, and can be stopped. */
const SLOW = 100;

/** What came of a text that was to be run: it is shown, it has problems, something later was wanted, the machine failed. */
export type Attempt = "shown" | "problems" | "overtaken" | "failed";

export class Texts {
  private opened = 0;
  /** Counts what a reader wanted shown: a text that comes later than the next wish is not. */
  private wishes = 0;
  /** What changes the run that is shown is taken in one after another: the machine's run and what is known stay of one text. */
  private turn: Promise<unknown> = Promise.resolve();
  /** Was the run that goes on asked to end? */
  private halting = false;
  /** Was the last text not run because the machine could not be had? The address that wanted it stays, for a reload. */
  missing = false;
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
  /** The preset that a text is a kept edit of. */
  originalOf(text: string): string | null {
    const edited = ({ name }: { name: string }) => this.storage.recall(draftKey(name)) === text;
    return this.store.state.gallery.find(edited)?.name ?? null;
  }
  /** The edit of a preset that the browser keeps, where it is another text than `than`. */
  private kept(preset: string | null, than: string): string | null {
    const draft = this.storage.recall(draftKey(preset));
    return draft !== null && draft !== than && draft !== this.original(preset) ? draft : null;
  }

  /** Opens a preset as it is written; an edit of it that was kept is offered, not opened. */
  async choose(name: string, at: number | null = null): Promise<boolean> {
    this.forgetTyping();
    const mine = ++this.wishes;
    try {
      await this.know(name);
    } catch (error) {
      this.unloaded(error);
      return false;
    }
    if (mine !== this.wishes) return false;
    const text = this.original(name);
    return text !== null && this.open(text, name, at);
  }
  /** Gets the text of a preset: until the machine is loaded only those are known that were asked for. */
  async know(name: string): Promise<void> {
    if (this.original(name) !== "") return;
    const text = await this.machine.ask("text", name, this.store.state.lang);
    const { gallery } = this.store.state;
    this.store.set({ gallery: gallery.map((card) => (card.name === name ? { ...card, text } : card)) });
  }
  /** Runs a text and shows it. When it has problems, or is stopped, everything stays as it was. */
  async open(text: string, preset: string | null, at: number | null = null): Promise<boolean> {
    return (await this.attempt(text, preset, at)) === "shown";
  }
  /** As `open`, and says what came of it. */
  attempt(text: string, preset: string | null, at: number | null): Promise<Attempt> {
    this.forgetTyping();
    this.wishes++;
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
      void this.edit(text, preset, this.store.state.position).finally(end);
    }, PAUSE);
    this.typing = { timer, end };
  }
  private forgetTyping(): void {
    if (!this.typing) return;
    clearTimeout(this.typing.timer);
    this.typing.end();
    this.typing = null;
  }
  /** Runs an edit of the scenario that is shown, if it still is when its turn comes. */
  private edit(text: string, preset: string | null, at: number | null): Promise<Attempt> {
    return this.run(text, preset, at, {}, () => this.store.state.preset === preset);
  }

  /** Opens the edit that was kept. One with problems goes to the editor, over the picture of the original. */
  async openDraft(): Promise<void> {
    const { draft, preset } = this.store.state;
    if (draft === null) return;
    this.forgetTyping();
    this.store.set({ text: draft, draft: null });
    await this.edit(draft, preset, null);
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
    const { good, lang } = this.store.state;
    this.store.set({ message: words(lang)(good ? "stopped" : "stoppedFirst") });
  }
  /** Runs what is shown again: the machine was ended. */
  private async again(): Promise<void> {
    const { good, preset, position } = this.store.state;
    if (good) await this.run(good, preset, position, {});
  }

  /** Says that the machine could not be loaded, perhaps since another version is there; a run that was stopped says so itself. */
  private unloaded(error: unknown): void {
    if (error instanceof Stopped) return;
    this.missing = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.store.set({ message: `${words(this.store.state.lang)("noWasm")} (${reason})` });
    void lookForNewer();
  }

  /** Does something to the run that is shown, after what was begun before. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    const now = this.turn.then(act);
    this.turn = now.catch(() => undefined);
    return now;
  }

  /** Has the machine run a text at once, in place of one that it may be running; what comes of each is taken in in order, so that
      the machine and the page are of one text also where several were wanted. */
  private async run(
    text: string,
    preset: string | null,
    at: number | null,
    more: Partial<State>,
    wanted = () => true,
  ): Promise<Attempt> {
    if (!wanted()) return "overtaken";
    const mine = ++this.opened;
    const { lang } = this.store.state;
    this.halting = false;
    const slow = setTimeout(() => this.store.set({ busy: true }), SLOW);
    const opening = this.machine.ask("open", 0, text, lang);
    opening.catch(() => undefined);
    return this.inTurn(async () => {
      try {
        const result = await opening;
        this.missing = false;
        if (has(result, "troubles")) {
          // One that another took the place of has none of its own to tell.
          if (mine !== this.opened || !wanted()) return "overtaken";
          this.store.set({ troubles: result.troubles });
          return "problems";
        }
        await this.adopt(result, lang, text, preset, at, more);
        return mine === this.opened ? "shown" : "overtaken";
      } catch (error) {
        this.unloaded(error);
        return "failed";
      } finally {
        clearTimeout(slow);
        if (mine === this.opened && this.store.state.busy) this.store.set({ busy: false });
      }
    });
  }
  private async adopt(
    opened: Opened,
    spoken: Lang,
    text: string,
    preset: string | null,
    at: number | null,
    more: Partial<State>,
  ): Promise<void> {
    const { lang } = this.store.state;
    // The page may speak another language by now.
    const { head, course, stops, reads } =
      spoken === lang ? opened : await this.machine.ask("about", 0, lang);
    const variants = await this.machine.ask("variants", text);
    this.storage.remember("last", preset ?? "");
    this.storage.remember("text", text);
    const fresh = { playing: false, followed: null, focus: null, other: null, asked: null, undo: null };
    // A run that a limit or its reader ended is one that can be stepped; where and why it ended is said.
    const ended = course.stopped;
    const message = ended
      ? `${words(lang)("endedAt")} ${ended.line}${words(lang)("colon")}${ended.message}`
      : "";
    const troubles = ended ? [ended] : [];
    const ran = { head, variants, course, stops, reads, good: text, preset, troubles, message };
    await this.time.begin({ ...more, ...fresh, ...ran }, at);
  }
}
