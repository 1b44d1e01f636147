// What a chat or a search engine shows of a link to the page: title, sentence and a still picture (Open Graph and
// Twitter cards). Their readers take whole addresses only, so the folder's place is given when it is built, as
// IOMMU_PLAYGROUND_URL; without it the addresses are relative, which a few of them resolve.
import { escape } from "./html.mjs";

/** Width and height of the pictures that tools/shots.mjs takes. */
export const PREVIEW = { width: 1200, height: 630 };

export const SENTENCE = {
  en: "A device writes to memory by itself. Which address may it use, who translates it, and why was it refused? See it, to the bit.",
  zh: "设备会自己读写内存。它可以用哪个地址，由谁转换，为什么被拒绝？在这里看得一清二楚，精确到每一位。",
};

const PICTURE = {
  en: "A picture of a machine: a device's write to the kernel's data is refused by the IOMMU.",
  zh: "机器示意图：设备写往内核数据的请求被 IOMMU 拒绝。",
};

/** The folder's address with a slash at its end, or nothing; throws where it is no address. */
function place() {
  const given = process.env.IOMMU_PLAYGROUND_URL ?? "";
  if (!given) return null;
  const url = new URL(given);
  if (!/^https?:$/.test(url.protocol))
    throw new Error(`IOMMU_PLAYGROUND_URL: ${given} is no address of the web`);
  return url.href.replace(/[^/]*$/, "");
}

/** The tags for a page's head; `file` is the page's own name in the folder ("" for the front). */
export function preview({ lang, title, sentence = SENTENCE[lang], file }) {
  const base = place();
  const at = (name) => (base === null ? name : new URL(name, base).href);
  const tags = [
    ["property", "og:type", "website"],
    ["property", "og:site_name", "iommu-playground"],
    ["property", "og:title", title],
    ["property", "og:description", sentence],
    ["property", "og:locale", lang === "zh" ? "zh_CN" : "en_US"],
    ...(base === null ? [] : [["property", "og:url", at(file)]]),
    ["property", "og:image", at(`preview.${lang}.png`)],
    ["property", "og:image:type", "image/png"],
    ["property", "og:image:width", String(PREVIEW.width)],
    ["property", "og:image:height", String(PREVIEW.height)],
    ["property", "og:image:alt", PICTURE[lang]],
    ["name", "twitter:card", "summary_large_image"],
    ["name", "twitter:title", title],
    ["name", "twitter:description", sentence],
    ["name", "twitter:image", at(`preview.${lang}.png`)],
    ["name", "twitter:image:alt", PICTURE[lang]],
  ];
  return tags
    .map(([kind, name, content]) => `<meta ${kind}="${name}" content="${escape(content)}" />`)
    .join("\n    ");
}
