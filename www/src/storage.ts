// What outlives a reload: settings, and texts that were edited. A browser that keeps nothing is no error.
const PREFIX = "iommu-playground:";

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Private windows and full disks: the page works without.
  }
}

export function recall(key: string): string | null {
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
