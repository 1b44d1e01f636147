// <iommu-playground>: a run of a scenario in a page of others.
import type { Depth } from "iommu-view";
import { App } from "../app";
import { DEPTHS } from "../depth";
import { h } from "../dom";
import { noStorage } from "../storage";
import type { Lang } from "../strings";
import css from "./embed.css";
import { Seat } from "./machine";
import { openLink } from "./link";
import { EmbedError, scenario, written, type Source } from "./source";
import { around, watch } from "./theme";
import type { ErrorDetail, LoadOptions, Place, StepDetail } from "./types";
import { CONTROLS, parts, VIEWS } from "./views";
import { explained } from "./trouble";
import { word } from "./words";

/** Embeds start when they are this near to what the reader sees. */
const NEAR = "400px";

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) (target as IommuPlayground).start();
  },
  { rootMargin: NEAR },
);

export class IommuPlayground extends HTMLElement {
  static readonly observedAttributes = [
    "preset",
    "scenario",
    "src",
    "at",
    "view",
    "lang",
    "theme",
    "controls",
    "depth",
  ] as const;

  private readonly notice = h("p.notice", { hidden: true, role: "alert" });
  private readonly waiting = h("p.embed-waiting", { role: "status", hidden: true });
  private readonly body = h("div.embed.embed-body", { hidden: true });
  private readonly head = h("div.embed.embed-notice", {}, this.notice, this.waiting);
  private readonly fallback = h("slot", {});
  private app: App | null = null;
  private link: HTMLAnchorElement | null = null;
  private started = false;
  private asked = 0;
  private told = -1;
  private highest = 0;
  private width = 0;
  private unwatch: (() => void) | null = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.append(this.head, this.fallback, this.body);
    // Never lower than it was at this width: what is below stays where it is while the reader steps.
    new ResizeObserver(() => this.settle()).observe(this.body);
  }

  // ---- what the page around may ask ----

  /** How many steps are done, in what is shown: `step` has been told for it. */
  get position(): number {
    return this.app?.state.view?.position ?? 0;
  }
  /** How many steps there are; 0 before `ready`. */
  get length(): number {
    return this.app?.state.course?.length ?? 0;
  }
  /** Shows another scenario. Whether it ran; if not, there was an `error` event. */
  load(options: LoadOptions): Promise<boolean> {
    this.started = true;
    near.unobserve(this);
    return this.open(options, options.at ?? null);
  }
  /** Stands at a position. */
  async goto(place: Place): Promise<void> {
    this.start();
    await this.opening;
    const at = this.spot(place);
    if (this.app && at !== null) await this.app.time.go(at);
  }
  /** Steps on by itself. */
  play(): void {
    this.start();
    void this.opening.then(() => this.app?.set({ playing: true }));
  }
  pause(): void {
    this.app?.set({ playing: false });
  }

  // ---- life ----

  connectedCallback(): void {
    this.unwatch ??= watch(() => this.paint());
    this.paint();
    if (this.started) return;
    near.observe(this);
  }
  disconnectedCallback(): void {
    near.unobserve(this);
    this.unwatch?.();
    this.unwatch = null;
    this.pause();
    // An element that is only moved keeps its run.
    setTimeout(() => {
      if (this.isConnected) return;
      this.app?.machine.leave();
      this.app?.clear();
      this.app = null;
      this.started = false;
      this.body.replaceChildren();
      this.show(false);
    });
  }
  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === "theme") this.paint();
    if (!this.started || !this.isConnected) return;
    if (name === "preset" || name === "scenario" || name === "src") void this.open(this.wish(), this.place());
    else if (name === "at") void this.goto(this.place() ?? "start");
    else if (name === "depth") void this.app?.time.deepen(this.depth());
    else if (name === "lang") void this.app?.speak(this.language()).then(() => this.build());
    else this.build();
  }

  /** Runs what is asked for, once. */
  start(): void {
    if (this.started) return;
    this.started = true;
    near.unobserve(this);
    void this.open(this.wish(), this.place());
  }

  private wish(): Source {
    const [src, text, preset] = [
      this.getAttribute("src"),
      this.getAttribute("scenario"),
      this.getAttribute("preset"),
    ];
    return { src, scenario: text ?? ((src ?? preset) ? null : written(this)), preset };
  }
  private language(): Lang {
    const lang = this.closest("[lang]")?.getAttribute("lang") ?? "";
    return /^zh\b/i.test(lang) ? "zh" : "en";
  }
  /** The attribute `at`; what it cannot be is said, and passed over. */
  private place(): Place | null {
    const at = this.getAttribute("at")?.trim();
    if (at === undefined) return null;
    if (at === "start" || at === "end" || at === "fault") return at;
    if (/^\d{1,10}$/.test(at)) return Number(at);
    this.wrong("at", at, ["0, 1, 2…", "start", "end", "fault"]);
    return null;
  }
  private choice<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.getAttribute(name) || choices[0];
    const found = choices.find((c) => c === value);
    if (!found) this.wrong(name, value ?? "", choices);
    return found ?? (choices[0] as T);
  }
  /** The attribute `depth`: how far every stop is opened. */
  private depth(): Depth {
    return this.choice("depth", DEPTHS);
  }
  private wrong(name: string, value: string, choices: readonly string[]): void {
    const lang = this.language();
    const rest = `${word("oneOf", lang)}: ${choices.join(", ")}`;
    this.fail({
      kind: "attribute",
      message: `${name} ${word("badValue", lang)} "${value}"; ${rest}`,
      line: null,
      column: null,
    });
  }

  private opening: Promise<unknown> = Promise.resolve();

  private open(source: Source, place: Place | null): Promise<boolean> {
    const opening = this.run(source, place, ++this.asked);
    this.opening = opening;
    return opening;
  }

  private async run(source: Source, place: Place | null, mine: number): Promise<boolean> {
    const lang = this.language();
    this.notice.hidden = true;
    const app = this.app ?? new App(lang, new Seat(), noStorage);
    app.setLang(lang);
    if (!this.app) app.setDepth(this.depth());
    this.waiting.textContent = word("loading", lang);
    this.waiting.hidden = this.app !== null || this.hasFallback();
    this.setAttribute("aria-busy", "true");
    try {
      const found = await scenario(source, app.machine, lang);
      if (mine !== this.asked) return false;
      app.set({ message: "", troubles: [] });
      const ran = await app.open(found.text, found.preset, typeof place === "number" ? place : null);
      if (mine !== this.asked) return false;
      if (!ran) throw explained(app.state, lang);
      this.app = app;
      const at = this.spot(place);
      if (at !== null && at !== app.state.position) await app.time.go(at);
      this.build();
      this.show(true);
      this.emit("ready", { title: app.state.head?.title ?? "", ...this.standing() });
      return true;
    } catch (error) {
      if (mine === this.asked) this.fail(error instanceof EmbedError ? error : explained(error, lang));
      return false;
    } finally {
      if (mine === this.asked) {
        this.waiting.hidden = true;
        this.removeAttribute("aria-busy");
      }
    }
  }

  private hasFallback(): boolean {
    return (this.textContent ?? "").trim() !== "" || this.childElementCount > 0;
  }

  private spot(place: Place | null): number | null {
    const { course } = this.app?.state ?? {};
    if (!course || place === null) return null;
    if (place === "start") return course.start;
    if (place === "end") return course.length;
    if (place === "fault") return course.marks.find((m) => m.tone === "fault")?.at ?? course.length;
    return Number.isSafeInteger(place) && place >= 0 ? place : null;
  }

  /** Builds the views anew: after a run, in another language, or when others are asked for. */
  private build(): void {
    const { app } = this;
    if (!app) return;
    app.clear();
    this.body.lang = app.state.lang === "zh" ? "zh-Hans" : "en";
    const made = parts(app, this.choice("view", VIEWS), this.choice("controls", CONTROLS));
    this.link = made.link;
    this.highest = 0;
    this.told = app.state.position;
    this.body.replaceChildren(made.content);
    app.on((_, changed) => {
      if (changed.has("view")) this.moved(app);
    });
    app.draw();
  }

  private moved(app: App): void {
    if (this.link) void openLink(app, this.link);
    if (app.state.position === this.told) return;
    this.told = app.state.position;
    const standing = this.standing();
    this.emit("step", standing);
    if (standing.tone === "fault") this.emit("fault", standing);
  }

  private standing(): StepDetail {
    const { position, view } = this.app?.state ?? {};
    return {
      position: position ?? 0,
      length: this.length,
      tone: view?.tone ?? "plain",
      sentence: view?.sentence ?? "",
    };
  }

  private show(run: boolean): void {
    this.body.hidden = !run;
    this.fallback.hidden = run;
  }

  private fail(detail: ErrorDetail | EmbedError): void {
    const { kind, message, line, column } = detail;
    this.notice.textContent = message;
    this.notice.hidden = false;
    this.emit("error", { kind, message, line, column } satisfies ErrorDetail);
  }

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** The theme of the attribute, or that of the page around. */
  private paint(): void {
    if (!this.isConnected) return;
    const wish = this.getAttribute("theme");
    const theme = wish === "light" || wish === "dark" ? wish : around(this);
    for (const part of [this.head, this.body]) part.dataset.theme = theme;
  }

  private settle(): void {
    const content = this.body.firstElementChild as HTMLElement | null;
    if (!content) return;
    if (this.width !== content.offsetWidth) {
      // What was needed at another width says nothing about this one.
      this.highest = 0;
      content.style.minHeight = "";
    }
    this.width = content.offsetWidth;
    this.highest = Math.max(this.highest, content.offsetHeight);
    content.style.minHeight = `${this.highest}px`;
  }
}
