// A question before a step; the machine answers it by taking the step.
import type { App } from "./app";
import { h } from "./dom";

/** The switch. */
export function predictSwitch(app: App): HTMLElement {
  const { t } = app;
  const button = h(
    "button",
    {
      type: "button",
      id: "predict",
      title: t("predictTip"),
      onclick: () => {
        const predicting = !app.state.predicting;
        app.storage.remember("predict", predicting ? "yes" : "no");
        app.set({ predicting, asked: null });
      },
    },
    t("predict"),
  );
  app.on((state, changed) => {
    if (!changed.has("predicting")) return;
    button.setAttribute("aria-pressed", String(state.predicting));
  });
  return button;
}

/** The question, and after it what came of the guess. */
export function question(app: App): HTMLElement {
  const { t } = app;
  const box = h("section.question", { "aria-label": t("predict"), hidden: true });
  app.on((state, changed) => {
    if (!changed.has("asked") && !changed.has("view")) return;
    const asked = state.asked;
    box.hidden = !asked;
    if (!asked) return box.replaceChildren();
    const { text, choices, answer, guess } = asked;
    if (guess !== null) {
      const right = guess === answer;
      box.dataset.tone = right ? "good" : "fault";
      box.replaceChildren(
        h(
          "p",
          { role: "status" },
          h("b", {}, right ? `✓ ${t("right")}` : `✕ ${t("wrong")}`),
          right ? "" : h("code", {}, ` ${choices[answer] ?? ""}`),
        ),
      );
      return;
    }
    box.dataset.tone = "plain";
    box.replaceChildren(
      h("p", { role: "status" }, h("b", {}, text), " ", h("small", {}, t("guessHint"))),
      h(
        "div.choices",
        { role: "group", "aria-label": text },
        ...choices.map((choice, i) =>
          h("button", { type: "button", onclick: () => void app.time.guess(i) }, choice),
        ),
      ),
    );
    box.querySelector("button")?.focus({ preventScroll: true });
  });
  return box;
}
