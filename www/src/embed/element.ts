// <iommu-playground>: a run of a scenario in a page of others.
import type { Depth } from "iommu-view";
import { App } from "../app";
import { DEPTHS } from "../depth";
import { h } from "../dom";
import { isRefused, refusedAt } from "../refused";
import { noStorage } from "../storage";
import { words, type Lang } from "../strings";
import css from "./embed.css";
import { seated } from "./machine";
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
    "arch",
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
  private readonly loading = h("span", {});
  private readonly stop = h("button", {
    type: "button",
    hidden: true,
    onclick: () => void this.own?.texts.stop(),
  });
  private readonly waiting = h(
    "p.embed-waiting",
    { role: "status", hidden: true },
    this.loading,
    " ",
    this.stop,
  );
  private readonly body = h("div.embed.embed-body", { hidden: true });
  private readonly head = h("div.embed.embed-notice", {}, this.notice, this.waiting);
  private readonly fallback = h("slot", {});
  /** What runs scenarios for it, from the first one wanted on; and the same once a run is shown. */
  private own: App | null = null;
  private app: App | null = null;
  /** What is wrong with attributes, by name, and with all else. */
  private readonly wrong = new Map<string, string>();
  private trouble = "";
  private readonly changed = new Set<string>();
  private fetching = new AbortController();
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
    // Only what the options say themselves: a page may have put anything on all objects.
    const own = Object.assign(Object.create(null) as LoadOptions, options);
    return this.open(own, own.at ?? null);
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
    if (this.started) this.dress();
    else near.observe(this);
  }
  disconnectedCallback(): void {
    near.unobserve(this);
    this.unwatch?.();
    this.unwatch = null;
    this.pause();
    // An element that is only moved keeps its run.
    setTimeout(() => {
      if (this.isConnected) return;
      this.asked++;
      this.fetching.abort();
      this.own?.machine.leave();
      this.own?.clear();
      this.own = this.app = null;
      this.started = false;
      this.waiting.hidden = true;
      this.removeAttribute("aria-busy");
      this.body.replaceChildren();
      this.show(false);
    });
  }
  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    // Scripts change several at once, and some by the thousand: they are looked at together.
    if (this.changed.size === 0) queueMicrotask(() => this.catchUp());
    this.changed.add(name);
  }
  private catchUp(): void {
    const changed = new Set(this.changed);
    this.changed.clear();
    if (!this.started || !this.isConnected) return;
    if (changed.has("theme")) this.paint();
    if (["preset", "arch", "scenario", "src"].some((name) => changed.has(name))) {
      const opened = this.open(this.wish(), this.place());
      if (changed.has("depth")) void opened.then(() => this.app?.time.deepen(this.depth()));
      return;
    }
    const { app } = this;
    if (changed.has("lang")) void app?.speak(this.language()).then(() => this.build());
    else if (changed.has("view") || changed.has("controls")) this.build();
    if (changed.has("depth")) void app?.time.deepen(this.depth());
    if (changed.has("at")) void this.goto(this.place() ?? "start");
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
    const arch = this.getAttribute("arch");
    return { link: null, src, scenario: text ?? ((src ?? preset) ? null : written(this)), preset, arch };
  }
  private language(): Lang {
    const lang = this.closest("[lang]")?.getAttribute("lang") ?? "";
    return /^zh(?![a-z])/i.test(lang) ? "zh" : "en";
  }
  /** The attribute `at`; what it cannot be is said, and passed over. */
  private place(): Place | null {
    const at = this.getAttribute("at")?.trim();
    const place =
      at === "start" || at === "end" || isRefused(at) ? at : /^\d{1,10}$/.test(at ?? "") ? Number(at) : null;
    this.judge("at", at !== undefined && place === null ? at : null, [
      "0, 1, 2…",
      "start",
      "end",
      "fault",
      "fault:0x5",
    ]);
    return place;
  }
  private choice<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.getAttribute(name) || choices[0];
    const found = choices.find((c) => c === value);
    this.judge(name, found ? null : (value ?? ""), choices);
    return found ?? (choices[0] as T);
  }
  /** The attribute `depth`: how far every stop is opened. */
  private depth(): Depth {
    return this.choice("depth", DEPTHS);
  }
  /** Says what an attribute cannot be, once, until it is put right (`null`). */
  private judge(name: string, wrong: string | null, choices: readonly string[]): void {
    const lang = this.language();
    this.complain(name, wrong === null ? null : word("badValue", lang, { name, value: wrong, choices }));
  }
  private complain(name: string, message: string | null): void {
    if (message === (this.wrong.get(name) ?? null)) return;
    if (message === null) this.wrong.delete(name);
    else this.wrong.set(name, message);
    this.say();
    if (message !== null) this.emit("error", { kind: "attribute", message, line: null, column: null });
  }
  private say(): void {
    this.notice.textContent = [this.trouble, ...this.wrong.values()].filter((text) => text).join("\n");
    this.notice.hidden = !this.notice.textContent;
  }

  private opening: Promise<unknown> = Promise.resolve();

  private open(source: Source, place: Place | null): Promise<boolean> {
    this.dress();
    const opening = this.run(source, place, ++this.asked);
    this.opening = opening;
    return opening;
  }

  private async run(source: Source, place: Place | null, mine: number): Promise<boolean> {
    const lang = this.language();
    this.trouble = "";
    this.say();
    this.fetching.abort();
    this.fetching = new AbortController();
    const { signal } = this.fetching;
    const app = (this.own ??= this.begin());
    app.setLang(lang);
    if (!this.app) app.setDepth(this.depth());
    this.loading.textContent = word("loading", lang);
    this.stop.textContent = words(lang)("stop");
    this.stop.hidden = true;
    this.waiting.hidden = this.app !== null || this.hasFallback();
    this.setAttribute("aria-busy", "true");
    try {
      const found = await scenario(source, app.machine, lang, signal);
      if (mine !== this.asked) return false;
      this.complain("arch", found.passed ?? null);
      app.set({ message: "", troubles: [] });
      const ran = await app.open(found.text, found.preset, typeof place === "number" ? place : null);
      if (mine !== this.asked) return false;
      if (!ran) throw explained(app.state, lang);
      this.app = app;
      const at = this.spot(place);
      if (at !== null && at !== app.state.position) await app.time.go(at);
      if (mine !== this.asked) return false;
      // Where and why a run ended before its end.
      this.trouble = app.state.message;
      this.say();
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

  /** What runs its scenarios. Until the first run is shown it can be stopped here; then the views have a button for that. */
  private begin(): App {
    const app = new App(this.language(), seated(), noStorage);
    app.on((state, changed) => {
      if (!changed.has("busy") || this.app) return;
      this.stop.hidden = !state.busy;
      if (state.busy) this.waiting.hidden = false;
    });
    return app;
  }

  private hasFallback(): boolean {
    return (this.textContent ?? "").trim() !== "" || this.childElementCount > 0;
  }

  private spot(place: Place | null): number | null {
    const { course } = this.app?.state ?? {};
    if (!course || place === null) return null;
    if (place === "start") return course.start;
    if (place === "end") return course.length;
    if (typeof place === "string") return refusedAt(course, place) ?? course.length;
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
    this.trouble = message;
    this.say();
    this.emit("error", { kind, message, line, column } satisfies ErrorDetail);
  }

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** Takes the theme around, and follows it. Not before it starts: of many elements each would ask for the page's styles. */
  private dress(): void {
    if (!this.isConnected) return;
    this.unwatch ??= watch(() => this.paint());
    this.paint();
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
