// The bar of stops: one place for each stop of the present depth, with the sign of what came of it. Where there are too many
// to tell apart, neighbours of one sign become one mark over the stretch that they take.
import type { Course } from "iommu-view";
import type { App } from "./app";
import { baseLevel, below } from "./depth";
import { h } from "./dom";
import { SIGNS, toneOf } from "./signs";
import type { State } from "./store";

/** So many signs have room beside each other on a bar. */
const MARKS = 30;
/** From the least to the most alarming. */
const RANK = ["plain", "good", "invalidate", "miss", "interrupt", "stale", "wrong", "fault", "unmet"];
const UNMET = "≠";

/** What is worth a sign at a stop. */
interface Mark {
  /** The stop's number, from 1. */
  nth: number;
  tone: string;
}

export function bar(app: App): HTMLElement {
  const { t } = app;
  const range = h("input", {
    type: "range",
    id: "scrub",
    min: 0,
    max: 0,
    value: 0,
    "aria-label": t("position"),
    oninput: () => {
      const stops = app.time.stops();
      const nth = Number(range.value);
      void app.time.go(nth === 0 ? (app.state.course?.start ?? 0) : (stops[nth - 1] ?? 0));
    },
  });
  const marks = h("div.marks", { "aria-hidden": "true" });
  app.on((state, changed) => {
    if (changed.has("course") || changed.has("depth")) {
      const stops = app.time.stops();
      range.max = String(stops.length);
      // What was expected of a preset is its author's: of a changed one it is told folded, at the end, and is no alarm here.
      const edited = (app.texts.original(state.preset) || state.good) !== state.good;
      marks.replaceChildren(...signs(state, stops, edited));
    }
    if (["view", "course", "depth"].some((key) => changed.has(key as keyof State))) {
      const stops = app.time.stops();
      const base = state.way[baseLevel(state.way, state.depth)];
      const nth = base ? below(stops, base.stop.to) + 1 : 0;
      range.value = String(nth);
      range.setAttribute("aria-valuetext", `${nth} / ${stops.length}${t("is")}${state.view?.sentence ?? ""}`);
      range.style.setProperty("--done", `${stops.length ? (100 * nth) / stops.length : 0}%`);
    }
  });
  return h("div.scrub", {}, h("div.track", {}, marks, range));
}

function signs({ course, depth }: Readonly<State>, stops: ArrayLike<number>, edited: boolean): HTMLElement[] {
  if (!course || !stops.length) return [];
  const place = (nth: number) => `${(100 * nth) / stops.length}%`;
  const came = depth === "read" ? ofReads(course, stops) : ofStops(course, depth);
  const marks = edited ? came : [...came, ...unmet(course, stops)];
  const out: HTMLElement[] = [];
  if (stops.length <= MARKS)
    for (let nth = 1; nth <= stops.length; nth++) out.push(h("i.tick", { style: `left:${place(nth)}` }));
  for (const { from, to, tone } of grouped(marks, stops.length)) {
    const sign = tone === "unmet" ? UNMET : (SIGNS[tone] ?? "");
    const left = (from + to) / 2;
    out.push(
      h(
        "b.mark",
        { style: `left:${place(left)}`, "data-tone": tone, class: tone === "unmet" ? "mark unmet" : "mark" },
        sign,
      ),
    );
    if (to > from)
      out.push(h("i.stretch", { style: `left:${place(from)};width:${place(to - from)}`, "data-tone": tone }));
  }
  return out;
}

/** What came of each idea or operation. */
function ofStops(course: Course, depth: "idea" | "operation"): Mark[] {
  const all = depth === "idea" ? course.ideas : course.operations;
  return all.flatMap(({ outcome }, i) => {
    const tone = outcome ? toneOf(outcome.kind) : "plain";
    return tone === "plain" ? [] : [{ nth: i + 1, tone }];
  });
}

/** What the machine did that is worth finding. */
function ofReads(course: Course, stops: ArrayLike<number>): Mark[] {
  const marks = course.marks.filter((m) => m.at > course.start);
  return marks.map(({ at, tone }) => ({ nth: below(stops, at) + 1, tone: tone as string }));
}

/** Expectations that do not hold. */
const unmet = (course: Course, stops: ArrayLike<number>): Mark[] =>
  course.checks
    .filter((c) => c.failure !== null)
    .map(({ at }) => ({ nth: Math.min(stops.length, below(stops, at) + 1), tone: "unmet" }));

/** Marks of one tone that would lie on each other become a stretch with one sign; of two tones, the more alarming stays. */
function grouped(marks: Mark[], length: number): { from: number; to: number; tone: string }[] {
  const gap = length / MARKS;
  const rank = ({ tone }: { tone: string }) => RANK.indexOf(tone);
  const out: { from: number; to: number; tone: string }[] = [];
  for (const { nth, tone } of [...marks].sort((a, b) => a.nth - b.nth || rank(a) - rank(b))) {
    const last = out.at(-1);
    const mark = { from: nth, to: nth, tone };
    if (last?.tone === tone && nth - last.to < gap) last.to = nth;
    // A stretch has its sign in the middle: beside it there may be room.
    else if (!last || nth - (last.from + last.to) / 2 >= gap) out.push(mark);
    else if (rank(mark) > rank(last)) out[out.length - 1] = mark;
  }
  return out;
}
