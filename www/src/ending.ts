// After the last step: the answer, a question about it, what to change to see it go the other way, and the next lesson. Of
// a changed scenario it says what ends differently now; what was expected of the original is folded below.
import type { App } from "./app";
import { onlyTurned } from "./architecture";
import { chart } from "./charts/chart";
import { h } from "./dom";
import { check } from "./path/check";
import { lesson, short } from "./path/order";
import type { Progress } from "./path/progress";
import { pathWords, type PathWords } from "./path/words";
import type { State } from "./store";
import { told } from "./terms";
import type { Course } from "iommu-view";
import { has } from "./own";

/** The machine's place for the run of the original, while what is shown is a change of it. */
const SLOT = 1;

/** `progress` is the reader's on the path; nothing where there is none, as in an embed. */
export function ending(app: App, progress: Progress | null = null): HTMLElement {
  const { t } = app;
  const box = h("section.ending", { "aria-label": t("answerIs"), hidden: true });
  const say = pathWords(app.state.lang);
  /** What takes more room than the answer itself opens when the reader wants it. */
  const more = (preset: string | null) =>
    preset
      ? [
          folded(say("inNumbers"), chart(app, preset)),
          progress ? folded(say("check"), check(app, preset)) : "",
        ]
      : [];
  let shown: Course | null = null;
  app.on((state, changed) => {
    if (!["view", "head", "course", "other"].some((key) => changed.has(key as keyof State))) return;
    const over = state.course !== null && state.position === state.course.length && !state.other;
    const original = app.state.gallery.find((c) => c.name === state.preset)?.text ?? null;
    const says =
      original !== null || state.head?.answer || state.head?.tryThis || state.course?.checks.length;
    box.hidden = !over || !says;
    if (box.hidden || shown === state.course) return;
    shown = state.course;
    if (progress && state.preset && original === state.good) progress.finish(state.preset);
    const written = original === null || original === state.good;
    const tell = (said: (HTMLElement | string)[]) =>
      box.replaceChildren(...said, ...(progress ? onward(app, progress) : []));
    if (written) return tell(plain(app, original, more));
    // On another machine it is still the scenario as it is written.
    const { course } = state;
    box.replaceChildren();
    void onlyTurned(app, original).then((turned) => {
      if (shown === course) tell(turned ? plain(app, original, more) : tried(app, original));
    });
  });
  return box;
}

/** The room that the answer will take, from the first step on: so nothing gives way when it comes. */
export function endingRoom(app: App, progress: Progress | null = null): HTMLElement {
  const say = pathWords(app.state.lang);
  const box = h("div.ending-room", { "aria-hidden": "true", inert: true });
  const more = () => (progress ? [folded(say("check"), h("div", {}))] : []);
  app.on(({ gallery, preset }, changed) => {
    if (!changed.has("head") && !changed.has("course")) return;
    const original = gallery.find((c) => c.name === preset)?.text ?? null;
    box.replaceChildren(...plain(app, original, more), ...(progress ? onward(app, progress) : []));
    for (const named of box.querySelectorAll("[id]")) named.removeAttribute("id");
  });
  return box;
}

const folded = (label: string, content: HTMLElement) => h("details", {}, h("summary", {}, label), content);

/** The scenario as it is written: its answer, what more there is of it (given a preset's name), and its change. */
function plain(
  app: App,
  original: string | null,
  more: (preset: string | null) => (HTMLElement | string)[],
): (HTMLElement | string)[] {
  const { state, t } = app;
  const say = pathWords(state.lang);
  const { answer, tryThis, changed } = state.head ?? { answer: "", tryThis: "", changed: null };
  // What the machine makes for a preset it makes on the machine that is shown.
  const preset = original === null ? null : state.preset;
  const see = (id: string, label: string, act: () => unknown) =>
    h("button", { type: "button", id, onclick: () => void act() }, label);
  return [
    answer ? h("p.answer", {}, h("b", {}, `${t("answerIs")}${t("is")}`), ...told(app, answer)) : "",
    h("div.more-of", {}, ...more(preset)),
    tryThis
      ? h(
          "p.try",
          {},
          h("b", {}, `${t("tryThis")}${t("is")}`),
          suggestion(tryThis).proposal,
          " ",
          original && changed ? see("try", say("see"), () => app.open(changed, state.preset)) : "",
          original && changed
            ? see("compare-change", say("side"), () => app.beside.start(changed, t("withChange")))
            : "",
        )
      : "",
    ...expectations(state, say, original !== null),
  ];
}

