// embed.html: one embed that fills a frame, for wikis and whatever else lets in no scripts. The fragment is that of a link
// (docs/links.md), `controls` besides. The page around may ask for the height: docs/embedding.md has the protocol.
import type { IommuPlayground } from "./element";
import type { ReadyDetail } from "./types";

/** What the two sides say. Anything else is not looked at. */
const HELLO = "iommu-playground:hello";
const HEIGHT = "iommu-playground:height";
const WORDS = ["view", "lang", "theme", "controls", "depth"];

const fragment = location.hash.replace(/^#/, "");
const params = new URLSearchParams(fragment);
const embed = document.createElement("iommu-playground") as IommuPlayground;
for (const name of WORDS) {
  const value = params.get(name);
  if (value !== null) embed.setAttribute(name, value);
}
if (params.has("lang")) document.documentElement.lang = params.get("lang") === "zh" ? "zh-Hans" : "en";
const at = params.get("at");
embed.addEventListener("ready", (event) => {
  document.title = (event as CustomEvent<ReadyDetail>).detail.title || document.title;
});
document.body.append(embed);
void embed.load({
  link: `#${fragment || "p=howto"}`,
  at: at !== null && /^\d{1,10}$/.test(at) ? Number(at) : undefined,
});

/** Who asked for the height, and how it may be answered: only ever the page around. */
let asker: string | null = null;
let told = 0;

function tell(): void {
  const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
  if (asker === null || height === told) return;
  told = height;
  // A page without an origin (itself in a sandbox) can be answered in no other way; a height is no secret.
  parent.postMessage({ type: HEIGHT, version: 1, height }, asker === "null" ? "*" : asker);
}

addEventListener("message", (event) => {
  if (event.source !== parent || parent === window) return;
  if ((event.data as { type?: unknown } | null)?.type !== HELLO) return;
  asker = event.origin;
  told = 0;
  tell();
});
new ResizeObserver(tell).observe(document.documentElement);
