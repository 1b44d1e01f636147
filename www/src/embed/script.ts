// embed.js: one classic script that a page includes, from this host or another, before or after its embeds.
import { IommuPlayground } from "./element";
import { configure } from "./settings";

const script = document.currentScript as HTMLScriptElement | null;
// Tools that load it as a module leave no current script.
const from = script?.src || document.querySelector<HTMLScriptElement>('script[src$="embed.js"]')?.src;
/** Where the machine's files are, and the playground, seen from this script (tools/embed.mjs). */
declare const FILES: string;
declare const PLAYGROUND: string | null;

if (from)
  configure({
    base: new URL(FILES, from).href,
    playground: PLAYGROUND === null ? null : new URL(PLAYGROUND, from).href,
  });
if (!customElements.get("iommu-playground")) customElements.define("iommu-playground", IommuPlayground);
