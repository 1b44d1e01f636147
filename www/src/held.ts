// What the machine holds now: the lines of its caches, and its registers.
import type { Cache, CacheRow, Entry } from "iommu-view";
import type { App } from "./app";
import { folded } from "./bits";
import { h } from "./dom";
import { type Drawn, each, key, listed, put } from "./put";
import { count, type Key } from "./strings";

export const registers = (app: App): Drawn<readonly Entry[]> =>
  listed(h("div.registers", {}), () => register(app));

function register(app: App): Drawn<Entry> {
  const line = h("summary", {});
  const bits = folded(app, line);
  const show = (r: Entry) => {
    put(line, [r.name, r.words[0], r.meaning], () => [
      h("b", {}, r.name),
      h("code", {}, r.words[0]),
      h("span", {}, r.meaning),
    ]);
    bits.show(r);
  };
  return { element: bits.element, show };
}

export const caches = (app: App): Drawn<readonly Cache[]> => listed(h("div.caches", {}), () => cache(app));

function cache(app: App): Drawn<Cache> {
  const { t } = app;
  const head = h("h3", {});
  const list = h("ul", {});
  const empty = h("p.quiet", {}, t("empty"));
  const element = h("section.cache", {}, head, list, empty);
  const show = ({ name, hits, misses, lines, more }: Cache) => {
    const counts = `${count(t, hits, "hit1", "hitN")}, ${count(t, misses, "miss1", "missN")}`;
    put(head, [name, counts], () => [name, h("small", {}, ` ${counts}`)]);
    each(list, [
      ...lines.map((one) => [key(one), () => line(one, app)] as const),
      ...(more ? [[key(more), () => h("li", {}, `+${more} ${t("andMore")}`)] as const] : []),
    ]);
    list.hidden = lines.length === 0;
    empty.hidden = lines.length > 0;
  };
  return { element, show };
}

const line = ({ holds, tag, now }: CacheRow, { t }: App) =>
  h(
    "li",
    { "data-now": now },
    h("code", {}, holds),
    holds === tag ? "" : h("small", {}, tag),
    now ? h("b", {}, t(NOW[now] ?? "changed")) : "",
  );

const NOW: Record<string, Key> = {
  hit: "hit",
  miss: "miss",
  stale: "staleHit",
  denied: "fault",
  insert: "nowIn",
  evict: "nowOut",
  invalidate: "invalidation",
};
