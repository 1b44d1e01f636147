// The top: the name, the gallery, language, theme, help.
import type { Card } from "iommu-view";
import type { App } from "./app";
import { architecture } from "./architecture";
import { carried } from "./carried";
import { h } from "./dom";
import type { Words } from "./strings";

export function header(
  app: App,
  speak: () => void,
  help: () => void,
  logs: HTMLElement,
  share: HTMLElement,
): HTMLElement {
  const { t } = app;
  const picker = h("select", {
    id: "scenario",
    "aria-label": t("scenario"),
    onchange: () => {
      const card = app.state.gallery.find((c) => c.name === picker.value);
      if (card) void app.choose(card.name);
    },
  });
  const title = h("h1.for-readers", { id: "title" });
  const theme = h(
    "button.icon",
    {
      type: "button",
      id: "theme",
      title: t("theme"),
      "aria-label": t("theme"),
      onclick: () => turnTheme(app),
    },
    "◐",
  );
  const language = h(
    "button",
    { type: "button", id: "lang", lang: app.state.lang === "zh" ? "en" : "zh", onclick: speak },
    app.state.lang === "zh" ? "English" : "中文",
  );
  const helpButton = h(
    "button.icon",
    { type: "button", title: t("help"), "aria-label": t("help"), onclick: help },
    "?",
  );
  app.on((state, changed) => {
    if (changed.has("gallery") || changed.has("preset")) fill(picker, state.gallery, state.preset, t);
    if (changed.has("head") && state.head) {
      title.textContent = state.head.title;
      document.title = `${state.head.title} · iommu-playground`;
    }
  });
  return h(
    "header.bar",
    {},
    h("strong.brand", {}, "iommu-playground"),
    title,
    picker,
    architecture(app),
    // The page in one file has no other page beside it.
    carried
      ? null
      : h(
          "a.gallery",
          { id: "gallery", href: app.state.lang === "zh" ? "gallery.zh.html" : "gallery.html" },
          t("gallery"),
        ),
    h("span.spacer", {}),
    logs,
    share,
    language,
    theme,
    helpButton,
  );
}

function fill(picker: HTMLSelectElement, gallery: Card[], preset: string | null, t: Words): void {
  const path = gallery.filter((c) => c.path !== null).sort((a, b) => (a.path ?? 0) - (b.path ?? 0));
  const rest = gallery.filter((c) => c.path === null);
  const option = (c: Card) => h("option", { value: c.name, selected: c.name === preset }, c.title);
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
