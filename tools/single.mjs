// Writes iommu-playground.html: the page in one file, which opens from a disk and without a network. Scripts of a page
// opened from a disk may load nothing beside it, so everything is inside, as one classic script.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { CLASSIC } from "./bundle.mjs";
import { inlinePolicy, meta } from "./policy.mjs";

const base64 = (path) => readFileSync(path).toString("base64");
/** Inside a script element the end of one must not stand. */
const inline = (script) => script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");

/** Seen where the scripts do not run and scripts are allowed as such: a policy of the host refuses those in a page. */
const REFUSED = `<p id="refused">If this page stays a picture, its host's Content-Security-Policy refuses scripts inside a page: save the file and open it from a disk.
  <span lang="zh">如果本页一直只是一张图，说明所在网站的 Content-Security-Policy 不允许页面内的脚本：请保存此文件，从磁盘打开。</span></p>`;

export async function writeSingleFile(into, page, files) {
  const bundle = async (entry) =>
    (await build({ ...CLASSIC, entryPoints: [entry], write: false })).outputFiles[0].text;
  const main = await bundle("www/src/main.ts");
  const worker = await bundle("www/src/worker.ts");
  const style = await build({ entryPoints: ["www/src/style.css"], bundle: true, minify: true, write: false });
  const carried = {
    worker: `self.iommuModule=${JSON.stringify(base64("target/pkg/iommu_bg.wasm"))};${worker}`,
    logs: `self.iommuLogs=${JSON.stringify(base64("target/pkg/lazy-logs_bg.wasm"))};${await bundle("www/src/explain/worker.ts")}`,
    search: JSON.parse(readFileSync(join(files, "search.json"), "utf8")),
  };
  const icon = `data:image/png;base64,${base64("www/static/icon.png")}`;
  const scripts = [`self.iommuCarried=${inline(JSON.stringify(carried))};`, inline(main)];
  const html = page
    .replace("<!--POLICY-->", () => meta(inlinePolicy(scripts)))
    .replace(/<link rel="(stylesheet|preload|modulepreload|icon|alternate)"[^>]*\/>\s*/g, "")
    .replace(/<script type="module"[^>]*><\/script>\s*/, "")
    // There is no folder beside it.
    .replace(/<p>\s*<img\s[^>]*\{\{FILES\}\}[^>]*>\s*<\/p>/, "")
    .replace(/<ul>\s*<li><a href="gallery\.html"[^]*?<\/ul>/, "")
    .replace(
      "</head>",
      () => `<link rel="icon" href="${icon}" /><style>${style.outputFiles[0].text}</style></head>`,
    )
    .replace("</main>", () => `${REFUSED}</main>`)
    .replace("</body>", () => `${scripts.map((text) => `<script>${text}</script>`).join("")}</body>`);
  writeFileSync(join(into, "iommu-playground.html"), html);
}
