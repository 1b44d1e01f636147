// Checks the sizes of what a first visit loads, brotli-compressed, against a ceiling, with the goal of 150 KB.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

/** What a first visit should load, and what it may load today: the second only ever goes down. */
const GOAL = 150_000;
const CEILING = 600_000;
const folder = process.argv[2] ?? "dist";
// What is loaded only when asked for (the editor) is in chunks that the first visit does not name.
const first = (name) => !/^(chunk-|lazy-)/.test(name) && /\.(html|js|css|wasm)$/.test(name);
let total = 0;
for (const name of readdirSync(folder).sort()) {
  const path = join(folder, name);
  if (!statSync(path).isFile()) continue;
  const raw = readFileSync(path);
  const packed = brotliCompressSync(raw).length;
  if (first(name)) total += packed;
  console.log(
    `${first(name) ? " " : "-"} ${String(raw.length).padStart(9)} ${String(packed).padStart(8)}  ${name}`,
  );
}
console.log(
  `first visit: ${total} bytes; ceiling ${CEILING}, goal ${GOAL}${total > GOAL ? " (NOT MET)" : ""}`,
);
if (total > CEILING) process.exit(1);
