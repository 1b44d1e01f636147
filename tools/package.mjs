// What others build on: the embed's files under the version's name, which never change, and the same as a package for npm.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildEmbedScript } from "./embed.mjs";
import { meta, POLICY } from "./policy.mjs";

const EMBED = [
  "embed-frame.js",
  "embed-frame.css",
  "embed-height.js",
  "worker.js",
  "iommu_bg.wasm",
  "iommu_bg.wasm.js",
];

export const version = () =>
  /\[workspace\.package\]\s*version = "([^"]+)"/.exec(readFileSync("Cargo.toml", "utf8"))[1];

/** The declarations of the element, its events and its methods. */
function types() {
  const source = readFileSync("www/src/embed/types.ts", "utf8").replace(/^\/\/.*\n/, "");
  return `// Types of <iommu-playground>.
${source}
export declare class IommuPlayground extends HTMLElement {
  /** How many steps are done. */
  readonly position: number;
  /** How many steps there are; 0 before \`ready\`. */
  readonly length: number;
  /** Shows another scenario. Whether it ran; if not, there was an \`error\` event. */
  load(options: LoadOptions): Promise<boolean>;
  /** Stands at a position. */
  goto(place: Place): Promise<void>;
  /** Steps on by itself. */
  play(): void;
  pause(): void;
}
declare global {
  interface HTMLElementTagNameMap {
    "iommu-playground": IommuPlayground;
  }
}
`;
}

/** Writes the files of an embed into one folder, which needs no other; with a playground to lead to, or without. */
async function embedFolder(into, { root, files, frame, playground }) {
  mkdirSync(into, { recursive: true });
  for (const file of EMBED) cpSync(join(files, file), join(into, file));
  cpSync(join(root, "icon.svg"), join(into, "icon.svg"));
  writeFileSync(
    join(into, "embed.html"),
    frame.replace("<!--POLICY-->", () => meta(POLICY)).replaceAll("{{FILES}}", ""),
  );
  await buildEmbedScript(into, { files: "./", playground });
}

export async function writeVersioned(root, files, frame) {
  const name = version();
  const versioned = join(root, "v", name);
  await embedFolder(versioned, { root, files, frame, playground: "../../" });
  cpSync(join(files, "first"), join(versioned, "first"), { recursive: true });
  const npm = join(root, "npm");
  await embedFolder(npm, { root, files, frame, playground: null });
  // A package carries the machine alone: recordings of all presets would be five times its size.
  mkdirSync(join(npm, "first"));
  writeFileSync(join(npm, "first", "names.json"), JSON.stringify({ first: null, others: [] }));
  for (const file of ["LICENSE-MIT", "LICENSE-APACHE"]) cpSync(file, join(npm, file));
  cpSync("docs/embedding.md", join(npm, "README.md"));
  writeFileSync(join(npm, "index.d.ts"), types());
  writeFileSync(
    join(npm, "package.json"),
    `${JSON.stringify(
      {
        name: "iommu-playground",
        version: name,
        description: "A custom element that shows a DMA through the IOMMU, step by step, to the bit.",
        license: "MIT OR Apache-2.0",
        keywords: ["iommu", "dma", "vt-d", "risc-v", "web-component"],
        main: "embed.js",
        browser: "embed.js",
        types: "index.d.ts",
        sideEffects: true,
        files: ["*.js", "*.wasm", "*.html", "*.css", "*.svg", "*.d.ts", "LICENSE-*", "README.md"],
      },
      null,
      2,
    )}\n`,
  );
}
