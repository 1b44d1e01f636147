// After a first visit the page opens without a network too: a service worker keeps its files (tools/offline.mjs). It is
// asked for when the page has long been usable, and not where the reader saves data.
import { lookForNewer } from "./newer";

const LATER = 4000;

export function keepForOffline(): void {
  const saving = (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true;
  if (!("serviceWorker" in navigator) || !location.protocol.startsWith("http") || saving) return;
  setTimeout(() => {
    navigator.serviceWorker.register("sw.js").then(
      (kept: ServiceWorkerRegistration | undefined) => {
        // Browsers that are told to have none.
        if (!kept) return;
        // One that waits is of another build, unless this page is of that build already.
        if (kept.waiting) void lookForNewer();
        kept.addEventListener("updatefound", () =>
          kept.installing?.addEventListener("statechange", () => {
            if (kept.waiting) void lookForNewer();
          }),
        );
      },
      () => {
        // Private windows and old hosts: the page works without.
      },
    );
  }, LATER);
}
