// Loads the log reader, which is a WebAssembly module of its own, and gives the box for it.
import init, { explainLog } from "iommu-logs-wasm";
import { bytes, carried } from "../carried";
import { explainBox, type ExplainBox, type Host } from "./box";
import type { Lang } from "./strings";

export type { ExplainBox };

/** The box, ready to be put on the page. Import this module only when it is wanted: `await import("./explain")`. */
export async function loadExplainBox(open: Host["open"], lang: Lang): Promise<ExplainBox> {
  await init(carried ? { module_or_path: bytes(carried.logs) } : undefined);
  return explainBox({ explainLog, open }, lang);
}
