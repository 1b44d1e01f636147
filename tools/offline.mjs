// Writes sw.js: a service worker that keeps the files of one build, and gives them when the network does not.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a visit may need; what only other pages load, or is one file of everything, is not kept. */
const NOT_KEPT =
  /^(v\/|npm\/|preview\.|iommu-playground\.html$|embed|build\.json$|sw\.js$)|iommu_bg\.wasm\.js$/;

export function writeServiceWorker(folder, build) {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => !NOT_KEPT.test(name) || name === "embed.html")
    .sort();
  // Its pages, which have the build's name in them, and everything else.
  const pages = ["./", ...names.filter((name) => name.endsWith(".html"))];
  const rest = names.filter((name) => !name.endsWith(".html"));
  writeFileSync(
    join(folder, "sw.js"),
    `const BUILD="${build}",CACHE="iommu-playground-"+BUILD,PAGES=${JSON.stringify(pages)},FILES=${JSON.stringify(rest)};
// A page that a cache on the way has kept may be of another build: then nothing is installed until the next time.
async function keep(){
  const cache=await caches.open(CACHE);
  await Promise.all(PAGES.map(async(name)=>{
    const page=await fetch(name,{cache:"reload"});
    if(!page.ok||!(await page.clone().text()).includes(BUILD))throw new Error(name+" is not of build "+BUILD);
    await cache.put(name,page);
  }));
  await cache.addAll(FILES);
}
addEventListener("install",(e)=>e.waitUntil(keep().catch(async(error)=>{await caches.delete(CACHE);throw error})));
// It waits until no page of the build before is open: only then are that build's files let go.
addEventListener("activate",(e)=>e.waitUntil(caches.keys().then((keys)=>Promise.all(
  keys.filter((k)=>k.startsWith("iommu-playground-")&&k!==CACHE).map((k)=>caches.delete(k)))).then(()=>clients.claim())));
addEventListener("fetch",(e)=>{
  const {request}=e,{origin,pathname}=new URL(request.url);
  if(request.method!=="GET"||origin!==location.origin)return;
  // What has a build in its address never changes.
  if(/\\/b\\/[0-9a-f]{16}\\//.test(pathname)){
    e.respondWith(caches.match(request,{ignoreSearch:true}).then((kept)=>kept??fetch(request)));
    return;
  }
  // The network first for all else, so that nobody sees an old page while there is one.
  e.respondWith(fetch(request).catch(async(error)=>{
    const kept=await (await caches.open(CACHE)).match(request,{ignoreSearch:true});
    if(kept)return kept;
    throw error;
  }));
});
`,
  );
}
