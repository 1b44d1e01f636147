// The page: starts the machine, builds the views, keeps the address bar in step.
import { acrossDoor } from "./across/open";
import { answer } from "./answer";
import { App } from "./app";
import { changed } from "./change";
import { comparing } from "./compare";
import { diagram, type Panes } from "./diagram";
import { h } from "./dom";
import { editor } from "./editor";
import { ending, endingRoom } from "./ending";
import { explainDialog } from "./explain/dialog";
import { header } from "./header";
import { inspector } from "./inspector";
import { keys, sheet } from "./keys";
import { lanes } from "./lanes";
import { pageMachine } from "./machine";
import { lookForNewer, whenNewer } from "./newer";
import { notice } from "./notice";
import { keepForOffline } from "./offline";
import { Progress } from "./path/progress";
import { question } from "./predict";
import { refusedAt } from "./refused";
import { searchDoor } from "./search/open";
import { sentence } from "./sentence";
import { share } from "./share";
import { landing, type Landing } from "./start/landing";
import { browserStorage as storage } from "./storage";
import type { Place, State } from "./store";
import type { Lang } from "./strings";
import { transport } from "./transport";
import * as url from "./url";
import { Work } from "./work";

/** What the first screen shows, and what stands in for a scenario that there is not. */
const FIRST = "why-iommu";
/** Characters that are shown of a parameter that is passed over. */
const PASSED = 60;

