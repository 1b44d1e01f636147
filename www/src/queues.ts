// The queues between software and the IOMMU: what was taken last, and what waits.
import type { Queue, QueueEntry } from "iommu-view";
import { address } from "./addresses";
import type { App } from "./app";
import { folded } from "./bits";
import { h } from "./dom";
import { type Drawn, keep, listed, put } from "./put";
import { count } from "./strings";

export const queues = (app: App): Drawn<readonly Queue[]> => listed(h("div.queues", {}), () => queue(app));

function queue(app: App): Drawn<Queue> {
  const { t } = app;
  const head = h("h3", {});
  const ends = h("p.ends", {});
  const items = h("div.items", {});
  const more = h("p.quiet", {});
  const element = h("section.queue", {}, head, ends, items, more);
  const show = (q: Queue) => {
    const waiting = q.entries.filter((e) => e.waits).length + q.more;
    const said = waiting ? count(t, waiting, "waits1", "waitsN") : t("nothingWaits");
    put(head, [q.name, said], () => [q.name, h("small", {}, ` ${said}`)]);
    put(ends, [q.head, q.tail, q.capacity, q.base, q.section], () => [
      h("span", {}, `${t("head")} ${q.head}`),
      h("span", {}, `${t("tail")} ${q.tail}`),
      h("span", {}, `${t("capacity")} ${q.capacity}`),
      h("span", {}, "@ ", address(app, q.base)),
      h("cite", {}, q.section),
    ]);
    keep(
      items,
      q.entries.map((e) => [String(e.index), e]),
      () => item(app),
    );
    items.hidden = q.entries.length === 0;
    more.hidden = q.more === 0;
    more.textContent = `+${q.more} ${t("andMore")}`;
  };
  return { element, show };
}

/** What it says in one line: its own fields, without those that say nothing. */
function item(app: App): Drawn<QueueEntry> {
  const { t } = app;
  const line = h("summary", {});
  const bits = folded(app, line);
  const { element } = bits;
  const show = ({ index, waits, entry }: QueueEntry) => {
    const telling = entry.fields.filter(
      (f) => !f.dull && f.value !== "0x0" && !/^(Type|opcode|func3)/i.test(f.name),
    );
    element.dataset.waits = String(waits);
    put(line, [index, waits, entry], () => [
      h("span.nth", {}, String(index)),
      h("b", {}, entry.name),
      h("span.state", {}, t(waits ? "waiting" : "taken")),
      h("small", {}, telling.map((f) => `${f.name} ${f.shown}`).join(", ")),
    ]);
    bits.show(entry);
  };
  return { element, show };
}
