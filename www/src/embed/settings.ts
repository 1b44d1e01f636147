// Where the embed's files are, and the playground that it opens.
export interface Settings {
  /** The folder with worker.js and iommu_bg.wasm, absolute or relative to the page. */
  base: string;
  /** The playground that "Open in the playground" leads to; without one there is no such link. */
  playground: string | null;
}

export const settings: Settings = { base: document.baseURI, playground: null };

/** Only what leads to a web page: never `javascript:` or `data:`. */
export function webAddress(text: string, from: string = document.baseURI): URL | null {
  try {
    const url = new URL(text, from);
    return ["http:", "https:", "file:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** Says where things are, before the first embed starts. */
export function configure(wish: Partial<Settings>): void {
  if (wish.base !== undefined) settings.base = webAddress(wish.base)?.href ?? settings.base;
  if (wish.playground !== undefined)
    settings.playground = wish.playground === null ? null : (webAddress(wish.playground)?.href ?? null);
}
