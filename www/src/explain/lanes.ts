// A trace stepped through: one event and what it did, and a lane for each mapping that is there around it.
import { each } from "../put";
import { el, press } from "./element";
import type { Around } from "./items";
import { strings } from "./strings";
import type { TraceLane, TraceMoment } from "./types";

/** Gives the moment of an event; nothing if the trace was replaced meanwhile. */
type At = (position: number) => Promise<TraceMoment | null>;

/** Places something over some of a page's events: in percent, so that it is as wide as there is room. */
function over<E extends HTMLElement>(element: E, from: number, to: number, events: number): E {
  element.style.left = `${(from / events) * 100}%`;
  element.style.width = `${((to - from) / events) * 100}%`;
  return element;
}

/** One mapping: its name, and when it is there. What begins or ends with an event does so in the middle of it. */
function laneOf(lane: TraceLane, before: TraceLane | undefined, moment: TraceMoment, around: Around) {
  const say = strings[around.lang];
  const { events, first } = moment;
  const from = lane.begins ? lane.from + 0.5 : lane.from;
  const to = lane.ends ? lane.to + 0.5 : events;
  const bar = over(el("i", "trace-lane-bar"), from, Math.max(to, from + 0.3), events);
  const strip = el("span", "trace-lane-strip", bar);
  if (lane.stale > lane.to) strip.append(over(el("i", "trace-lane-stale"), to, lane.stale + 0.5, events));
  for (const { at, refused, text } of lane.marks) {
    const mark = over(el("i", refused ? "trace-lane-mark is-wrong" : "trace-lane-mark"), at, at + 1, events);
    mark.title = text;
    strip.append(mark);
  }
  strip.append(el("i", "trace-lane-here"));
  strip.setAttribute("role", "img");
  strip.setAttribute(
    "aria-label",
    say.lane(lane.begins ? first + lane.from + 1 : null, lane.ends ? first + lane.to + 1 : null),
  );
  const owner = el("b", before?.owner === lane.owner ? "trace-lane-same" : "", lane.owner);
  const name = el(
    "span",
    "trace-lane-name",
    owner,
    " ",
    el("code", "", lane.range),
    " ",
    el("small", "", lane.about),
  );
  const item = el("li", "trace-lane", name, strip);
  item.dataset.kind = lane.kind;
  return item;
}

/** What shows a trace event by event, from one on. `moved` hears where it stands. */
export function traceView(
  at: At,
  start: number,
  around: Around,
  moved: (position: number) => void,
): HTMLElement {
  const say = strings[around.lang];
  let shown: TraceMoment | null = null;
  let wanted = start;
  let asking = false;

  const said = el("p", "trace-said");
  said.setAttribute("aria-live", "polite");
  const wrong = el("ul", "explain-account-list trace-wrong");
  const where = el("span", "explain-place trace-where");
  const bar = el("input", "trace-bar");
  bar.type = "range";
  bar.min = "0";
  bar.step = "1";
  bar.setAttribute("aria-label", say.event);
  bar.addEventListener("input", () => go(Number(bar.value)));
  const back = press("trace-back", "◀", () => go(wanted - 1));
  back.setAttribute("aria-label", say.eventBack);
  const next = press("trace-next", `${say.eventNext} ▶`, () => go(wanted + 1));
  const wrongBack = press("trace-wrong-back", say.wrongBack, () => go(shown?.wrong_before ?? wanted));
  const wrongNext = press("trace-wrong-next", say.wrongNext, () => go(shown?.wrong_after ?? wanted));
  const lanes = el("ol", "trace-lanes");
  const legend = el("p", "explain-place");

  function go(position: number) {
    wanted = Math.max(0, Math.min(position, (shown?.length ?? 1) - 1));
    void ask();
  }

  /** Asks for what is wanted, one after another; what was wanted meanwhile and no longer is, is left out. */
  async function ask() {
    if (asking) return;
    asking = true;
    while (shown?.position !== wanted) {
      const moment = await at(wanted);
      if (!moment) break;
      shown = moment;
      show(moment);
    }
    asking = false;
  }

  function show(moment: TraceMoment) {
    moved(moment.position);
    said.textContent = moment.said;
    wrong.replaceChildren(...moment.wrong.map((text) => el("li", "", text)));
    const { scenario, line } = moment;
    if (scenario !== null)
      wrong.lastElementChild?.append(
        " ",
        press("explain-open", say.open, () => around.open(scenario)),
      );
    where.replaceChildren(say.eventOf(moment.position + 1, moment.length, moment.time), " ");
    if (around.select) {
      const { select } = around;
      where.append(press("explain-lines", say.line(line, line), () => select(line, line)));
    } else where.append(say.line(line, line));
    if (moment.cut) where.append(` · ${moment.cut}`);
    bar.max = String(moment.length - 1);
    bar.value = String(moment.position);
    bar.setAttribute("aria-valuetext", moment.said);
    back.disabled = moment.position === 0;
    next.disabled = moment.position === moment.length - 1;
    wrongBack.disabled = moment.wrong_before === null;
    wrongNext.disabled = moment.wrong_after === null;
    showLanes(moment);
    const stale = moment.lanes.some((lane) => lane.stale > lane.to) ? say.stale : "";
    legend.textContent = [moment.more, stale].filter((part) => part).join(" · ");
  }

  /** A lane is drawn anew only where it is another: most stay from one event to the next. */
  function showLanes(moment: TraceMoment) {
    const { events, first, position } = moment;
    lanes.style.setProperty("--here", `${((position - first) / events) * 100}%`);
    lanes.style.setProperty("--event", `${100 / events}%`);
    each(
      lanes,
      moment.lanes.map((lane, at) => {
        const before = moment.lanes[at - 1];
        const key = JSON.stringify([{ ...lane, now: null }, before?.owner === lane.owner, first, events]);
        return [key, () => laneOf(lane, before, moment, around)];
      }),
    );
    moment.lanes.forEach(({ now }, at) => {
      if (now) lanes.children[at]?.setAttribute("aria-current", "true");
      else lanes.children[at]?.removeAttribute("aria-current");
    });
  }

  void ask();
  return el(
    "section",
    "explain-account trace-view",
    el("h3", "explain-title", say.traceSteps),
    el("p", "trace-keys", back, next, bar, wrongBack, wrongNext),
    el("p", "trace-place", where),
    said,
    wrong,
    lanes,
    legend,
  );
}
