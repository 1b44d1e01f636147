// The answer, when the run is over: it can be put away, and comes again with the next end.
import type { App } from "./app";
import { h } from "./dom";
import { scrollable } from "./scrollable";

export function answer(app: App, ending: HTMLElement): HTMLElement {
  const { t } = app;
  const away = h(
    "button.icon",
    {
      type: "button",
      id: "hide-answer",
      title: t("close"),
      "aria-label": t("close"),
      onclick: () => (app.time.putAway ?? (() => (box.hidden = true)))(),
    },
    "✕",
  );
  const box = h("div.over", { hidden: true }, ending, away);
  let at = -1;
  app.on((state) => {
    // Each time the end is come to, and not again while one stays there.
    const now = state.view && !ending.hidden && !state.answerWaits ? state.position : -1;
    if (now !== at) box.hidden = now < 0;
    at = now;
  });
  scrollable(box);
  return box;
}
