// Has another build taken the place of the one that this page is of? Its own files may be gone then, and those of the other
// are never loaded in their stead (tools/dist.mjs): the reader is told, and a reload brings the other one whole.
const OWN = /\/b\/([0-9a-f]{16})\//.exec(import.meta.url)?.[1] ?? null;

let tell: () => void = () => undefined;

/** Says what is done when there is a newer version. */
export function whenNewer(listener: () => void): void {
  tell = listener;
}

/** Looks whether there is a newer version, and tells it if so: something could not be loaded, or has been loaded anew. */
export async function lookForNewer(): Promise<boolean> {
  // The page in one file is of no build, and needs no other file.
  if (OWN === null) return false;
  try {
    const response = await fetch(new URL("../../build.json", import.meta.url), { cache: "no-store" });
    const { build } = (await response.json()) as { build?: unknown };
    if (!response.ok || typeof build !== "string" || build === OWN) return false;
  } catch {
    // No network, or a copy without that file.
    return false;
  }
  tell();
  return true;
}
