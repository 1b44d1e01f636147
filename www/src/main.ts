// The page: starts the machine, builds the views, keeps the address bar in step.
import { App } from "./app";
import { otherRun } from "./compare";
import { diagram } from "./diagram";
import { h } from "./dom";
import { editor } from "./editor";
import { ending } from "./ending";
import { explainDialog } from "./explain/dialog";
import { header } from "./header";
import { inspector } from "./inspector";
import { keys, sheet } from "./keys";
import { lanes } from "./lanes";
import { pageMachine } from "./machine";
import { notice } from "./notice";
import { keepForOffline } from "./offline";
import { question } from "./predict";
import { sentence } from "./sentence";
import { share } from "./share";
import { browserStorage as storage, draftKey } from "./storage";
import type { Lang } from "./strings";
import { transport } from "./transport";
import * as url from "./url";

const FIRST = "howto";

const place = url.read(location.hash);
const theme = place.theme ?? storage.recall("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;

function firstLang(): Lang {
  const wish = place.lang ?? storage.recall("lang") ?? navigator.language;
  return wish.startsWith("zh") ? "zh" : "en";
}

const app = new App(firstLang(), pageMachine(), storage);
/** What the log reader needs of the page. */
const logPage = {
  get state() {
    return app.state;
  },
  open: (text: string, preset: string | null, at?: number) => app.open(text, preset, at ?? null),
  go: (at: number) => app.time.go(at),
};
let listening = new AbortController();
/** Opens the log reader with a log in it, or empty. */
let explain: (log: string) => void = () => {};

/** Builds all views, in the language of now. */
function build(): void {
  const { t } = app;
  document.documentElement.lang = app.state.lang === "zh" ? "zh-Hans" : "en";
  app.clear();
  listening.abort();
  listening = new AbortController();
  const dialog = sheet(t);
  const logs = explainDialog(logPage, app.state.lang);
  explain = logs.explain;
  const sharing = share(app);
  const { buttons, scrub } = transport(app);
  const clock = h("span.clock", { "aria-hidden": "true" });
  let ticking: ReturnType<typeof setInterval> | undefined;
  const busy = h(
    "div.busy",
    { role: "status", hidden: true },
    h("progress", { "aria-label": t("running") }),
    h("span", {}, t("running")),
    clock,
    h("button", { type: "button", id: "stop", onclick: () => void stop() }, t("stop")),
  );
  app.on((state, changed) => {
    if (changed.has("busy")) {
      busy.hidden = !state.busy;
      clearInterval(ticking);
      const since = performance.now();
      const tick = () =>
        (clock.textContent = `${((performance.now() - since) / 1000).toFixed(1)} ${t("elapsed")}`);
      tick();
      if (state.busy) ticking = setInterval(tick, 100);
    }
    // Nothing stands yet: the address is still what was asked for.
    if (changed.has("view") && state.view) address();
  });
  const speak = async () => {
    place.lang = app.state.lang === "zh" ? "en" : "zh";
    await app.speak(place.lang as Lang);
    build();
  };
  document.getElementById("app")?.replaceChildren(
    header(
      app,
      () => void speak(),
      () => dialog.showModal(),
      logs.button,
      sharing.button,
    ),
    notice(app),
    h("section.stage", { "aria-label": t("now") }, sentence(app)),
    h(
      "main",
      {},
      h("div.scene", {}, diagram(app), lanes(app)),
      otherRun(app),
      h("div.beside", {}, h("div.side", {}, question(app), ending(app), inspector(app)), editor(app)),
    ),
    h("section.transport", { "aria-label": t("position") }, busy, h("div.controls", {}, buttons, scrub)),
    dialog,
    logs.dialog,
    sharing.dialog,
  );
  keys(app, dialog, listening.signal);
  measure();
  app.draw();
}

/** The scenario of the address bar, as a fragment; of a text of one's own it takes the machine to pack it. */
let packed: { text: string; head: Promise<string | null> } | null = null;

function fragment(): Promise<string | null> {
  const { good, preset, gallery } = app.state;
  if (preset !== null && gallery.some((c) => c.name === preset && c.text === good))
    return Promise.resolve(`#p=${preset}`);
  if (packed?.text !== good)
    packed = { text: good, head: app.machine.ask("writeLink", good, null, null, {}).catch(() => null) };
  return packed.head;
}

let soon: ReturnType<typeof setTimeout> | undefined;

/** Keeps the address bar in step, so that it can be copied and reloaded: a little later than the picture, since a
    browser looks for the page's icon anew each time. */
function address(): void {
  clearTimeout(soon);
  soon = setTimeout(() => void writeAddress(), 120);
}
addEventListener("pagehide", () => void writeAddress());

async function writeAddress(): Promise<void> {
  const { position } = app.state;
  const head = await fragment();
  // Another step has been taken meanwhile, or the text is too long for a link.
  if (head === null || position !== app.state.position) return;
  const at = position === app.state.course?.start ? null : position;
  history.replaceState(null, "", url.write(head, at, place.lang ? app.state.lang : null));
}

let measuring: ResizeObserver | undefined;

/** Tells the style how much of the window the bars take, so that the panes get the rest. */
function measure(): void {
  measuring?.disconnect();
  measuring = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const name = `--${target.classList[0] ?? ""}`;
      document.documentElement.style.setProperty(name, `${(target as HTMLElement).offsetHeight}px`);
    }
  });
  for (const bar of document.querySelectorAll(".bar, .message, .stage, .transport")) measuring.observe(bar);
}

