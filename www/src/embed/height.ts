// embed-height.js: for pages that hold frames of ours and may have a script. Each frame becomes as high as what is in it,
// within bounds. Only the frame itself is listened to, and only from where its address leads.
export {};

const HELLO = "iommu-playground:hello";
const HEIGHT = "iommu-playground:height";
const LEAST = 160;
const MOST = 2400;

const frames = () => [...document.querySelectorAll<HTMLIFrameElement>('iframe[src*="embed.html"]')];

/** The origin that a frame's messages have: none of its own where a sandbox takes it away. */
function origin(frame: HTMLIFrameElement): string | null {
  const { sandbox } = frame;
  if (frame.hasAttribute("sandbox") && !sandbox.contains("allow-same-origin")) return "null";
  // `src` may be anything that contains the name.
  return URL.canParse(frame.src, document.baseURI) ? new URL(frame.src, document.baseURI).origin : null;
}

function hello(frame: HTMLIFrameElement): void {
  const to = origin(frame);
  if (to === null) return;
  frame.contentWindow?.postMessage({ type: HELLO, version: 1 }, to === "null" ? "*" : to);
}

addEventListener("message", ({ source, origin: from, data }: MessageEvent<unknown>) => {
  const { type, height } = (data ?? {}) as { type?: unknown; height?: unknown };
  if (type !== HEIGHT || typeof height !== "number" || !Number.isFinite(height)) return;
  const frame = frames().find((f) => f.contentWindow === source);
  if (!frame || origin(frame) !== from) return;
  frame.style.height = `${Math.min(MOST, Math.max(LEAST, height))}px`;
});

const known = new WeakSet<HTMLIFrameElement>();

/** Greets the frames that are new. */
function greet(): void {
  for (const frame of frames()) {
    if (known.has(frame)) continue;
    known.add(frame);
    frame.addEventListener("load", () => hello(frame));
    hello(frame);
  }
}
greet();
// Those that come later too: documentation tools exchange parts of a page.
new MutationObserver(greet).observe(document, {
  subtree: true,
  childList: true,
  attributes: true,
  attributeFilter: ["src"],
});
