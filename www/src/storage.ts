// What outlives a reload: settings, and texts that were edited. A browser that keeps nothing is no error.
const PREFIX = "iommu-playground:";

let keeping = true;

/** An embed is a guest in a page of others: it leaves nothing there. */
export function keepNothing(): void {
  keeping = false;
}

export function remember(key: string, value: string): void {
  if (!keeping) return;
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Private windows and full disks: the page works without.
  }
}

export function recall(key: string): string | null {
  if (!keeping) return null;
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // As above.
  }
}

/** Keeps the last text that ran, so that a reload comes back to it. */
export function keep(preset: string | null, text: string): void {
  remember("last", preset ?? "");
  if (preset === null) remember("text", text);
}

/** An edited text of a preset (or of one's own), as typed. */
export const draftKey = (preset: string | null): string => `draft:${preset ?? ""}`;
