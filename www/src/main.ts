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
import { question } from "./predict";
import { sentence } from "./sentence";
import * as storage from "./storage";
import { t, type Lang } from "./strings";
import { transport } from "./transport";
import * as url from "./url";

const FIRST = "howto";

const place = url.read(location.hash);
const theme = storage.recall("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;

function firstLang(): Lang {
  const wish = place.lang ?? storage.recall("lang") ?? navigator.language;
  return wish.startsWith("zh") ? "zh" : "en";
}

const app = new App(firstLang());
let listening = new AbortController();

/** Builds all views, in the language of now. */
function build(): void {
  document.documentElement.lang = app.state.lang === "zh" ? "zh-Hans" : "en";
  app.clear();
  listening.abort();
  listening = new AbortController();
  const dialog = sheet();
  const logs = explainDialog(app, app.state.lang);
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
    if (changed.has("view") && state.view) {
      const wish = place.lang ? state.lang : null;
      history.replaceState(
        null,
        "",
        url.write(state.preset, state.position === state.course?.start ? null : state.position, wish),
      );
    }
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
    ),
    h("section.stage", { "aria-label": t("now") }, sentence(app)),
    h(
      "main",
      {},
      h("div.scene", {}, diagram(app), lanes(app)),
      otherRun(app),
      h("div.side", {}, question(app), ending(app), inspector(app)),
    ),
    editor(app),
    h("section.transport", { "aria-label": t("position") }, busy, h("div.controls", {}, buttons, scrub)),
    dialog,
    logs.dialog,
  );
  keys(app, dialog, listening.signal);
  measure();
  // Views draw what changed: tell them that everything has.
  app.set({ ...app.state });
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
  for (const bar of document.querySelectorAll(".bar, .stage, .transport")) measuring.observe(bar);
}

/** Ends a run that takes too long; the last good one comes back. */
async function stop(): Promise<void> {
  const { good, preset, position } = app.state;
  app.core.stop();
  app.set({ busy: false, message: t("stopped") });
  if (good) await app.open(good, preset, position);
}

async function start(): Promise<void> {
  const name = place.preset ?? FIRST;
  if (name !== FIRST || storage.recall(storage.draftKey(name)) !== null) await app.core.ask("load");
  app.state.gallery = await app.core.ask("gallery", app.state.lang);
  const card = app.state.gallery.find((c) => c.name === name) ?? app.state.gallery[0];
  if (!card) throw new Error("no scenario");
  build();
  const draft = storage.recall(storage.draftKey(card.name));
  const opened = await app.open(draft ?? card.text, card.name, place.at);
  // A draft that does not run stays in the editor, over the picture of the original.
  if (!opened && draft !== null) {
    const { troubles } = app.state;
    await app.open(card.text, card.name, place.at);
    app.set({ text: draft, troubles });
  }
  addEventListener("hashchange", () => {
    const now = url.read(location.hash);
    const wanted = app.state.gallery.find((c) => c.name === now.preset);
    if (wanted && wanted.name !== app.state.preset) void app.open(wanted.text, wanted.name, now.at);
    else void app.go(now.at ?? app.state.course?.start ?? 0);
  });
  document.documentElement.dataset.ready = "yes";
}

start().catch((error: unknown) => {
  console.error(error);
  const notice = document.getElementById("notice");
  if (notice) {
    notice.hidden = false;
    notice.textContent = `${t("noWasm")} (${error instanceof Error ? error.message : String(error)})`;
  }
});