const place = url.read(location.hash);
const theme = place.theme ?? storage.recall("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;

function firstLang(): Lang {
  // index.zh.html is asked for in Chinese; index.html is nobody's choice.
  const page = document.documentElement.lang.startsWith("zh") ? "zh" : null;
  const wish = place.lang ?? page ?? storage.recall("lang") ?? navigator.language;
  return wish.startsWith("zh") ? "zh" : "en";
}

const app = new App(
  firstLang(),
  pageMachine(),
  storage,
  // For those who drive the page: is everything done that was asked for?
  new Work((busy) => (document.documentElement.dataset.working = busy ? "yes" : "no")),
);
/** What the log reader needs of the page. */
const logPage = {
  get state() {
    return app.state;
  },
  open: (text: string, preset: string | null, at?: number) => app.open(text, preset, at ?? null),
  go: (at: number) => app.time.go(at),
  missing: () => {
    app.set({ message: app.t("partMissing") });
    void lookForNewer();
  },
};
let listening = new AbortController();
const progress = new Progress(storage);
let front: Landing | null = null;
/** Opens the log reader with a log in it, or empty. */
let explain: (log: string) => void = () => {};

/** Builds all views, in the language of now. */
function build(): void {
  const { t } = app;
  document.documentElement.lang = app.state.lang === "zh" ? "zh-Hans" : "en";
  app.clear();
  progress.clear();
  listening.abort();
  listening = new AbortController();
  const dialog = sheet(t);
  const logs = explainDialog(logPage, app.state.lang);
  explain = logs.explain;
  const sharing = share(app);
  const across = acrossDoor(app);
  const search = searchDoor(app, progress, explain);
  const first = front?.on ?? isFront(place);
  front = landing(app, progress, { logs: () => explain(""), docs: DOCS[app.state.lang] }, listening.signal);
  const text = editor(app);
  const beside = comparing(app);
  const { buttons, scrub } = transport(app, openers(app, text));
  const clock = h("span", { "aria-hidden": "true" });
  const lines = h("span", { "aria-hidden": "true", id: "lines" });
  const bar = h("progress", { "aria-label": t("running") });
  app.machine.onProgress = ({ lines: done, of }) => {
    bar.max = of;
    bar.value = done;
    lines.textContent = `${done} / ${of}`;
  };
  let ticking: ReturnType<typeof setInterval> | undefined;
  const busy = h(
    "div.busy",
    { role: "status", hidden: true },
    bar,
    h("span", {}, t("running")),
    h("span.clock", {}, clock, " ", lines),
    h("button", { type: "button", id: "stop", onclick: () => void app.texts.stop() }, t("stop")),
  );
  app.on((state, changed) => {
    if (changed.has("busy")) {
      busy.hidden = !state.busy;
      if (!state.busy) {
        bar.removeAttribute("value");
        lines.textContent = "";
      }
      clearInterval(ticking);
      const since = performance.now();
      const tick = () =>
        (clock.textContent = `${((performance.now() - since) / 1000).toFixed(1)} ${t("elapsed")}`);
      tick();
      if (state.busy) ticking = setInterval(tick, 100);
    }
    // Nothing stands yet: the address is still what was asked for.
    if ((changed.has("view") || changed.has("depth")) && state.view) address();
    if (changed.has("depth")) storage.remember("depth", state.depth);
  });
  const speak = async () => {
    const lang = app.state.lang === "zh" ? "en" : "zh";
    await app.speak(lang);
    place.lang = lang;
    build();
  };
  document.getElementById("app")?.replaceChildren(
    header(app, progress, {
      speak: () => void speak(),
      help: () => dialog.showModal(),
      home: () => void home(),
      search: search.button,
      logs: logs.button,
      share: sharing.button,
      everything: search.open,
      across: across.open,
    }),
    notice(app),
    front.element,
    h("section.stage", { "aria-label": t("now") }, sentence(app, changed)),
    beside.strip,
    h(
      "main",
      {},
      h(
        "div.scene",
        {},
        h("div.shown", {}, diagram(app, 0, panes(app))),
        h("div.foot", {}, lanes(app), endingRoom(app, progress)),
      ),
      beside.pane,
      answer(app, ending(app, progress)),
      h("div.beside", { id: "beside" }, question(app), inspector(app), text),
    ),
    h("section.transport", { "aria-label": t("position") }, busy, h("div.controls", {}, buttons, scrub)),
    dialog,
    search.dialog,
    logs.dialog,
    sharing.dialog,
    across.dialog,
  );
  keys(app, dialog, listening.signal);
  measure();
  app.draw();
  front.show(first);
}

/** Where the documentation of embeds is, for who has no copy of it. */
const DOCS = {
  en: "https://github.com/iommu-playground/iommu-playground/blob/main/docs/embedding.md",
  zh: "https://github.com/iommu-playground/iommu-playground/blob/main/docs/embedding.zh.md",
};

/** Whether an address says nothing but how to look: then it is the first screen that is wanted. */
const isFront = ({ preset, at, refused, depth, explain, packed }: url.Place): boolean =>
  !packed && preset === null && at === null && refused === null && depth === null && explain === null;

/** Back to the first screen. */
async function home(): Promise<void> {
  if (front?.on) return;
  history.pushState(null, "", location.pathname + location.search);
  ours = location.hash;
  await app.choose(FIRST);
  front?.show(true);
}

/** The scenario of the address bar, as a fragment; of a text of one's own it takes the machine to pack it. */
let packed: { text: string; preset: string | null; head: Promise<string | null> } | null = null;

function fragment(): Promise<string | null> | string {
  const { good, preset } = app.state;
  if (preset !== null && app.texts.original(preset) === good) return `#p=${preset}`;
  // An edit is a text; a preset on another machine is still its name.
  if (packed?.text !== good || packed.preset !== preset)
    packed = {
      text: good,
      preset,
      head: app.machine.ask("writeLink", good, preset, null, {}).catch(() => null),
    };
  return packed.head;
}

/** A fragment without its parameters. */
const packedPart = (hash: string): string => hash.split("&")[0] ?? "";

let soon: { timer: ReturnType<typeof setTimeout>; end: () => void } | null = null;
/** What an entry of the browser's history keeps beside its address. */
interface Entry {
  /** The preset that its text is an edit of. */
  preset: string | null;
}

/** The scenario that the present entry of the browser's history is of; nothing before the first. */
let entry: string | null = null;
/** The fragment as it was written or followed last. Where the address bar has another, a link has been followed that is not
    read yet: it must not be written over. */
let ours = location.hash;
/** The address has just been followed: it is the entry of what is shown now. */
let following = true;

/** Keeps the address bar in step, so that it can be copied and reloaded: a little later than the picture, since a
    browser looks for the page's icon anew each time. Another scenario is an entry of its own, at once. */
function address(): void {
  // The first screen moves by itself: its address stays.
  if (front?.on || turning) return;
  if (soon) clearTimeout(soon.timer);
  soon?.end();
  // The same on another machine is an entry of its own.
  const scenario = `${app.state.preset ?? ""} ${app.state.head?.machine ?? ""}`;
  const another = entry !== scenario && !following;
  [entry, following] = [scenario, false];
  const end = app.work.begin();
  soon = { end, timer: setTimeout(() => void writeAddress(another).finally(end), another ? 0 : 120) };
}
addEventListener("pagehide", () => void writeAddress(false));

async function writeAddress(push: boolean): Promise<void> {
  // Meanwhile the first screen may have come back.
  if (front?.on) return;
  const { position, good } = app.state;
  const found = fragment();
  const head = typeof found === "string" ? found : await found;
  // Another step has been taken meanwhile, another link followed, or the text is too long for a link.
  if (head === null || location.hash !== ours || position !== app.state.position || good !== app.state.good)
    return;
  const { course, lang, depth, preset } = app.state;
  const at = position === course?.start ? null : position;
  const address = url.write(head, at, place.lang ? lang : null, depth === "idea" ? null : depth);
  const of = { preset } satisfies Entry;
  if (!head.startsWith("#p=")) storage.remember("edit", `${packedPart(head)} ${preset ?? ""}`);
  if (address === location.hash && (history.state as Entry | null)?.preset === preset) return;
  // An entry that looks like the one before it would be a Back that does nothing.
  if (push && address !== location.hash) history.pushState(of, "", address);
  else history.replaceState(of, "", address);
  ours = location.hash;
}

/** The buttons that open what has no room of its own on this page: the text, and on a narrow screen the details. */
function openers(app: App, text: HTMLDetailsElement): HTMLElement[] {
  const { t } = app;
  const root = document.documentElement;
  const details = h("button", { type: "button", id: "details", "aria-controls": "beside" }, t("inspector"));
  const edit = h("button", { type: "button", id: "edit", "aria-controls": "editor" }, t("editor"));
  const wrong = h("span.wrong", {});
  const sheet = (open: boolean) => {
    root.toggleAttribute("data-sheet", open);
    details.setAttribute("aria-expanded", String(open));
  };
  details.addEventListener("click", () => sheet(!root.hasAttribute("data-sheet")));
  edit.addEventListener("click", () => (text.open = !text.open));
  text.addEventListener("toggle", () => {
    edit.setAttribute("aria-expanded", String(text.open));
    root.toggleAttribute("data-editing", text.open);
    sheet(text.open);
  });
  sheet(false);
  root.removeAttribute("data-editing");
  edit.setAttribute("aria-expanded", "false");
  edit.append(wrong);
  app.on((state, changed) => {
    const { way, followed, troubles } = state;
    if (changed.has("troubles")) wrong.textContent = troubles.length ? ` ✕ ${troubles.length}` : "";
    if (changed.has("followed") && followed !== null) sheet(true);
    root.toggleAttribute("data-opened", isOpened(state, state.position, way));
  });
  return [edit, details];
}

/** An idea has the whole room; the machine's insides come with what is opened. */
function isOpened(
  { depth, followed, course }: Readonly<State>,
  position: number,
  way: readonly Place[],
): boolean {
  // Before the first stop there is nothing to open either, wherever among the preparations a link points.
  const before = way.length === 0 && course !== null && position > course.start;
  return depth !== "idea" || way.length > 1 || before || followed !== null;
}

/** The page as it is laid out with what is opened, and without. */
function panes(app: App): Panes {
  const root = document.documentElement;
  const laid = (opened: boolean) =>
    [opened, innerWidth, innerHeight, "editing" in root.dataset, "comparing" in root.dataset].join();
  const now = () => "opened" in root.dataset;
  const trial = (opened: boolean, measure: () => void) => {
    const was = now();
    root.toggleAttribute("data-opened", opened);
    measure();
    root.toggleAttribute("data-opened", was);
  };
  return {
    now: () => laid(now()),
    then: (at, way) => laid(isOpened(app.state, at, way)),
    tried: (at, way, measure) => trial(isOpened(app.state, at, way), measure),
    // At the press that brings it, it would cost that press two layouts.
    foresee: (known, measure) => {
      if (known(laid(!now()))) return;
      idle(() => {
        if (!known(laid(!now()))) trial(!now(), measure);
      });
    },
  };
}

/** Calls when the browser has nothing else to do; where it does not say when that is, a little later. */
function idle(then: () => void): void {
  if ("requestIdleCallback" in globalThis) requestIdleCallback(then);
  else setTimeout(then, 300);
}

let measuring: ResizeObserver | undefined;

/** Tells the sheet of details how much of a narrow window the controls take. It alone is told: a property of the whole
    page would have every element of it styled anew. */
function measure(): void {
  measuring?.disconnect();
  const controls = document.querySelector<HTMLElement>(".transport");
  const details = document.getElementById("beside");
  const foot = document.querySelector<HTMLElement>(".foot");
  const over = document.querySelector<HTMLElement>("main > .over");
  if (!controls || !details || !foot || !over) return;
  // Only what is another: all that stands in them would be styled anew.
  const tell = (element: HTMLElement, name: string, height: number) => {
    const said = `${height}px`;
    if (element.style.getPropertyValue(name) !== said) element.style.setProperty(name, said);
  };
  measuring = new ResizeObserver((seen) => {
    for (const { target, borderBoxSize } of seen) {
      const height = borderBoxSize[0]?.blockSize ?? 0;
      if (target === controls) tell(details, "--transport", height);
      // The answer covers what stands in its room.
      else tell(over, "--foot", height);
    }
  });
  measuring.observe(controls);
  measuring.observe(foot);
}

/** Opens a preset; one that there is not is the first. */
async function openPreset(name: string, at: number | null): Promise<void> {
  const { gallery } = app.state;
  const card = gallery.find((c) => c.name === name) ?? gallery.find((c) => c.name === FIRST) ?? gallery[0];
  if (!card) throw new Error("no scenario");
  await app.choose(card.name, at);
}

/** Opens what a fragment holds: a text, a preset of an odd spelling, or something damaged, which is told. */
async function openLink(hash: string, where: url.Place): Promise<void> {
  const link = await app.machine.ask("readLink", hash, app.state.lang);
  if (link.error !== null) {
    // What could be read of a text stands in the editor, over the first scenario, and does not run.
    await openPreset(FIRST, null);
    const { error: message, recovered } = link;
    const troubles = [{ line: 1, column: 1, len: 1, message, suggestion: null }];
    app.set(recovered ? { text: recovered, preset: null, message, troubles } : { message });
    return;
  }
  if (link.preset !== null && link.arch === null) {
    await openPreset(link.preset, link.at);
    // A machine that it does not run on, and the position there.
    const arch = link.ignored.some((one) => one.startsWith("arch="));
    if (!arch) return;
    where.refused = null;
    return passOver(
      link.ignored.filter((one) => /^(arch|at)=/.test(one)),
      link.why,
    );
  }
  if (link.preset !== null) return void (await app.texts.attempt(link.text, link.preset, link.at));
  // After a reload, and on the way back, it is the text that was typed over a preset here: that is still its original.
  // A browser may lose what an entry of its history keeps, when a page is left while that is written.
  const entry = history.state as Entry | null;
  const last = storage.recall("text") === link.text ? storage.recall("last") || null : null;
  const written = storage.recall("edit")?.split(" ");
  const kept = written?.[0] === packedPart(hash) ? written?.[1] || null : null;
  const original = entry?.preset ?? kept ?? last ?? app.texts.originalOf(link.text);
  if ((await app.texts.attempt(link.text, original, link.at)) !== "problems") return;
  const { troubles } = app.state;
  await openPreset(FIRST, null);
  app.set({ text: link.text, preset: null, troubles });
}

function openPlace(where: url.Place): Promise<void> {
  following = true;
  if (where.packed) return openLink(location.hash, where);
  return openPreset(where.preset ?? FIRST, where.at);
}

/** The depth of a link. What of it can't be is said, as written, and passed over: the scenario is opened first. */
async function takeRest({ hash, depth, ignored, refused }: url.Place): Promise<void> {
  if (depth !== null) app.set({ depth });
  const { course } = app.state;
  const place = course && refused ? refusedAt(course, refused) : null;
  if (place !== null) void app.time.go(place);
  if (!refused || !course || place !== null) return passOver(ignored);
  // That this machine has no such fault is known to the machine.
  const { noFault } = await app.machine.ask("readLink", hash, app.state.lang);
  passOver([...ignored, `at=${refused}`], noFault || app.t("notRefusedSo"));
}

function passOver(ignored: readonly string[], why = ""): void {
  if (!ignored.length || app.state.message) return;
  const said = ignored.map((one) => `"${one.slice(0, PASSED)}"`).join(", ");
  const reason = why && (app.state.lang === "zh" ? `：${why}` : `: ${why}`);
  app.set({ message: `${app.t("passedOver")} ${said}${reason}` });
}

async function start(): Promise<void> {
  const name = place.preset ?? FIRST;
  if (place.packed) await app.machine.ask("load");
  app.set({ gallery: await app.machine.ask("gallery", app.state.lang) });
  const known = app.state.gallery.some((c) => c.name === name);
  build();
  if (place.depth !== null) app.set({ depth: place.depth });
  // A name that no preset has is told with one that is close.
  await (known ? openPlace(place) : openLink(location.hash, place));
  await takeRest(place);
  if (place.explain !== null) explain(place.explain);
  addEventListener("hashchange", () => void follow());
  front?.show(isFront(place));
  // A link that was followed while the page was loading.
  if (location.hash !== ours) await follow();
  document.documentElement.dataset.ready = "yes";
  keepForOffline();
}

/** The page turns to the language of an address that has been followed. */
let turning = false;

/** Goes where the address bar says, that somebody has changed. */
async function follow(): Promise<void> {
  ours = location.hash;
  const now = url.read(ours);
  if (now.lang !== null && now.lang !== app.state.lang) {
    // What is shown is not yet what the address wants: it must not be written over it.
    turning = true;
    try {
      await app.speak(now.lang);
      place.lang = now.lang;
      build();
    } finally {
      turning = false;
    }
  }
  if (now.explain !== null) return explain(now.explain);
  front?.show(false);
  const { preset, good, course } = app.state;
  const shown = !now.packed && now.preset === preset && app.texts.original(preset) === good;
  if (now.depth !== null) app.set({ depth: now.depth });
  await (shown ? app.time.go(now.at ?? course?.start ?? 0) : openPlace(now));
  await takeRest(now);
  if (isFront(now)) front?.show(true);
  // What was pressed meanwhile may show another scenario than the address wanted.
  if (!app.texts.missing) address();
}

whenNewer(() => app.set({ newer: true }));
start().catch(async (error: unknown) => {
  console.error(error);
  const newer = await lookForNewer();
  const notice = document.getElementById("notice");
  if (notice) {
    notice.hidden = false;
    notice.textContent = newer
      ? `${app.t("newer")} ${app.t("reload")}: F5`
      : `${app.t("noWasm")} (${error instanceof Error ? error.message : String(error)})`;
  }
});
