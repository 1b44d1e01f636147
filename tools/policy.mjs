// The Content-Security-Policy that the pages are written for. Each page carries it in a `meta` element, so that it holds on
// hosts that send no headers too; tools/serve.mjs sends it besides.
import { createHash } from "node:crypto";

/** Nothing from anywhere else, WebAssembly allowed. */
export const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
  "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'";

/** The policy of the page in one file: these scripts, what they make, and nothing that is loaded. */
export function inlinePolicy(scripts) {
  const hashes = scripts.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`);
  return (
    `default-src 'none'; script-src ${hashes.join(" ")} 'wasm-unsafe-eval'; style-src 'unsafe-inline'; ` +
    "img-src data: blob:; worker-src blob:; base-uri 'none'; form-action 'none'"
  );
}

/** The element that states a policy. It comes before anything that is loaded. */
export const meta = (policy) => `<meta http-equiv="Content-Security-Policy" content="${policy}" />`;
