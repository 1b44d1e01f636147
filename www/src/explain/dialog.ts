// The button and the dialog around the box. The reader itself is loaded when the dialog is first opened.
import type { ExplainBox } from "./box";
import { strings, type Lang } from "./strings";

/** What the dialog needs of the page. */
export interface Page {
  state: { course: { refused: number | null } | null };
  open: (text: string, preset: string | null, position?: number) => Promise<boolean>;
  go: (position: number) => Promise<void>;
  /** The reader could not be loaded. */
  missing: () => void;
}

/** Opens a scenario made from a log, where it is refused. */
async function openAtRefusal(page: Page, scenario: string): Promise<void> {
  if (!(await page.open(scenario, null))) return;
  const at = page.state.course?.refused;
  if (at) await page.go(at);
}

/** The box of a page, with what was pasted: it stays when the page is built again in another language. */
interface Kept {
  box?: Promise<ExplainBox>;
  dialog: HTMLDialogElement;
  lang: Lang;
}
const kept = new WeakMap<Page, Kept>();

/** A button that opens the dialog, both to be put on the page; and what opens it with a log in it. */
export function explainDialog(
  page: Page,
  lang: Lang,
): { button: HTMLButtonElement; dialog: HTMLDialogElement; explain: (log: string) => void } {
  const say = strings[lang];
  const button = document.createElement("button");
  button.type = "button";
  button.id = "explain-log";
  button.textContent = say.button;
  const dialog = document.createElement("dialog");
  dialog.className = "explain-dialog";
  dialog.setAttribute("aria-labelledby", "explain-heading");
  const close = document.createElement("button");
  close.type = "button";
  close.className = "explain-close";
  close.textContent = "✕";
  close.setAttribute("aria-label", say.close);
  close.addEventListener("click", () => dialog.close());
  // A link leads to a scenario of the page, which is behind the dialog.
  dialog.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("a")) dialog.close();
  });
  dialog.append(close);

  const own: Kept = kept.get(page) ?? { dialog, lang };
  kept.set(page, own);
  own.dialog = dialog;
  own.lang = lang;
  /** Puts the box into this dialog; it may have been made for one before. */
  const adopt = (made: ExplainBox) => {
    own.dialog.append(made.element);
    made.setLang(own.lang);
    return made;
  };
  own.box?.then(adopt, () => {});
  const load = async () => {
    const { loadExplainBox } = await import("./index");
    const leaving = (then: (scenario: string) => Promise<unknown>) => (scenario: string) => {
      own.dialog.close();
      void then(scenario);
    };
    const host = {
      open: leaving((scenario) => openAtRefusal(page, scenario)),
      openMachine: leaving((scenario) => page.open(scenario, null)),
    };
    const made = await loadExplainBox(host, own.lang);
    return adopt(made);
  };
  const show = (log: string) => {
    dialog.showModal();
    own.box ??= load();
    own.box.then(
      (made) => {
        if (log) made.explain(log);
        made.focus();
      },
      (error: unknown) => {
        // Another try is a new one: the network may be back.
        own.box = undefined;
        dialog.close();
        page.missing();
        console.error(error);
      },
    );
  };
  button.addEventListener("click", () => show(""));
  return { button, dialog, explain: show };
}
