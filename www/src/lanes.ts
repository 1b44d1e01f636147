// Who owns each buffer, when: missing syncs, early frees and lazy unmapping are seen here.
import type { App } from "./app";
import { h } from "./dom";
import { t, type Key } from "./strings";

const WORDS: Record<string, Key> = {
  cpu: "cpu",
  device: "device",
  both: "both",
  bounced: "bounced",
  stale: "stale",
  dirty: "dirty",
  freed: "freed",
};

export function lanes(app: App): HTMLElement {
  const list = h("div.lane-list", {});
  const now = h("i.lane-now", { "aria-hidden": "true" });
  const box = h("section.lanes", { "aria-label": t("lanes") }, h("h2", {}, t("lanes")), list);
  app.on((state, changed) => {
    const length = state.course?.length || 1;
    const percent = (at: number) => `${(100 * at) / length}%`;
    if (changed.has("course")) {
      const all = state.course?.lanes ?? [];
      box.hidden = all.length === 0;
      list.replaceChildren(
        now,
        ...all.map((lane) =>
          h(
            "div.lane",
            {},
            h("span.lane-name", {}, lane.name),
            h(
              "ol.spans",
              {},
              ...lane.spans.map((span) =>
                h(
                  "li",
                  {
                    "data-owner": span.state,
                    style: `left:${percent(span.from)};width:${percent(span.to - span.from)}`,
                    title: span.text,
                  },
                  h("span", {}, t(WORDS[span.state] ?? "cpu")),
                ),
              ),
            ),
          ),
        ),
      );
    }
    if (changed.has("view")) list.style.setProperty("--at", String(state.position / length));
  });
  return box;
}
