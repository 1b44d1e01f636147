// Puts a text on the clipboard, also where a browser has none for this page (plain http) or refuses it.

/** Whether it worked; where it did not, the text is to be shown for copying by hand. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

/** The older way: select the text somewhere out of sight, and copy what is selected. */
function copySelected(text: string): boolean {
  const had = document.activeElement as HTMLElement | null;
  const area = document.createElement("textarea");
  area.value = text;
  area.style.cssText = "position:fixed;opacity:0;pointer-events:none";
  // In a dialog: outside of an open one nothing can be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    had?.focus({ preventScroll: true });
  }
}
