// How the TypeScript is bundled, for everything that is built of it.
export const COMMON = {
  bundle: true,
  minify: true,
  target: "es2022",
  alias: { "iommu-wasm": "./target/pkg/iommu.js", "iommu-logs-wasm": "./target/pkg/lazy-logs.js" },
  logLevel: "warning",
};

/** A script that runs as it stands, wherever it was loaded from: classic scripts need no CORS. */
export const CLASSIC = { ...COMMON, format: "iife", define: { "import.meta.url": "self.location.href" } };
