// The structure that the page's code is held to; CONTRIBUTING.md names the numbers.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import ts from "typescript";

const ROOT = "www/src";

/** What each file imports, types included: a circle of types is a circle of ideas. */
function imports() {
  const files = readdirSync(ROOT, { recursive: true })
    .map((name) => join(ROOT, name))
    .filter((file) => file.endsWith(".ts"));
  const found = new Map();
  for (const file of files) {
    const { importedFiles } = ts.preProcessFile(readFileSync(file, "utf8"), true, true);
    const inside = importedFiles.map((i) => i.fileName).filter((name) => name.startsWith("."));
    const paths = inside.map((name) => join(dirname(file), name));
    const exact = (path) =>
      [path, `${path}.ts`, join(path, "index.ts")].find((f) => f.endsWith(".ts") && existsSync(f));
    found.set(file, paths.map(exact).filter(Boolean));
  }
  return found;
}

/** The groups of files that import each other in a circle. */
function circles(edges) {
  const reached = new Map();
  for (const file of edges.keys()) {
    const [seen, left] = [new Set(), [file]];
    while (left.length) {
      const next = (edges.get(left.pop()) ?? []).filter((other) => !seen.has(other));
      next.forEach((other) => seen.add(other));
      left.push(...next);
    }
    reached.set(file, seen);
  }
  const groups = [...edges.keys()].filter((file) => reached.get(file).has(file));
  const group = (file) => [...reached.get(file)].filter((other) => reached.get(other)?.has(file)).sort();
  return [...new Set(groups.map((file) => group(file).join(" <-> ")))];
}

test("imports of the page run one way", () => {
  const edges = imports();
  const count = [...edges.values()].reduce((sum, to) => sum + to.length, 0);
  assert.ok(edges.size > 40 && count > 150, `${edges.size} files, ${count} imports`);
  assert.deepEqual(circles(edges), []);
  // The counter finds what there is.
  assert.deepEqual(
    circles(
      new Map([
        ["a", ["b"]],
        ["b", ["c"]],
        ["c", ["a"]],
        ["d", ["a"]],
      ]),
    ),
    ["a <-> b <-> c"],
  );
});
