// Builds what other pages load: the worker that they share with ours, the custom element, the frame.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { CLASSIC } from "./bundle.mjs";

/** Style sheets become text: a shadow root takes them as objects, which no policy on styles forbids. */
const styleAsText = {
  name: "style-as-text",
  setup(builder) {
    builder.onLoad({ filter: /embed\.css$/ }, async ({ path }) => {
      const { outputFiles } = await build({ entryPoints: [path], bundle: true, minify: true, write: false });
      return { contents: outputFiles[0].text, loader: "text" };
    });
  },
};

export const withStyle = { plugins: [styleAsText] };

export async function buildEmbed(into) {
  await build({
    ...CLASSIC,
    ...withStyle,
    entryPoints: {
      worker: "www/src/worker.ts",
      embed: "www/src/embed/script.ts",
      "embed-frame": "www/src/embed/frame.ts",
      "embed-height": "www/src/embed/height.ts",
    },
    outdir: into,
  });
  const module = readFileSync("target/pkg/iommu_bg.wasm").toString("base64");
  writeFileSync(join(into, "iommu_bg.wasm.js"), `self.iommuModule="${module}";`);
  cpSync("www/embed.html", join(into, "embed.html"));
}
