// The top: the name, the gallery, language, theme, help.
import type { Card } from "iommu-view";
import type { App } from "./app";
import { h } from "./dom";
import * as storage from "./storage";
import { t } from "./strings";

export function header(app: App, speak: () => void, help: () => void, logs: HTMLElement): HTMLElement {
  const picker = h("select", {
    id: "scenario",
    "aria-label": t("scenario"),
    onchange: () => {
      const card = app.state.gallery.find((c) => c.name === picker.value);
      if (card) void app.open(storage.recall(storage.draftKey(card.name)) ?? card.text, card.name);
    },
  });
  const title = h("h1", { id: "title" });
  const share = h(
    "button",
    {
      type: "button",
      id: "copy-link",
      onclick: () => {
        void navigator.clipboard?.writeText(location.href).then(() => app.set({ message: t("copied") }));
      },
    },
    t("copyLink"),
  );
  const theme = h(
    "button.icon",
    { type: "button", id: "theme", title: t("theme"), "aria-label": t("theme"), onclick: turnTheme },
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
  const status = h("span.status", { role: "status" });
  const tryIt = h("button", { type: "button", id: "try" });
  const tryRow = h("p.try", {}, h("span", {}), tryIt);
  app.on((state, changed) => {
    if (changed.has("gallery") || changed.has("preset")) fill(picker, state.gallery, state.preset);
    if (changed.has("head") && state.head) {
      title.textContent = state.head.title;
      document.title = `${state.head.title} · iommu-playground`;
    }
    if (changed.has("message")) status.textContent = state.message;
    if (changed.has("head") || changed.has("good")) {
      const changedText = state.head?.changed ?? null;
      const card = state.gallery.find((c) => c.name === state.preset);
      const isOriginal = card?.text === state.good;
      tryRow.hidden = !state.head?.tryThis || !(changedText || !isOriginal);
      (tryRow.firstElementChild as HTMLElement).textContent = state.head?.tryThis ?? "";
      tryIt.textContent = isOriginal ? t("tryIt") : t("undoTry");
      tryIt.onclick = () => {
        const text = isOriginal ? changedText : card?.text;
        if (text) void app.open(text, state.preset);
      };
    }
  });
  return h(
    "div.top",
    {},
    h(
      "header.bar",
      {},
      h("strong.brand", {}, "iommu-playground"),
      picker,
      h("span.spacer", {}),
      status,
      logs,
      share,
      language,
      theme,
      helpButton,
    ),
    h("section.story", { "aria-label": t("scenario") }, title, tryRow),
  );
}

function fill(picker: HTMLSelectElement, gallery: Card[], preset: string | null): void {
  const path = gallery.filter((c) => c.path !== null).sort((a, b) => (a.path ?? 0) - (b.path ?? 0));
  const rest = gallery.filter((c) => c.path === null);
  const option = (c: Card) =>
    h("option", { value: c.name, selected: c.name === preset }, `${c.path ? `${c.path}. ` : ""}${c.title}`);
  picker.replaceChildren(
    h("optgroup", { label: t("path") }, ...path.map(option)),
    h("optgroup", { label: t("more") }, ...rest.map(option)),
  );
}

function turnTheme(): void {
  const root = document.documentElement;
  const dark =
    root.dataset.theme === "dark" ||
    (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  storage.remember("theme", root.dataset.theme);
}