/** Ends a run that takes too long; the last good one comes back. */
async function stop(): Promise<void> {
  const { good, preset, position } = app.state;
  app.machine.stop();
  app.set({ busy: false });
  if (good) await app.open(good, preset, position);
  app.set({ message: app.t("stopped") });
}

/** Opens a preset, with what was typed over it before. */
async function openPreset(name: string, at: number | null): Promise<void> {
  const { gallery } = app.state;
  const card = gallery.find((c) => c.name === name) ?? gallery.find((c) => c.name === FIRST) ?? gallery[0];
  if (!card) throw new Error("no scenario");
  const draft = at === null ? storage.recall(draftKey(card.name)) : null;
  const opened = await app.open(draft ?? card.text, card.name, at);
  // A draft that does not run stays in the editor, over the picture of the original.
  if (!opened && draft !== null) {
    const { troubles } = app.state;
    await app.open(card.text, card.name, at);
    app.set({ text: draft, troubles });
  }
}

/** A text that stands in the editor though it cannot run, over the first scenario. */
async function showText(text: string, why: string | null): Promise<void> {
  const { troubles } = app.state;
  await openPreset(FIRST, null);
  const told = why === null ? [] : [{ line: 1, column: 1, len: 1, message: why, suggestion: null }];
  app.set({ text, preset: null, troubles: [...told, ...troubles], message: why ?? "" });
}

/** Opens what a fragment holds: a text, a preset of an odd spelling, or something damaged, which is told. */
async function openLink(hash: string): Promise<void> {
  const link = await app.machine.ask("readLink", hash, app.state.lang);
  if (link.error !== null && link.recovered) return showText(link.recovered, link.error);
  if (link.error !== null) {
    // Nothing of a text came: a name that no scenario has, or a fragment that is damaged all through.
    await openPreset(FIRST, null);
    app.set({ message: link.error });
    return;
  }
  if (link.preset !== null) return openPreset(link.preset, link.at);
  // After a reload it is the text that was typed over a preset here: that is still its original.
  const last = storage.recall("last");
  const preset = last && storage.recall(draftKey(last)) === link.text ? last : null;
  if (!(await app.open(link.text, preset, link.at)) && app.state.troubles.length)
    await showText(link.text, null);
}

function openPlace(where: url.Place): Promise<void> {
  if (where.packed) return openLink(location.hash);
  return openPreset(where.preset ?? FIRST, where.at);
}

async function start(): Promise<void> {
  const name = place.preset ?? FIRST;
  const own = name !== FIRST || storage.recall(draftKey(name)) !== null;
  if (place.packed || own) await app.machine.ask("load");
  app.set({ gallery: await app.machine.ask("gallery", app.state.lang) });
  const known = app.state.gallery.some((c) => c.name === name);
  build();
  // A name that no preset has is told with one that is close.
  await (known ? openPlace(place) : openLink(location.hash));
  if (place.explain !== null) explain(place.explain);
  addEventListener("hashchange", () => {
    const now = url.read(location.hash);
    if (now.explain !== null) return explain(now.explain);
    if (!now.packed && now.preset === app.state.preset)
      void app.time.go(now.at ?? app.state.course?.start ?? 0);
    else void openPlace(now);
  });
  document.documentElement.dataset.ready = "yes";
  keepForOffline();
}

start().catch((error: unknown) => {
  console.error(error);
  const notice = document.getElementById("notice");
  if (notice) {
    notice.hidden = false;
    notice.textContent = `${app.t("noWasm")} (${error instanceof Error ? error.message : String(error)})`;
  }
});
