// The queues between software and the IOMMU: what was taken last, and what waits.
import type { Queue, QueueEntry } from "iommu-view";
import { address } from "./addresses";
import type { App } from "./app";
import { entryBits } from "./bits";
import { h } from "./dom";
import { count } from "./strings";

export function queues(all: Queue[], app: App): HTMLElement {
  const { t } = app;
  if (!all.length) return h("p.quiet", {}, t("noQueues"));
  return h("div.queues", {}, ...all.map((q) => queue(q, app)));
}

function queue(q: Queue, app: App): HTMLElement {
  const { t } = app;
  const waiting = q.entries.filter((e) => e.waits).length + q.more;
  const said = waiting ? count(t, waiting, "waits1", "waitsN") : t("nothingWaits");
  return h(
    "section.queue",
    {},
    h("h3", {}, q.name, h("small", {}, ` ${said}`)),
    h(
      "p.ends",
      {},
      h("span", {}, `${t("head")} ${q.head}`),
      h("span", {}, `${t("tail")} ${q.tail}`),
      h("span", {}, `${t("capacity")} ${q.capacity}`),
      h("span", {}, "@ ", address(app, q.base)),
      h("cite", {}, q.section),
    ),
    q.entries.length ? h("div.items", {}, ...q.entries.map((e) => item(e, app))) : "",
    q.more ? h("p.quiet", {}, `+${q.more} ${t("andMore")}`) : "",
  );
}

/** What it says in one line: its own fields, without those that say nothing. */
function item({ index, waits, entry }: QueueEntry, app: App): HTMLElement {
  const { t } = app;
  const telling = entry.fields.filter(
    (f) => !f.dull && f.value !== "0x0" && !/^(Type|opcode|func3)/i.test(f.name),
  );
  return h(
    "details",
    { "data-waits": String(waits) },
    h(
      "summary",
      {},
      h("span.nth", {}, String(index)),
      h("b", {}, entry.name),
      h("span.state", {}, t(waits ? "waiting" : "taken")),
      h("small", {}, telling.map((f) => `${f.name} ${f.shown}`).join(", ")),
    ),
    entryBits(entry, app),
  );
}
