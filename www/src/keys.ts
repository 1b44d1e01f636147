// Keys for everything, and the sheet that lists them.
import type { App } from "./app";
import { h } from "./dom";
import { present, presenting } from "./present";
import type { Key, Words } from "./strings";

const KEYS: [string[], Key][] = [
  [["→", "L"], "step"],
  [["←", "H"], "back"],
  [["Space"], "play"],
  [["Home"], "start"],
  [["End"], "end"],
  [["N"], "nextMark"],
  [["M"], "nextMiss"],
  [["F"], "nextFault"],
  [["O"], "openStop"],
  [["C"], "closeStop"],
  [["G"], "depth"],
  [["P"], "predict"],
  [["E"], "edit"],
  [["S"], "present"],
  [["/"], "search"],
  [["?"], "help"],
];

export function sheet(t: Words): HTMLDialogElement {
  const dialog = h(
    "dialog.sheet",
    { id: "keys", "aria-label": t("keys") },
    h("h2", {}, t("keys")),
    h(
      "dl",
      {},
      ...KEYS.flatMap(([keys, what]) => [
        h("dt", {}, ...keys.map((k) => h("kbd", {}, k))),
        h("dd", {}, t(what)),
      ]),
    ),
    h("form", { method: "dialog" }, h("button", {}, t("close"))),
  );
  return dialog;
}

/** Listens until the signal ends. */
export function keys(app: App, dialog: HTMLDialogElement, signal: AbortSignal): void {
  window.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
      if (event.key === "Escape" && presenting()) return present(false);
      const at = event.target as HTMLElement;
      const within = at.closest("dialog");
      // What a dialog has in focus has its keys; one that was just closed may keep the focus for a moment.
      if (within?.open) return;
      const target = within ? document.body : at;
      if (target.closest("input:not([type=range]), textarea, select, .cm-editor, [role=tablist]")) return;
      // A focused button keeps its own space and enter.
      if (event.key === " " && target.closest("button, summary, a")) return;
      const act = actions(app, dialog)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act) return;
      event.preventDefault();
      act();
    },
    { signal },
  );
}

/** The keys of time: the embed has them too. */
export function timeKeys(app: App): Record<string, () => void> {
  const forward = () => void app.time.step();
  const back = () => void app.time.stepBack();
  return {
    ArrowRight: forward,
    l: forward,
    ArrowLeft: back,
    h: back,
    " ": () => app.set({ playing: !app.state.playing }),
    Home: () => void app.time.toStart(),
    End: () => void app.time.toEnd(),
    n: () => app.time.toMark(),
    m: () => app.time.toMark(["miss"]),
    f: () => app.time.toMark(["fault"]),
    g: () => void app.time.turn(),
    o: () => void (app.time.opens ? app.time.open() : app.time.close()),
    c: () => void app.time.close(),
  };
}

function actions(app: App, dialog: HTMLDialogElement): Record<string, () => void> {
  return {
    ...timeKeys(app),
    p: () => document.getElementById("predict")?.click(),
    e: () => {
      const editor = document.querySelector<HTMLDetailsElement>("#editor");
      if (!editor) return;
      editor.open = true;
      editor.scrollIntoView({ block: "nearest" });
      editor.querySelector("summary")?.focus();
    },
    s: () => present(),
    "/": () => document.getElementById("search-open")?.click(),
    "?": () => dialog.showModal(),
  };
}
