// The way to the table of one scenario on every architecture. The table itself is loaded when wanted.
import type { App } from "../app";
import { h } from "../dom";
import { lookForNewer } from "../newer";

export interface AcrossDoor {
  dialog: HTMLDialogElement;
  open: () => void;
}

/** The dialog of the table, to be put on the page, and what opens it. */
export function acrossDoor(app: App): AcrossDoor {
  const dialog = h("dialog.sheet.across", { id: "across", "aria-labelledby": "across-heading" });
  const heading = () => h("h2", { id: "across-heading" }, app.t("acrossTitle"));
  const close = () => h("form", { method: "dialog" }, h("button", {}, app.t("close")));
  const open = () => {
    dialog.replaceChildren(heading(), h("p", { role: "status" }, app.t("running")), close());
    dialog.showModal();
    import("./table")
      .then(({ table }) => table(app, () => dialog.close()))
      .then((found) => {
        dialog.replaceChildren(heading(), found, close());
        // At the idea that is shown.
        found.querySelector("[aria-current]")?.scrollIntoView({ block: "start" });
      })
      .catch((error: unknown) => {
        void lookForNewer();
        dialog.replaceChildren(heading(), h("p", { role: "alert" }, app.t("partMissing")), close());
        console.error(error);
      });
  };
  return { dialog, open };
}