/** What a suggestion proposes, and what it promises: that is for the machine to show. */
function suggestion(text: string): { proposal: string; promise: string } {
  const at = text.search(/: |：/);
  if (at < 0) return { proposal: text, promise: text };
  const promise = text.slice(at + 1).trim();
  const stop = text[at] === "：" ? "。" : ".";
  return { proposal: text.slice(0, at) + stop, promise: promise.charAt(0).toUpperCase() + promise.slice(1) };
}

/** A changed scenario: what was promised of it, or what it comes to, line by line. */
function tried(app: App, original: string): (HTMLElement | string)[] {
  const { state } = app;
  const say = pathWords(state.lang);
  const suggested = state.head?.tryThis ?? "";
  const before = h("p.before", {});
  const verdict = h("p.answer", { id: "tried" });
  void (async () => {
    const { lang } = state;
    const opened = await app.machine.ask("open", SLOT, original, lang);
    if (has(opened, "troubles") || app.state.other) return;
    const { pair, a, b } = await app.machine.ask("parted", lang);
    const kept = opened.head.changed === state.good;
    verdict.replaceChildren(
      h("b", {}, say(kept ? "promised" : "changed")),
      ` ${kept ? suggestion(suggested).promise : ""} `,
      pair === null ? say("sameEnds") : (a?.text ?? ""),
    );
    if (pair !== null && b) before.replaceChildren(h("b", {}, say("beforeThen")), ` ${b.text}`);
  })();
  return [
    verdict,
    before,
    h(
      "p.try",
      {},
      h(
        "button",
        { type: "button", id: "try", onclick: () => void app.open(original, state.preset) },
        say("backTo"),
      ),
      h(
        "button",
        {
          type: "button",
          id: "compare-change",
          onclick: () => void app.beside.start(original, app.t("withOriginal")),
        },
        say("side"),
      ),
    ),
    ...expectations(state, say, true),
  ];
}

/** Those that do not hold, each in words, folded where the text is not as its author wrote it; that all others do. */
export function expectations(state: Readonly<State>, say: PathWords, folded: boolean): HTMLElement[] {
  const checks = state.course?.checks ?? [];
  const failed = checks.filter((c) => c.failure !== null);
  if (!failed.length) return [];
  const list = h(
    "ul.failures",
    { id: "failures" },
    ...failed.map((c) => h("li", {}, h("code", {}, `${c.line}: ${c.text}`), ` ${c.failure ?? ""}`)),
  );
  const summary = h("summary", {}, say("meantFor", failed.length, checks.length));
  return [h("details.meant", folded ? {} : { open: true }, summary, list)];
}

/** The next lesson; off the path, where it begins. */
function onward(app: App, progress: Progress): HTMLElement[] {
  const { gallery, preset, lang } = app.state;
  const say = pathWords(lang);
  const here = lesson(gallery, preset);
  const names = gallery.filter((card) => card.path !== null).map((card) => card.name);
  const to = here ? here.next : gallery.find((card) => card.path === 1);
  if (!to) return [h("p.onward", { id: "path-over" }, say("pathOver", progress.count(names), names.length))];
  const nth = h("small", {}, ` ${say("nth", to.path ?? 1, names.length)}`);
  return [
    h(
      "p.onward",
      {},
      h(
        "button.primary",
        { type: "button", id: "next-lesson", onclick: () => void app.choose(to.name) },
        h("span.to", {}, `${say(here ? "nextIs" : "pathStart")}${app.t("is")}${short(to.title)}`),
        nth,
      ),
    ),
  ];
}
