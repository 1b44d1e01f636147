// What is told: the author's idea in full, what came of it, and below it, indented, what the reader has opened. Changes are
// announced to screen readers. Before the first stop it is the scenario's question.
import type { View } from "iommu-view";
import type { App } from "./app";
import type { Changed } from "./change";
import { baseLevel, below } from "./depth";
import { h } from "./dom";
import { put } from "./put";
import { scrollable } from "./scrollable";
import { SIGNS, toneOf } from "./signs";
import type { Place, State } from "./store";
import { told } from "./terms";

/** As many of the longest ideas keep the room that the longest takes. */
const MEASURED = 6;

/** `changes` says what was changed of a scenario; nothing where a text is shown and not worked on, as in an embed. */
export function sentence(app: App, changes?: (app: App, redraw: () => void) => Changed): HTMLElement {
  const { t } = app;
  const idea = h("p.idea", { id: "note" });
  // The longest ideas of the scenario, unseen: the pane is as high for each, and nothing below it moves.
  const room = h("div.room", { "aria-hidden": "true" });
  const inner = h("div.inner", {});
  // Likewise what comes of them; of operations it takes more of a pane that is beside the inspector.
  const spare = h("div.room", { "aria-hidden": "true" });
  // A read may take more than was foreseen: what one has taken stays for those after it.
  let kept = { width: 0, height: 0 };
  const keep = (width: number, height: number) => {
    kept = { width, height: width === kept.width ? Math.max(kept.height, height) : height };
    spare.style.minHeight = `${kept.height}px`;
  };
  new ResizeObserver((entries) => {
    for (const { borderBoxSize } of entries)
      for (const { inlineSize, blockSize } of borderBoxSize) keep(inlineSize, blockSize);
  }).observe(inner);
  // Where the window is narrow: the longest with what comes of them, in one.
  const pairs = h("div.pairs", { "aria-hidden": "true" });
  const live = h(
    "div.telling",
    { id: "sentence", "aria-live": "polite" },
    h("div.ideas", {}, room, idea),
    h("div.inners", {}, spare, inner),
  );
  // Where the head has no room for it.
  const title = h("p.title-here", { "aria-hidden": "true" });
  const count = h("output.count", { id: "count" });
  const where = h("p.where", { id: "where" });
  const change = changes?.(app, () => draw(app.state));
  const open = h("button", { type: "button", id: "open", onclick: () => void app.time.open() });
  const close = h(
    "button",
    { type: "button", id: "close-stop", onclick: () => void app.time.close() },
    t("closeStop"),
  );
  const box = h(
    "div.now",
    {},
    h("div.said", {}, title, change?.element ?? "", h("div.both", {}, pairs, live)),
    h("div.aside", {}, count, where, h("div.opening", {}, close, open)),
  );
  app.on((state, changed) => {
    if (changed.has("head")) title.textContent = state.head?.title ?? "";
    if (changed.has("course") || changed.has("head"))
      room.replaceChildren(
        h("p", {}, h("b", {}, state.head?.title ?? ""), ` ${t("ready")}`),
        ...longest(state.course?.ideas.map((idea) => idea.sentence)).map((text) => h("p", {}, text)),
      );
    if (changed.has("course"))
      pairs.replaceChildren(
        ...longest(
          state.course?.ideas.map(({ sentence, outcome }) => `${sentence}\n${outcome?.text ?? ""}`),
        ).map((pair) => h("div", {}, ...pair.split("\n").map((text) => h("p", {}, text)))),
      );
    if (changed.has("course") || changed.has("depth")) {
      keep(0, 0);
      spare.replaceChildren(
        ...longest(
          state.course?.ideas.map(({ outcome }) => (outcome ? `${outcome.word}\n${outcome.text}` : "")),
        ).map((both) => {
          const [word = "", text = ""] = both.split("\n");
          const line = { tone: "plain", text };
          return drawLine(
            app,
            state.depth === "idea"
              ? { ...line, kind: "came", word }
              : { ...line, kind: "operation", nth: "1 / 1" },
          );
        }),
      );
    }
    if (!changed.has("view") && !changed.has("way") && !changed.has("depth")) return;
    draw(state);
  });
  const draw = (state: Readonly<State>) => {
    const { view, way } = state;
    const now = tell(app, state, change?.before);
    box.dataset.tone = now.tone;
    idea.classList.toggle("past", now.past ?? false);
    put(idea, now.idea, () => drawIdea(app, now.idea));
    put(inner, now.inner, () => now.inner.map((line) => drawLine(app, line)));
    // As many lines for every stop of a depth, of each sentence one that takes two, and of a changed run what it came to
    // before: nothing below moves.
    const least = state.depth === "read" ? 4 : (change?.element.hidden ?? true) ? 2 : 3;
    inner.style.setProperty("--lines", String(Math.max(least, now.inner.length)));
    const operation = whereabouts(state);
    put(where, operation, () => drawWhere(app, operation));
    count.textContent = counted(app, state);
    count.dataset.position = String(state.position);
    count.dataset.length = String(state.course?.length ?? 0);
    const inside = way.at(-1)?.stop.children ?? 0;
    open.hidden = !app.time.opens;
    open.textContent = way.length ? t(inside === 1 ? "openOne" : "openMany", inside) : t("openFirst");
    close.hidden = !app.time.closes;
    box.classList.toggle("set-up", view !== null && way.length === 0);
  };
  scrollable(box);
  return box;
}

interface Idea {
  /** What stands before its text, where there is no idea yet. */
  title: string | null;
  text: string;
}

