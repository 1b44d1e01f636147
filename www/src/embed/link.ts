// "Open in the playground": the same scenario, at the same place, in the same language.
import type { App } from "../app";
import { settings } from "./settings";

export async function openLink(app: App, link: HTMLAnchorElement): Promise<void> {
  const { preset, position, lang } = app.state;
  if (settings.playground === null) return;
  const url = new URL(settings.playground);
  if (preset === null) return;
  url.hash = `#p=${preset}&at=${position}&lang=${lang}`;
  link.href = url.href;
  link.hidden = false;
}
