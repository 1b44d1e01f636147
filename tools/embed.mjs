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

/** Builds embed.js: where the machine's files and the playground are, from there. Without a playground it leads to none. */
export async function buildEmbedScript(into, { files, playground }) {
  const where = { FILES: JSON.stringify(files), PLAYGROUND: JSON.stringify(playground) };
  await build({
    ...CLASSIC,
    ...withStyle,
    define: { ...CLASSIC.define, ...where },
    entryPoints: { embed: "www/src/embed/script.ts" },
    outdir: into,
  });
}

/** Builds the rest, and the script for our own frame, beside the machine's files. */
export async function buildEmbed(into) {
  await build({
    ...CLASSIC,
    ...withStyle,
    entryPoints: {
      worker: "www/src/worker.ts",
      "embed-frame": "www/src/embed/frame.ts",
      "embed-height": "www/src/embed/height.ts",
    },
    outdir: into,
  });
  await buildEmbedScript(into, { files: "./", playground: "../../" });
  cpSync("www/embed-frame.css", join(into, "embed-frame.css"));
  const module = readFileSync("target/pkg/iommu_bg.wasm").toString("base64");
  writeFileSync(join(into, "iommu_bg.wasm.js"), `self.iommuModule="${module}";`);
}
