// The button and the dialog around the box. The reader itself is loaded when the dialog is first opened.
import type { ExplainBox } from "./box";
import { strings, type Lang } from "./strings";

/** What the dialog needs of the page. */
export interface Page {
  state: { course: { marks: { at: number; tone: string }[] } | null; stops: ArrayLike<number> };
  open: (text: string, preset: string | null, position?: number) => Promise<boolean>;
  go: (position: number) => Promise<void>;
}

/** Opens a scenario made from a log, at the read that failed. */
async function openAtFault(page: Page, scenario: string): Promise<void> {
  if (!(await page.open(scenario, null))) return;
  const marks = page.state.course?.marks ?? [];
  const fault = marks.filter((mark) => mark.tone === "fault").at(-1);
  if (!fault) return;
  // The read that the fault follows: the last stop before it that is not a mark itself (its interrupt is one).
  const marked = new Set(marks.map((mark) => mark.at));
  const reads = Array.from(page.state.stops).filter((stop) => stop < fault.at && !marked.has(stop));
  await page.go(reads.at(-1) ?? fault.at);
}

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
  dialog.append(close);

  let box: Promise<ExplainBox> | undefined;
  const load = async () => {
    const { loadExplainBox } = await import("./index");
    const made = await loadExplainBox((scenario) => {
      dialog.close();
      void openAtFault(page, scenario);
    }, lang);
    dialog.append(made.element);
    return made;
  };
  const show = (log: string) => {
    dialog.showModal();
    box ??= load();
    box.then(
      (made) => {
        if (log) made.explain(log);
        made.focus();
      },
      (error: unknown) => {
        // Another try is a new one: the network may be back.
        box = undefined;
        console.error(error);
      },
    );
  };
  button.addEventListener("click", () => show(""));
  return { button, dialog, explain: show };
}
