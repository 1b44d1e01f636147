// What the page in one file carries inside (tools/single.mjs); nothing on a site.
interface Carried {
  /** The worker's script, with the machine in it. */
  worker: string;
  /** The log reader's worker, with the reader in it. */
  logs: string;
  /** What is searched (search.json). */
  search: unknown;
}

export const carried = (self as { iommuCarried?: Carried }).iommuCarried ?? null;

/** Bytes of a base64 text. */
export const bytes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
