// The first screen: what this is in a sentence, the machine already moving, one button, and three doors. It is a mode of the
// page: the picture is the run's own, gone through calmly once; the button goes back to the start and takes the first step.
import type { App } from "../app";
import { h } from "../dom";
import { lesson, path, short } from "../path/order";
import type { Progress } from "../path/progress";
import { pathWords } from "../path/words";

/** Milliseconds between two pictures. */
const BEAT = 1500;
/** As many pictures for each transfer, at most: from the packet that leaves to where it ends. */
const SHOWN = 4;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export interface Landing {
  element: HTMLElement;
  /** Shows the first screen, or leaves it. */
  show: (on: boolean) => void;
  readonly on: boolean;
}

/** The keys that begin, as the button does. */
const BEGIN = ["ArrowRight", "l", " "];

export function landing(
  app: App,
  progress: Progress,
  doors: { logs: () => void; docs: string },
  signal: AbortSignal,
): Landing {
  const root = document.documentElement;
  const say = pathWords(app.state.lang);
  const begin = h("button.primary", { type: "button", id: "begin" }, say("begin"));
  const first = h("button.door", { type: "button", id: "door-path" });
  const log = h(
    "button.door",
    { type: "button", id: "door-log", onclick: doors.logs },
    h("b", {}, say("doorLog")),
    h("span", {}, say("doorLogText")),
  );
  const docs = h(
    "a.door",
    { id: "door-docs", href: doors.docs },
    h("b", {}, say("doorDocs")),
    h("span", {}, say("doorDocsText")),
  );
  const caption = h("p.caption", { id: "landing-caption" });
  const element = h(
    "section.landing",
    { id: "landing", "aria-labelledby": "landing-lead" },
    h(
      "div.lead",
      {},
      h("h2", { id: "landing-lead" }, say("lead")),
      h("p", {}, say("leadMore")),
      h("p", {}, begin),
    ),
    caption,
    h("nav.doors", { "aria-label": say("doors") }, first, log, docs),
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  let playing = 0;

  const show = (on: boolean) => {
    clearTimeout(timer);
    const mine = ++playing;
    root.toggleAttribute("data-landing", on);
    element.hidden = !on;
    if (!on || !app.state.course) return;
    // Without motion it is the last of the pictures: the write that is refused.
    const shown = pictures(app);
    if (calm.matches) return void app.time.go(shown.at(-1) ?? 0);
    const next = async (i: number) => {
      const at = shown[i];
      if (at === undefined || mine !== playing) return;
      await app.time.go(at);
      if (mine === playing) timer = setTimeout(() => void next(i + 1), BEAT);
    };
    void next(0);
  };
  const leave = async () => {
    show(false);
    await app.time.toStart();
    await app.time.step();
    document.getElementById("step")?.focus({ preventScroll: true });
  };
  begin.addEventListener("click", () => void leave());
  const label = () => {
    const all = path(app.state.gallery);
    // Where the reader left off: the first lesson that is not read.
    const to = all.find((card) => !progress.has(card.name)) ?? all[0];
    if (!to) return;
    const nth = lesson(app.state.gallery, to.name)?.nth ?? 1;
    first.dataset.to = to.name;
    first.replaceChildren(
      h("b", {}, say("doorNew")),
      h("span", {}, nth === 1 ? say("doorNewText", all.length) : say("doorOn", nth, all.length)),
      h("span.title", {}, short(to.title)),
    );
  };
  first.addEventListener("click", () => {
    show(false);
    void app.choose(first.dataset.to ?? "");
  });
  document.addEventListener(
    "keydown",
    (event) => {
      if (element.hidden || event.ctrlKey || event.metaKey || event.altKey || event.target !== document.body)
        return;
      if (!BEGIN.includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      void leave();
    },
    { capture: true, signal },
  );
  progress.on(label);
  app.on((state, changed) => {
    if (changed.has("gallery")) label();
    if (changed.has("view") && !element.hidden) {
      const idea = state.course?.ideas.find(({ to }) => state.position <= to);
      const ended = idea?.to === state.position ? idea.outcome : null;
      caption.replaceChildren(idea?.sentence ?? "", ended ? h("b", {}, ` ${ended.text}`) : "");
      caption.dataset.tone = state.view?.tone ?? "plain";
    }
  });
  return {
    element,
    show,
    get on() {
      return root.hasAttribute("data-landing");
    },
  };
}

/** Positions that tell each transfer of the run: where it sets out, some of its way, and where it ends. */
export function pictures(app: App): number[] {
  const { course, stops } = app.state;
  const out: number[] = [];
  for (const { from, to, text } of course?.lines ?? []) {
    if (!/^\s*(dma|doorbell)\b/.test(text)) continue;
    const way = Array.from(stops).filter((at) => at > from && at <= to);
    const count = Math.min(SHOWN, way.length);
    for (let i = 0; i < count; i++)
      out.push(way[Math.round((i * (way.length - 1)) / Math.max(1, count - 1))] ?? to);
  }
  return out;
}
