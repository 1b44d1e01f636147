// "Open in the playground": the same scenario, at the same place, in the same language.
import type { App } from "../app";
import { settings } from "./settings";

/** The fragment of each text, packed once: the position and the language are put behind it. */
const packed = new Map<string, Promise<string | null>>();

function head(app: App): Promise<string | null> {
  const { preset, good } = app.state;
  let found = packed.get(good);
  if (!found) {
    found = app.machine.ask("writeLink", good, preset, null, {}).catch(() => null);
    packed.set(good, found);
  }
  return found;
}

export async function openLink(app: App, link: HTMLAnchorElement): Promise<void> {
  if (settings.playground === null) return;
  const { position, lang } = app.state;
  const fragment = await head(app);
  // Another step has been taken meanwhile.
  if (fragment === null || position !== app.state.position) return;
  const url = new URL(settings.playground);
  url.hash = `${fragment}&at=${position}&lang=${lang}`;
  link.href = url.href;
  link.hidden = false;
}
