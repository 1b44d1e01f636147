// What stands in an embed: the page's own views, those that fit.
import { answer } from "../answer";
import type { App } from "../app";
import { diagram } from "../diagram";
import { h } from "../dom";
import { ending, endingRoom } from "../ending";
import { inspector } from "../inspector";
import { timeKeys } from "../keys";
import { sentence } from "../sentence";
import { transport } from "../transport";
import { word } from "./words";

export const VIEWS = ["diagram", "walk", "full"] as const;
/** The first is what an embed has that asks for nothing: sentence, picture, Step and the bar of stops. */
export const CONTROLS = ["step", "full", "none"] as const;
export type ViewName = (typeof VIEWS)[number];
export type Controls = (typeof CONTROLS)[number];

export interface Parts {
  content: HTMLElement;
  link: HTMLAnchorElement;
}

/** Builds the views of a run; they listen to `app` from here on. */
export function parts(app: App, view: ViewName, controls: Controls): Parts {
  const { t } = app;
  const { lang } = app.state;
  const title = h("p.embed-title", {});
  const link = h("a.embed-link", { target: "_blank", rel: "noopener", hidden: true }, word("open", lang));
  const busy = h(
    "div.busy",
    { role: "status", hidden: true },
    h("span", {}, t("running")),
    h("button", { type: "button", onclick: () => app.texts.stop() }, t("stop")),
  );
  const { buttons, scrub } = transport(app);
  const [said, over] = [sentence(app), answer(app, ending(app))];
  // A figure's answer takes the place of what is told, with its room kept from the start: the picture stays as it is.
  const front = view === "diagram" && controls !== "none";
  app.time.answerLast = front;
  const content = h(
    "div.embed-content",
    { role: "group", "data-view": view, "data-controls": controls },
    h("div.embed-head", {}, title, link),
    front ? h("div.front", {}, said, endingRoom(app), over) : said,
    busy,
    h(
      "div.embed-views",
      {},
      h("div.shown", {}, view === "walk" ? "" : diagram(app), front ? "" : over),
      view === "diagram" ? "" : inspector(app, true),
    ),
    controls === "none" ? "" : h("div.controls", {}, buttons, scrub),
  );
  // Several embeds on a page are not so many landmarks of it.
  for (const part of content.querySelectorAll("section")) part.setAttribute("role", "group");
  for (const part of content.querySelectorAll("aside")) {
    part.setAttribute("role", "none");
    part.removeAttribute("aria-label");
  }
  app.on((state, changed) => {
    if (changed.has("busy")) busy.hidden = !state.busy;
    if (changed.has("head") && state.head) {
      title.textContent = title.title = state.head.title;
      content.setAttribute("aria-label", state.head.title);
    }
  });
  content.addEventListener("keydown", (event) => press(event, app));
  return { content, link };
}

/** The keys of time, while something in the embed has the focus. */
function press(event: KeyboardEvent, app: App): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = event.target as HTMLElement;
  if (target.closest("input:not([type=range]), select, [role=tablist]")) return;
  if (event.key === " " && target.closest("button, summary, a, [role=button]")) return;
  const act = timeKeys(app)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  // The page around may have keys of its own for these.
  event.stopPropagation();
  act();
}
