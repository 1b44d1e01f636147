// Writes sw.js: a service worker that keeps the files of one build, and gives them when the network does not.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a visit may need; what only other pages load, or is one file of everything, is not kept. */
const NOT_KEPT = /^(v\/|npm\/|gallery\/|preview\.|iommu-playground\.html$|embed|iommu_bg\.wasm\.js$|sw\.js$)/;

export function writeServiceWorker(folder) {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => !NOT_KEPT.test(name))
    .sort();
  const hash = createHash("sha256");
  for (const name of names) hash.update(name).update(readFileSync(join(folder, name)));
  const version = hash.digest("hex").slice(0, 16);
  const files = JSON.stringify(["./", ...names]);
  writeFileSync(
    join(folder, "sw.js"),
    `const CACHE="iommu-playground-${version}",FILES=${files};
addEventListener("install",(e)=>e.waitUntil(caches.open(CACHE).then((c)=>c.addAll(FILES)).then(()=>skipWaiting())));
addEventListener("activate",(e)=>e.waitUntil(caches.keys().then((keys)=>Promise.all(
  keys.filter((k)=>k.startsWith("iommu-playground-")&&k!==CACHE).map((k)=>caches.delete(k)))).then(()=>clients.claim())));
// The network first, so that nobody sees an old page while there is one.
addEventListener("fetch",(e)=>{
  const {request}=e;
  if(request.method!=="GET"||new URL(request.url).origin!==location.origin)return;
  e.respondWith(fetch(request).catch(async(error)=>{
    const kept=await caches.match(request,{ignoreSearch:true})??(request.mode==="navigate"?await caches.match("./"):undefined);
    if(kept)return kept;
    throw error;
  }));
});
`,
  );
}
