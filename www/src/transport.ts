// Step, back, play, scrub: the controls of time.
import type { PageTone } from "iommu-view";
import type { App } from "./app";
import { compareMenu } from "./compare";
import { h } from "./dom";
import { icon } from "./icons";
import { predictSwitch } from "./predict";
import { SIGNS } from "./signs";
import type { Key } from "./strings";

const SPEEDS = [0.25, 0.5, 1, 2, 4];
/** Milliseconds between two steps at normal speed: time to read a short sentence. */
const BEAT = 1400;

export function transport(app: App): { buttons: HTMLElement; scrub: HTMLElement } {
  const { t } = app;
  const button = (key: Key, sign: Parameters<typeof icon>[0], act: () => void, id: string) =>
    h("button.icon", { type: "button", title: t(key), "aria-label": t(key), id, onclick: act }, icon(sign));
  const start = button("start", "start", () => void app.time.go(app.state.course?.start ?? 0), "to-start");
  const back = button("back", "back", () => void app.time.stepBack(), "back");
  const step = h(
    "button.primary",
    { type: "button", id: "step", onclick: () => void app.time.step() },
    h("span", {}, t("step")),
    icon("step"),
  );
  const play = h("button", {
    type: "button",
    id: "play",
    onclick: () => app.set({ playing: !app.state.playing }),
  });
  const end = button("end", "end", () => void app.time.go(app.state.course?.length ?? 0), "to-end");
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
  const grain = h(
    "select",
    {
      id: "grain",
      "aria-label": t("grain"),
      onchange: () => app.set({ grain: grain.value === "operation" ? "operation" : "read" }),
    },
    h("option", { value: "read", selected: app.state.grain === "read" }, t("grainRead")),
    h("option", { value: "operation", selected: app.state.grain === "operation" }, t("grainOperation")),
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
    h("div.side-buttons", {}, miss, fault, grain, speed, predictSwitch(app), compareMenu(app)),
  );

  const range = h("input", {
    type: "range",
    id: "scrub",
    min: 0,
    max: 0,
    value: 0,
    "aria-label": t("position"),
    oninput: () => void app.time.go(Number(range.value)),
  });
  const setup = h("i.setup", { "aria-hidden": "true", title: t("setup") }, h("span", {}, t("setup")));
  const marks = h("div.marks", { "aria-hidden": "true" });
  const count = h("output.count", { id: "count" });
  const scrub = h("div.scrub", {}, h("div.track", {}, setup, marks, range), count);

  let timer: ReturnType<typeof setTimeout> | undefined;
  const beat = () => {
    clearTimeout(timer);
    if (!app.state.playing) return;
    timer = setTimeout(() => {
      if (step.disabled) app.set({ playing: false });
      else void app.time.step().then(beat);
    }, BEAT / app.state.speed);
  };
  app.on((state, changed) => {
    const length = state.course?.length ?? 0;
    if (changed.has("course")) {
      range.max = String(length);
      drawMarks(marks, app);
      const share = length ? (state.course?.start ?? 0) / length : 0;
      setup.style.width = `${100 * share}%`;
      setup.dataset.narrow = String(share < 0.12);
    }
    if (changed.has("view") || changed.has("course") || changed.has("grain") || changed.has("other")) {
      range.value = String(state.position);
      range.setAttribute("aria-valuetext", state.view?.sentence ?? "");
      count.textContent = `${state.position} / ${length}`;
      const { other } = state;
      const none = app.time.next() === null && !(other && other.at + 1 < other.pairs.length);
      step.disabled = none;
      play.disabled = none && !state.playing;
      back.disabled = state.position === 0;
      start.disabled = state.position === (state.course?.start ?? 0);
      end.disabled = state.position === length;
      miss.disabled = app.time.nextMark(["miss"]) === null;
      fault.disabled = app.time.nextMark(["fault"]) === null;
      range.style.setProperty("--done", `${length ? (100 * state.position) / length : 0}%`);
    }
    if (changed.has("playing") || changed.has("course")) {
      play.replaceChildren(icon(state.playing ? "pause" : "play"), t(state.playing ? "pause" : "play"));
      play.setAttribute("aria-pressed", String(state.playing));
    }
    if (changed.has("grain")) grain.value = state.grain;
    if (changed.has("playing") || changed.has("speed")) beat();
  });
  return { buttons, scrub };
}

/** One sign for each mark; those that would lie on top of each other become one, the most alarming. */
function drawMarks(into: HTMLElement, app: App): void {
  const course = app.state.course;
  if (!course?.length) return into.replaceChildren();
  const rank = ["plain", "good", "invalidate", "miss", "interrupt", "stale", "fault"];
  const places = new Map<number, string>();
  for (const { at, tone } of course.marks) {
    const place = Math.round((200 * at) / course.length);
    if (rank.indexOf(tone) > rank.indexOf(places.get(place) ?? "plain")) places.set(place, tone);
  }
  const failed = new Set<number>();
  for (const { at, failure } of course.checks)
    if (failure !== null) failed.add(Math.round((200 * at) / course.length));
  // As many ticks as can be told apart.
  const ticks = new Set(course.lines.map((o) => Math.round((400 * o.from) / course.length)));
  into.replaceChildren(
    ...(ticks.size < 200 ? [...ticks].map((at) => h("i.tick", { style: `left:${at / 4}%` })) : []),
    ...[...failed].map((at) => h("b.mark.unmet", { style: `left:${at / 2}%` }, "≠")),
    ...[...places].map(([place, tone]) =>
      h("b.mark", { style: `left:${place / 2}%`, "data-tone": tone }, SIGNS[tone] ?? ""),
    ),
  );
}
