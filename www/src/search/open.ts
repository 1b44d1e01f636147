// The way to the search from anywhere in the page: a button, and the key `/`. The search itself is loaded when wanted.
import type { App } from "../app";
import { h } from "../dom";
import { lookForNewer } from "../newer";
import type { Progress } from "../path/progress";
import { pathWords } from "../path/words";

export interface SearchDoor {
  button: HTMLButtonElement;
  dialog: HTMLDialogElement;
  open: () => void;
}

/** A button that opens the search, and its dialog, both to be put on the page. */
export function searchDoor(app: App, progress: Progress, explain: (log: string) => void): SearchDoor {
  const say = pathWords(app.state.lang);
  const button = h("button", { type: "button", id: "search-open", title: "/" }, say("search"));
  const dialog = h("dialog.sheet.search-dialog", { id: "search", "aria-label": say("searchTitle") });
  let filled: Promise<() => void> | null = null;
  const open = () => {
    if (dialog.open) return;
    dialog.showModal();
    filled ??= import("./dialog").then(({ fillDialog }) => fillDialog(dialog, app, progress, explain));
    filled.then(
      (show) => show(),
      (error: unknown) => {
        // Another try is a new one: the network may be back.
        filled = null;
        void lookForNewer();
        dialog.replaceChildren(
          h("p", { role: "alert" }, say("noIndex")),
          h("form", { method: "dialog" }, h("button", {}, app.t("close"))),
        );
        console.error(error);
      },
    );
  };
  button.addEventListener("click", open);
  return { button, dialog, open };
}
