// What outlives a reload: settings, and texts that were edited. A browser that keeps nothing is no error.
const PREFIX = "iommu-playground:";

export interface Storage {
  remember(key: string, value: string): void;
  recall(key: string): string | null;
  forget(key: string): void;
}

/** The browser's own storage. */
export const browserStorage: Storage = {
  remember(key, value) {
    try {
      localStorage.setItem(PREFIX + key, value);
    } catch {
      // Private windows and full disks: the page works without.
    }
  },
  recall(key) {
    try {
      return localStorage.getItem(PREFIX + key);
    } catch {
      return null;
    }
  },
  forget(key) {
    try {
      localStorage.removeItem(PREFIX + key);
    } catch {
      // As above.
    }
  },
};

/** An embed is a guest in a page of others: it leaves nothing there. */
export const noStorage: Storage = { remember() {}, recall: () => null, forget() {} };

/** An edited text of a preset (or of one's own), as typed. */
export const draftKey = (preset: string | null): string => `draft:${preset ?? ""}`;
