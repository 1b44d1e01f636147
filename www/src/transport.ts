// Step, back, play, the bar of stops, the depth: the controls of time.
import type { PageTone } from "iommu-view";
import type { App } from "./app";
import { bar } from "./bar";
import { compareMenu } from "./compare";
import { DEPTHS } from "./depth";
import { h } from "./dom";
import { icon } from "./icons";
import { predictSwitch } from "./predict";
import { SIGNS } from "./signs";
import type { Key } from "./strings";

const SPEEDS = [0.25, 0.5, 1, 2, 4];
/** Milliseconds between two stops at normal speed: at least, for each character to read, at most. */
const BEAT = { least: 1400, character: 45, most: 9000 };

export function transport(
  app: App,
  openers: HTMLElement[] = [],
): { buttons: HTMLElement; scrub: HTMLElement } {
  const { t } = app;
  const button = (key: Key, sign: Parameters<typeof icon>[0], act: () => void, id: string) =>
    h("button.icon", { type: "button", title: t(key), "aria-label": t(key), id, onclick: act }, icon(sign));
  const start = button("start", "start", () => void app.time.toStart(), "to-start");
  const back = button("back", "back", () => void app.time.stepBack(), "back");
  const label = h("span", {}, t("step"));
  const step = h(
    "button.primary",
    {
      type: "button",
      id: "step",
      onclick: ({ detail }: MouseEvent) => {
        // Pressed by hand: keys go on being the page's, Space plays. An embed hears keys while the focus is in it.
        if (detail > 0 && step.getRootNode() === document) step.blur();
        void app.time.step();
      },
    },
    label,
    icon("step"),
  );
  const play = h("button", {
    type: "button",
    id: "play",
    onclick: () => app.set({ playing: !app.state.playing }),
  });
  const end = button("end", "end", () => void app.time.toEnd(), "to-end");
  /** Two of the signs that stand over the bar, to go to the next of them. */
  const jump = (key: Key, tone: PageTone, id: string) =>
    h(
      "button.jump",
      {
        type: "button",
        id,
        title: t(key),
        "aria-label": t(key),
        "data-tone": tone,
        onclick: () => app.time.toMark([tone]),
      },
      h("b", {}, SIGNS[tone] ?? ""),
      icon("step"),
    );
  const [miss, fault] = [jump("nextMiss", "miss", "next-miss"), jump("nextFault", "fault", "next-fault")];
  const speed = h(
    "select",
    {
      id: "speed",
      "aria-label": t("speed"),
      onchange: () => app.set({ speed: Number(speed.value) }),
    },
    SPEEDS.map((s) => h("option", { value: s, selected: s === app.state.speed }, `${s}×`)),
  );
  // On a narrow screen the rest is behind this.
  const more = h(
    "button.icon",
    {
      type: "button",
      id: "more",
      title: t("moreControls"),
      "aria-label": t("moreControls"),
      "aria-expanded": "false",
      onclick: () =>
        more.setAttribute("aria-expanded", String(more.getAttribute("aria-expanded") === "false")),
    },
    "⋯",
  );
  const buttons = h(
    "div.buttons",
    { role: "group", "aria-label": t("position") },
    h("div.main-buttons", {}, start, back, step, play, end, more),
    h(
      "div.side-buttons",
      {},
      depths(app),
      miss,
      fault,
      speed,
      predictSwitch(app),
      compareMenu(app),
      ...openers,
    ),
  );

  let timer: ReturnType<typeof setTimeout> | undefined;
  const beat = () => {
    clearTimeout(timer);
    const { playing, speed: pace, way, view } = app.state;
    if (!playing) return;
    const text = way.length === 1 ? (way[0]?.stop.sentence ?? "") : (view?.sentence ?? "");
    const pause = Math.min(BEAT.most, Math.max(BEAT.least, BEAT.character * text.length));
    timer = setTimeout(() => {
      if (!app.time.more) app.set({ playing: false });
      else void app.time.step().then(beat);
    }, pause / pace);
  };
  app.on((state, changed) => {
    if (
      ["view", "course", "depth", "other", "playing", "answerWaits"].some((key) =>
        changed.has(key as keyof typeof state),
      )
    ) {
      const begun = state.course?.start ?? 0;
      const none = !app.time.more;
      step.disabled = none;
      label.textContent = t(state.answerWaits ? "answerIs" : "step");
      play.disabled = none && !state.playing;
      back.disabled = state.position <= begun;
      start.disabled = state.position === begun;
      end.disabled = state.position === (state.course?.length ?? 0);
      miss.disabled = app.time.nextMark(["miss"]) === null;
      fault.disabled = app.time.nextMark(["fault"]) === null;
      // At the end there is nothing left to play.
      if (none && state.playing) app.set({ playing: false });
    }
    if (changed.has("playing") || changed.has("course")) {
      play.replaceChildren(icon(state.playing ? "pause" : "play"), t(state.playing ? "pause" : "play"));
      play.setAttribute("aria-pressed", String(state.playing));
    }
    if (changed.has("playing") || changed.has("speed")) beat();
  });
  return { buttons, scrub: bar(app) };
}

/** How far every stop is opened. */
function depths(app: App): HTMLElement {
  const { t } = app;
  const choices = DEPTHS.map((depth) =>
    h(
      "button",
      { type: "button", "data-depth": depth, onclick: () => void app.time.deepen(depth) },
      t(depth),
    ),
  );
  app.on((state, changed) => {
    if (!changed.has("depth")) return;
    for (const choice of choices)
      choice.setAttribute("aria-pressed", String(choice.dataset.depth === state.depth));
  });
  return h(
    "div.depths",
    { id: "depth", role: "group", "aria-label": t("depth"), title: t("depthTip") },
    ...choices,
  );
}
