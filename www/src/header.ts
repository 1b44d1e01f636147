// The top: the name, where on the path, the scenario, search, language, theme, help.
import type { Card } from "iommu-view";
import type { App } from "./app";
import { architecture } from "./architecture";
import { carried } from "./carried";
import { h } from "./dom";
import { pathBar } from "./path/bar";
import type { Progress } from "./path/progress";
import type { Words } from "./strings";

/** What the header has of others: buttons that open dialogs, and what its own do. */
export interface Doors {
  speak: () => void;
  help: () => void;
  home: () => void;
  search: HTMLElement;
  logs: HTMLElement;
  share: HTMLElement;
  /** Opens the list of everything, where there is no page of it. */
  everything: () => void;
  /** Shows the scenario on every machine. */
  across: () => void;
}

export function header(app: App, progress: Progress, doors: Doors): HTMLElement {
  const { t } = app;
  const picker = h("select", {
    id: "scenario",
    "aria-label": t("scenario"),
    onchange: () => {
      const card = app.state.gallery.find((c) => c.name === picker.value);
      if (card) void app.choose(card.name);
    },
  });
  const shown = h("span", { "aria-hidden": "true" });
  const title = h("h1.for-readers", { id: "title" });
  const icon = (id: string, key: "theme" | "help", sign: string, act: () => void) =>
    h("button.icon", { type: "button", id, title: t(key), "aria-label": t(key), onclick: act }, sign);
  const language = h(
    "button",
    { type: "button", id: "lang", lang: app.state.lang === "zh" ? "en" : "zh", onclick: doors.speak },
    app.state.lang === "zh" ? "English" : "中文",
  );
  const say = () => (shown.textContent = picker.selectedOptions[0]?.textContent ?? "");
  const refill = () => {
    fill(picker, app.state.gallery, app.state.preset, progress, t);
    say();
  };
  picker.addEventListener("change", say);
  progress.on(refill);
  app.on((state, changed) => {
    if (changed.has("gallery") || changed.has("preset")) refill();
    if (changed.has("head") && state.head) {
      title.textContent = state.head.title;
      document.title = `${state.head.title} · iommu-playground`;
    }
  });
  return h(
    "header.bar",
    {},
    h("button.brand", { type: "button", id: "home", onclick: doors.home }, "iommu-playground"),
    title,
    pathBar(app),
    // Where a title has no room here it stands whole above what is told.
    h("div.chosen", {}, shown, h("b", { "aria-hidden": "true" }, t("scenario")), picker),
    architecture(app, doors.across),
    // The page in one file has no other page beside it: there the search lists everything.
    carried
      ? h("button.gallery", { type: "button", id: "gallery", onclick: doors.everything }, t("gallery"))
      : h(
          "a.gallery",
          { id: "gallery", href: app.state.lang === "zh" ? "gallery.zh.html" : "gallery.html" },
          t("gallery"),
        ),
    h("span.spacer", {}),
    doors.search,
    doors.logs,
    doors.share,
    language,
    icon("theme", "theme", "◐", () => turnTheme(app)),
    icon("help", "help", "?", doors.help),
  );
}

function fill(
  picker: HTMLSelectElement,
  gallery: readonly Card[],
  preset: string | null,
  progress: Progress,
  t: Words,
): void {
  const path = gallery.filter((c) => c.path !== null).sort((a, b) => (a.path ?? 0) - (b.path ?? 0));
  const rest = gallery.filter((c) => c.path === null);
  const option = (c: Card) => {
    const read = progress.has(c.name) ? " ✓" : "";
    const nth = c.path === null ? "" : `${c.path}. `;
    return h("option", { value: c.name, selected: c.name === preset }, `${nth}${c.title}${read}`);
  };
  picker.replaceChildren(
    // A text of one's own is none of them.
    ...(preset === null ? [h("option", { value: "", selected: true }, t("ownScenario"))] : []),
    h("optgroup", { label: t("path") }, ...path.map(option)),
    h("optgroup", { label: t("more") }, ...rest.map(option)),
  );
}

function turnTheme(app: App): void {
  const root = document.documentElement;
  const dark =
    root.dataset.theme === "dark" ||
    (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  app.storage.remember("theme", root.dataset.theme);
}
