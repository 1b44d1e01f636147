// After the last step: the answer, what was expected and whether it held, what to change to see it go the other way.
import type { App } from "./app";
import type { State } from "./store";
import { h } from "./dom";
import type { Words } from "./strings";

export function ending(app: App): HTMLElement {
  const { t } = app;
  const box = h("section.ending", { "aria-label": t("answerIs"), hidden: true });
  app.on((state, changed) => {
    if (!changed.has("view") && !changed.has("head") && !changed.has("course") && !changed.has("other"))
      return;
    const over = state.course !== null && state.position === state.course.length && !state.other;
    box.hidden = !over;
    if (over) box.replaceChildren(...expectations(state, t), story(app));
  });
  return box;
}

/** Those that do not hold, each in words; that all others do. */
export function expectations(state: Readonly<State>, t: Words): HTMLElement[] {
  const checks = state.course?.checks ?? [];
  if (!checks.length) return [];
  const failed = checks.filter((c) => c.failure !== null);
  if (!failed.length) return [h("p.held", { id: "held" }, `✓ ${t("allHold")} (${checks.length}).`)];
  return [
    h(
      "ul.failures",
      { id: "failures" },
      ...failed.map((c) =>
        h(
          "li",
          {},
          h("b", {}, `✕ ${t("at")} ${c.line}: `),
          h("code", {}, c.text),
          ` ${t("failed")}: ${c.failure ?? ""}`,
        ),
      ),
    ),
  ];
}

/** The answer, and the change that the scenario suggests. */
export function story(app: App): HTMLElement {
  const { t } = app;
  const { state } = app;
  const card = state.gallery.find((c) => c.name === state.preset);
  const original = card?.text === state.good;
  const changed = state.head?.changed ?? null;
  const text = original ? changed : (card?.text ?? null);
  return h(
    "div.story",
    {},
    state.head?.answer ? h("p.answer", {}, state.head.answer) : "",
    state.head?.tryThis
      ? h(
          "p.try",
          {},
          h("b", {}, `${t("tryThis")}: `),
          state.head.tryThis,
          " ",
          text
            ? h(
                "button",
                { type: "button", id: "try", onclick: () => void app.open(text, state.preset) },
                t(original ? "tryIt" : "undoTry"),
              )
            : "",
          original && changed
            ? h(
                "button",
                {
                  type: "button",
                  id: "compare-change",
                  onclick: () => void app.beside.start(changed, t("withChange")),
                },
                t("compare"),
              )
            : "",
        )
      : "",
  );
}
