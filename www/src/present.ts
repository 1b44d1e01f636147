// For a room: the picture, the sentence and Step, in large type, and nothing else. S begins and ends it, Escape ends it.
const root = document.documentElement;

export const presenting = (): boolean => root.hasAttribute("data-presenting");

/** Begins or ends it; without a word the other of what is. */
export function present(on = !presenting()): void {
  if (on === presenting()) return;
  root.toggleAttribute("data-presenting", on);
  // A whole screen is asked for only: a browser may not give it.
  if (on) void root.requestFullscreen?.().catch(() => undefined);
  else if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
}

// Who leaves the whole screen by the browser's own key leaves this too.
document.addEventListener("fullscreenchange", () => {
  if (!document.fullscreenElement) root.removeAttribute("data-presenting");
});
