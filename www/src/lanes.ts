// Who owns each buffer, when: missing syncs, early frees and lazy unmapping are seen here.
import type { App } from "./app";
import { h } from "./dom";
import { scrollable } from "./scrollable";
import type { Key } from "./strings";

const WORDS: Record<string, Key> = {
  cpu: "cpu",
  device: "device",
  both: "both",
  bounced: "bounced",
  stale: "stale",
  dirty: "dirty",
  freed: "freed",
};

/** What a stretch of a buffer's lane may be, in the order of the key. */
const OWNERS = Object.keys(WORDS);

/** Lanes that are drawn: a text may have thousands of buffers. */
const MOST = 200;

export function lanes(app: App): HTMLElement {
  const { t } = app;
  const list = h("div.lane-list", {});
  const now = h("i.lane-now", { "aria-hidden": "true" });
  // What the colours of this run's lanes mean.
  const key = h("span.key", {});
  const sample = (owner: string, word: string) =>
    h("span", {}, h("i", { "aria-hidden": "true", "data-owner": owner }), word);
  const box = h(
    "section.lanes",
    { "aria-label": t("lanes") },
    h("div.lanes-head", { title: t("lanesHow") }, h("h2", {}, t("lanes")), key),
    list,
  );
  app.on((state, changed) => {
    // Set-up is not shown: the first idea begins at the left.
    const start = state.course?.start ?? 0;
    const length = (state.course?.length ?? 0) - start || 1;
    const share = (at: number) => Math.max(0, at - start) / length;
    const percent = (at: number) => `${100 * share(at)}%`;
    const stretch = (span: { from: number; to: number }) =>
      `left:${percent(span.from)};width:${100 * (share(span.to) - share(span.from))}%`;
    if (changed.has("course")) {
      const all = state.course?.lanes ?? [];
      const inCache = state.course?.inCache ?? "";
      box.hidden = all.length === 0;
      const there = new Set(all.flatMap((lane) => lane.spans.map((span) => span.state as string)));
      key.replaceChildren(
        ...OWNERS.filter((owner) => there.has(owner)).map((owner) => sample(owner, t(WORDS[owner] ?? "cpu"))),
        all.some((lane) => lane.cached.length > 0) ? sample("iotlb", inCache) : "",
        h("span", {}, h("i.at", { "aria-hidden": "true" }), t("thisStep")),
      );
      list.replaceChildren(
        now,
        ...all.slice(0, MOST).map((lane) =>
          h(
            "div.lane",
            {},
            h("span.lane-name", {}, lane.name),
            h(
              "ol.spans",
              {},
              ...lane.cached.map((span) =>
                h(
                  "li.cached",
                  {
                    style: stretch(span),
                    title: inCache,
                  },
                  h("span.for-readers", {}, inCache),
                ),
              ),
              ...lane.spans.map((span) =>
                h(
                  "li",
                  {
                    "data-owner": span.state,
                    style: stretch(span),
                    title: span.text,
                  },
                  h("span", {}, t(WORDS[span.state] ?? "cpu")),
                ),
              ),
            ),
          ),
        ),
        all.length > MOST ? h("p.lane-more", {}, `+${all.length - MOST} ${t("andMore")}`) : "",
      );
    }
    // On the line alone: of a list with a thousand lanes every element would be styled anew.
    if (changed.has("view")) now.style.setProperty("--at", String(share(state.position)));
  });
  scrollable(box);
  return box;
}
