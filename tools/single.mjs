// Writes iommu-playground.html: the page in one file, which opens from a disk and without a network. Scripts of a page
// opened from a disk may load nothing beside it, so everything is inside, as one classic script.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { CLASSIC } from "./bundle.mjs";

const base64 = (path) => readFileSync(path).toString("base64");
/** Inside a script element the end of one must not stand. */
const inline = (script) => script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");

export async function writeSingleFile(into, page) {
  const bundle = async (entry) =>
    (await build({ ...CLASSIC, entryPoints: [entry], write: false })).outputFiles[0].text;
  const main = await bundle("www/src/main.ts");
  const worker = await bundle("www/src/worker.ts");
  const style = await build({ entryPoints: ["www/src/style.css"], bundle: true, minify: true, write: false });
  const carried = {
    worker: `self.iommuModule=${JSON.stringify(base64("target/pkg/iommu_bg.wasm"))};${worker}`,
    logs: `self.iommuLogs=${JSON.stringify(base64("target/pkg/lazy-logs_bg.wasm"))};${await bundle("www/src/explain/worker.ts")}`,
    search: JSON.parse(readFileSync(join(into, "search.json"), "utf8")),
  };
  const icon = `data:image/svg+xml;base64,${base64("www/static/icon.svg")}`;
  const html = page
    .replace(/<link rel="(stylesheet|preload|modulepreload|icon)"[^>]*\/>\s*/g, "")
    .replace(/<script type="module"[^>]*><\/script>\s*/, "")
    .replace(
      "</head>",
      () => `<link rel="icon" href="${icon}" /><style>${style.outputFiles[0].text}</style></head>`,
    )
    .replace(
      "</body>",
      () =>
        `<script>self.iommuCarried=${inline(JSON.stringify(carried))};</script><script>${inline(main)}</script></body>`,
    );
  writeFileSync(join(into, "iommu-playground.html"), html);
}
