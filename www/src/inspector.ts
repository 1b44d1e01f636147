// Beside the picture: the walk, the bits, the packet; and below them what the machine holds now.
import type { Cache, Packet } from "iommu-view";
import type { App } from "./app";
import { entryBits } from "./bits";
import { h } from "./dom";
import { explainHref } from "./explain/href";
import { memory } from "./memory";
import { put } from "./put";
import { queues } from "./queues";
import { count, type Key } from "./strings";
import { walkTable } from "./walk";
import { whereIs } from "./whereis";

const TABS = ["caches", "queues", "registers", "memory", "whereIs"] as const;
type Tab = (typeof TABS)[number];

/** `seen` says that it is in sight from the beginning. */
export function inspector(app: App, seen = false): HTMLElement {
  const { t } = app;
  // It scrolls by itself, also by keys.
  const now = h("div.inspect-now", { tabindex: 0, role: "group", "aria-label": t("inspector") });
  const panel = h("div.panel", { role: "tabpanel", id: "panel", tabindex: 0 });
  let tab: Tab = "caches";
  const tabs = TABS.map((name) =>
    h(
      "button.tab",
      {
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": "panel",
        onclick: () => choose(name),
      },
      t(name),
    ),
  );
  const list = h(
    "div.tabs",
    {
      role: "tablist",
      onkeydown: (event: KeyboardEvent) => {
        const way = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
        if (!way) return;
        event.preventDefault();
        event.stopPropagation();
        choose(TABS[(TABS.indexOf(tab) + way + TABS.length) % TABS.length] as Tab);
        tabs[TABS.indexOf(tab)]?.focus();
      },
    },
    ...tabs,
  );
  const dump = memory(app);
  const where = whereIs(app);
  /** What is in sight is drawn; what is not waits until it is. */
  let [nowDue, panelDue] = [true, true];
  const draw = () => {
    if (!seen) return;
    if (nowDue) showNow();
    if (panelDue) showPanel();
    [nowDue, panelDue] = [false, false];
  };
  const table = walkTable(app);
  const walk = h("div", {}, part(app, "walk", table.element));
  const entry = h("div", {});
  const tlp = h("div", {});
  const printed = h("div", {});
  now.append(printed, walk, entry, tlp);
  const showNow = () => {
    const { view, way } = app.state;
    put(printed, view?.printed, () =>
      view?.printed.length ? [part(app, "printed", kernelLines(view.printed, app))] : [],
    );
    const outcome = way.find(({ stop }) => stop.depth === "operation")?.stop.outcome?.kind;
    const doubt = view?.tone === "stale" || outcome === "wrong";
    walk.toggleAttribute("data-doubt", doubt);
    table.show(view?.walk ?? null);
    put(entry, view?.entry, () =>
      view?.entry ? [part(app, "entry", entryBits(view.entry, app, true))] : [],
    );
    put(tlp, view?.packet, () => (view?.packet ? [part(app, "packet", packet(view.packet, app))] : []));
  };
  const showPanel = () => {
    const own = tab === "memory" ? dump : tab === "whereIs" ? where : null;
    const { view } = app.state;
    put(panel, own ? tab : [tab, view?.[tab as Held]], () => [own?.element ?? held(app, tab as Held)]);
    void own?.show();
  };
  const choose = (name: Tab) => {
    tab = name;
    tabs.forEach((button, i) => {
      const on = TABS[i] === tab;
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", `tab-${tab}`);
    panelDue = true;
    draw();
  };
  choose(tab);
  new ResizeObserver(([entry]) => {
    seen = (entry?.contentRect.width ?? 0) > 0;
    draw();
  }).observe(list);
  app.on((state, changed) => {
    if (changed.has("view")) {
      [nowDue, panelDue] = [true, true];
      draw();
    }
    if (changed.has("followed") && state.followed && !changed.has("view")) choose("whereIs");
  });
  return h("aside.inspector", { "aria-label": t("inspector") }, now, list, panel);
}

/** What Linux prints for the fault, with the way to what the lines say. */
function kernelLines(lines: string[], { state, t }: App): HTMLElement {
  const text = lines.join("\n");
  const href = explainHref(text, state.lang === "zh" ? 1 : 0);
  return h(
    "div.printed",
    {},
    h("pre", { tabindex: 0, role: "group", "aria-label": t("printed") }, text),
    h("a", { href }, t("explainPrinted")),
  );
}

function part(app: App, key: Key, content: HTMLElement): HTMLElement {
  return h("div", { role: "group", "aria-label": app.t(key) }, h("h2", {}, app.t(key)), content);
}

type Held = "caches" | "queues" | "registers";

function held(app: App, tab: Held): HTMLElement {
  const { t } = app;
  const { view } = app.state;
  if (tab === "queues") return queues(view?.queues ?? [], app);
  if (tab === "registers") {
    const registers = view?.registers ?? [];
    if (!registers.length) return h("p.quiet", {}, t("noRegisters"));
    return h(
      "div.registers",
      {},
      ...registers.map((r) =>
        h(
          "details",
          {},
          h("summary", {}, h("b", {}, r.name), h("code", {}, r.words[0]), h("span", {}, r.meaning)),
          entryBits(r, app),
        ),
      ),
    );
  }
  const caches = view?.caches ?? [];
  if (!caches.length) return h("p.quiet", {}, t("noCaches"));
  return h("div.caches", {}, ...caches.map((c) => cache(c, app)));
}

function cache(c: Cache, app: App): HTMLElement {
  const { t } = app;
  return h(
    "section.cache",
    {},
    h(
      "h3",
      {},
      c.name,
      h("small", {}, ` ${count(t, c.hits, "hit1", "hitN")}, ${count(t, c.misses, "miss1", "missN")}`),
    ),
    c.lines.length
      ? h(
          "ul",
          {},
          ...c.lines.map((line) =>
            h(
              "li",
              { "data-now": line.now },
              h("code", {}, line.holds),
              line.holds === line.tag ? "" : h("small", {}, line.tag),
              line.now ? h("b", {}, t(NOW[line.now] ?? "changed")) : "",
            ),
          ),
          c.more ? h("li", {}, `+${c.more} ${t("andMore")}`) : "",
        )
      : h("p.quiet", {}, t("empty")),
  );
}

const NOW: Record<string, Key> = {
  hit: "hit",
  miss: "miss",
  stale: "staleHit",
  denied: "fault",
  insert: "nowIn",
  evict: "nowOut",
  invalidate: "invalidation",
};

function packet(p: Packet, { t }: App): HTMLElement {
  return h(
    "div.packet",
    {},
    h(
      "p.entry-head",
      {},
      h("strong", {}, p.name),
      h("span", {}, `${p.from} → ${p.to}, ${p.way}`),
      h("cite", {}, "PCIe 6.0 2.2"),
    ),
    h(
      "p.dwords",
      {},
      p.prefix ? h("code.prefix", {}, p.prefix) : "",
      ...p.dwords.map((d) => h("code", {}, d)),
    ),
    h(
      "table.fields",
      {},
      h(
        "tbody",
        {},
        ...p.fields.map((f) =>
          h("tr", {}, h("th", { scope: "row" }, f.name), h("td", {}, h("code", {}, f.value))),
        ),
        p.payload ? h("tr", {}, h("th", { scope: "row" }, t("payload")), h("td", {}, `${p.payload} B`)) : "",
      ),
    ),
  );
}