/** A line below the idea: a sign, what is said, its section, its number among those beside it. */
interface Line {
  kind: string;
  tone: string;
  /** What came of it, in a word. */
  word?: string;
  text: string;
  /** A line of the scenario. */
  code?: string;
  section?: string;
  nth?: string;
}

interface Told {
  tone: string;
  idea: Idea;
  /** An idea is said of its own line: with the lines that follow it stands back. */
  past?: boolean;
  inner: Line[];
}

function tell(app: App, state: Readonly<State>, before?: Changed["before"]): Told {
  const { view, way, head } = state;
  const [outer, ...rest] = way;
  if (!view || !outer) {
    const begun = view !== null && state.position > 0 && state.position !== state.course?.start;
    return {
      tone: begun ? view.tone : "plain",
      idea: { title: head?.title ?? "", text: app.t(begun ? "setup" : "ready") },
      inner: begun ? [{ kind: "read", tone: view.tone, text: view.sentence, section: view.section }] : [],
    };
  }
  const idea = { title: null, text: outer.stop.sentence };
  const { stop: shown } = way.at(-1) as Place;
  const ended = shown.to === state.position;
  const tone = shown.outcome && ended ? toneOf(shown.outcome.kind) : view.tone;
  if (rest.length) {
    // The last read of an operation says what came of it: that is said once.
    const said = view.position === state.position ? view.sentence : null;
    const shown = rest.filter(
      ({ stop }, i) => stop.depth !== "operation" || i === rest.length - 1 || stop.sentence !== said,
    );
    const past = rest.some(({ stop, index }) => stop.depth === "operation" && index > 0);
    return { tone, idea, past, inner: shown.map((place) => opened(app, state, view, place)) };
  }
  // What came of an idea is told when it is over, and nothing inside it is open.
  const { outcome } = shown;
  if (!ended)
    return { tone, idea, inner: [{ kind: "read", tone, text: view.sentence, section: view.section }] };
  // Where nobody wrote a note the idea is what came of it: that is said once, and here in a word.
  const once = outcome?.text === idea.text ? "" : outcome?.text;
  const came = outcome ? { word: outcome.word, text: once ?? "" } : { text: view.sentence };
  const inner: Line[] = [{ kind: "came", tone, ...came }];
  // Also at the end: the answer says what was before where the runs part, which may be an earlier idea.
  const earlier = shown.depth === "idea" && before?.(shown);
  if (earlier) inner.push({ kind: "before", tone: "plain", word: app.t("outcomeBefore"), text: earlier });
  return { tone, idea, inner };
}

/** A stop that was opened to: what it says when it is over, and until then what it does. */
function opened(app: App, state: Readonly<State>, view: View, place: Place): Line {
  const { stop } = place;
  const nth = `${place.index + 1} / ${place.among.length}`;
  const [last, ended] = [place === state.way.at(-1), stop.to === state.position];
  if (stop.depth === "operation" && !ended) {
    const code = state.course?.lines.find((o) => o.line === stop.line)?.text ?? "";
    return { kind: stop.depth, tone: "plain", text: `${app.t("atLine", stop.line)} `, code, nth };
  }
  const tone = stop.outcome ? toneOf(stop.outcome.kind) : last ? view.tone : "plain";
  const text = last && !stop.children && !stop.outcome ? view.sentence : stop.sentence;
  return { kind: stop.depth, tone, text, section: last && stop.depth === "read" ? view.section : "", nth };
}

const drawIdea = (app: App, { title, text }: Idea): (Node | string)[] =>
  title === null ? told(app, text) : [h("b", {}, title), " ", h("span.begin", {}, text)];

function drawLine(app: App, { kind, tone, word, text, code, section, nth }: Line): HTMLElement {
  return h(
    "p.line-said",
    { "data-kind": kind, "data-tone": tone },
    h("span.sign", { "aria-hidden": "true" }, SIGNS[tone] ?? ""),
    h(
      "span.words",
      {},
      word === undefined ? "" : [h("b", {}, word), text ? app.t("is") : ""],
      code === undefined ? told(app, text) : [text, h("code", {}, code)],
      section ? h("cite", {}, ` ${section}`) : "",
    ),
    nth ? h("span.nth", {}, nth) : "",
  );
}

/** A step of the other run in words: sign, sentence, section. */
export function said(app: App, view: View): HTMLElement[] {
  return [
    h("span.sign", { "aria-hidden": "true" }, SIGNS[view.tone] ?? ""),
    h("span.words", {}, ...told(app, view.sentence), view.section ? h("cite", {}, ` ${view.section}`) : ""),
  ];
}

/** The line of the text that an operation shown is on. */
function whereabouts({ way, course, position }: Readonly<State>): { line: number; text: string } | null {
  const operation = way.find(({ stop }) => stop.depth === "operation")?.stop;
  if (operation?.to !== position) return null;
  const found = course?.lines.find((o) => position <= o.to);
  return found ? { line: found.line, text: found.text } : null;
}

const drawWhere = (app: App, found: ReturnType<typeof whereabouts>): HTMLElement[] =>
  found ? [h("span.line", {}, app.t("atLine", found.line)), h("code", {}, found.text)] : [];

/** Which of how many stops of the present depth this is. */
function counted(app: App, { way, depth }: Readonly<State>): string {
  const base = way[baseLevel(way, depth)];
  const stops = app.time.stops();
  return `${base ? below(stops, base.stop.to) + 1 : 0} / ${stops.length}`;
}

const longest = (texts: string[] = []): string[] =>
  texts.sort((a, b) => b.length - a.length).slice(0, MEASURED);
