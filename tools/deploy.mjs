// Puts a build (dist/) in the place of an older one: usage: node tools/deploy.mjs FROM TO [--keep DAYS]
// Pages that are open still load the files of their own build, so these stay for a while (docs/hosting.md).
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

const DAY = 24 * 60 * 60 * 1000;

/** What each name is to a page that is being loaded: what a page needs is there before the page, and the service worker, which
    keeps all of it, comes last. */
const turn = (name) => (name === "sw.js" ? 3 : name === "build.json" ? 2 : name.endsWith(".html") ? 1 : 0);

/** Copies `from` over `to`; builds that were replaced more than `keep` days before `now` go. */
export function deploy(from, to, { keep = 30, now = Date.now() } = {}) {
  const { build } = JSON.parse(readFileSync(join(from, "build.json"), "utf8"));
  const notes = join(to, "b", "replaced.json");
  const replaced = existsSync(notes) ? JSON.parse(readFileSync(notes, "utf8")) : {};
  mkdirSync(join(to, "b"), { recursive: true });
  cpSync(join(from, "b", build), join(to, "b", build), { recursive: true });
  const names = readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(from.length + 1))
    .filter((name) => !name.startsWith("b/"));
  for (const name of names.sort((a, b) => turn(a) - turn(b))) {
    // Nobody gets half a file.
    mkdirSync(dirname(join(to, name)), { recursive: true });
    cpSync(join(from, name), join(to, `${name}.new`));
    renameSync(join(to, `${name}.new`), join(to, name));
  }
  delete replaced[build];
  for (const old of readdirSync(join(to, "b"))) {
    if (old === build || old === "replaced.json") continue;
    replaced[old] ??= new Date(now).toISOString();
    if (now - Date.parse(replaced[old]) <= keep * DAY) continue;
    rmSync(join(to, "b", old), { recursive: true });
    delete replaced[old];
  }
  writeFileSync(notes, `${JSON.stringify(replaced, null, 2)}\n`);
  return build;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const { values, positionals } = parseArgs({
    options: { keep: { type: "string" } },
    allowPositionals: true,
  });
  const [from, to] = positionals;
  const keep = Number(values.keep ?? 30);
  if (!from || !to || !(keep >= 0)) {
    console.error("usage: node tools/deploy.mjs FROM TO [--keep DAYS]");
    process.exit(2);
  }
  console.log(`build ${deploy(from.replace(/\/$/, ""), to, { keep })} is in ${to}`);
}
