// Draws ten scenarios anew beside how they were drawn before places were decided once for a run (docs/pictures.md).
// usage: node tools/pictures.mjs
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "docs/pictures");

/** The last commit that laid out each step by itself: its command drew what is kept under "before". */
export const BEFORE = "083da49144ee599655bc7f888877d1e4d6829cff";
const PRESETS = [
  "howto",
  "why-iommu",
  "two-stages",
  "nested-walk",
  "peer-to-peer",
  "lazy",
  "ring",
  "swiotlb",
  "relay-or-passthrough",
  "interrupts",
];
/** Those that are shown in Chinese too. */
const CHINESE = ["howto", "two-stages"];

execFileSync("cargo", ["build", "-q", "-p", "iommu-core", "--all-features", "--bin", "iommu-play"], {
  cwd: root,
  stdio: "inherit",
});
const play = join(root, "target/debug/iommu-play");
mkdirSync(join(folder, "after"), { recursive: true });

const lines = [
  "# Pictures, before and after",
  "",
  "The same scenarios at their last step, as they were drawn when each step was laid out by itself (left), and as they are",
  "drawn in places that are decided once for a whole run (right): from left to right the CPU, its tables, physical memory,",
  "IOMMU, host bridge, bus addresses, root ports and switches, devices; English and Chinese in the same places.",
  `Commit ${BEFORE.slice(0, 9)} drew the left-hand ones; \`node tools/pictures.mjs\` draws the right-hand ones anew.`,
  "",
];
for (const name of PRESETS) {
  for (const lang of CHINESE.includes(name) ? ["en", "zh"] : ["en"]) {
    const file = `${name}-${lang}.svg`;
    const drawn = execFileSync(play, [
      "draw",
      name,
      "--svg",
      "--theme",
      "light",
      "--lang",
      lang,
      "--width",
      "190",
    ]);
    writeFileSync(join(folder, "after", file), drawn);
    if (!existsSync(join(folder, "before", file)))
      throw new Error(`docs/pictures/before/${file} is not there`);
    lines.push(
      `## ${name}${lang === "zh" ? " (中文)" : ""}`,
      "",
      "| before | after |",
      "|---|---|",
      `| ![${name} before](pictures/before/${file}) | ![${name} after](pictures/after/${file}) |`,
      "",
    );
  }
}
writeFileSync(join(root, "docs/pictures.md"), lines.join("\n"));
