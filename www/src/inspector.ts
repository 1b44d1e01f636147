// Beside the picture: the walk, the bits, the packet; and below them what the machine holds now.
import type { Packet, View } from "iommu-view";
import type { App } from "./app";
import { entryBits } from "./bits";
import { h } from "./dom";
import { explainHref } from "./explain/href";
import { caches, registers } from "./held";
import { memory } from "./memory";
import { type Drawn, put } from "./put";
import { queues } from "./queues";
import type { Key } from "./strings";
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
  const only = (element: HTMLElement) => {
    if (panel.firstChild !== element) panel.replaceChildren(element);
  };
  /** A tab that lists what the machine holds. */
  const lists = <T>(none: Key, list: Drawn<readonly T[]>, of: (view: View) => readonly T[]) => {
    const nothing = h("p.quiet", {}, t(none));
    return () => {
      const { view } = app.state;
      const all = view ? of(view) : [];
      list.show(all);
      only(all.length ? list.element : nothing);
    };
  };
  /** A tab that asks for what it shows. */
  const asks =
    ({ element, show }: { element: HTMLElement; show: () => unknown }) =>
    () => {
      only(element);
      void show();
    };
  const show: Record<Tab, () => void> = {
    caches: lists("noCaches", caches(app), (view) => view.caches),
    queues: lists("noQueues", queues(app), (view) => view.queues),
    registers: lists("noRegisters", registers(app), (view) => view.registers),
    memory: asks(memory(app)),
    whereIs: asks(whereIs(app)),
  };
  /** What is in sight is drawn; what is not waits until it is. */
  let [nowDue, panelDue] = [true, true];
  const draw = () => {
    if (!seen) return;
    if (nowDue) showNow();
    if (panelDue) show[tab]();
    [nowDue, panelDue] = [false, false];
  };
  const table = walkTable(app);
  const walk = h("div", {}, part(app, "walk", table.element));
  const bits = entryBits(app, true);
  const entry = part(app, "entry", bits.element);
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
    entry.hidden = !view?.entry;
    if (view?.entry) bits.show(view.entry);
    put(tlp, view?.packet, () => (view?.packet ? [part(app, "packet", packet(view.packet, app))] : []));
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
