// The packages for documentation tools and editors, each a folder that is ready to be published.
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where each package says its version. */
const VERSIONS = {
  js: ["package.json", /"version": "([^"]+)"/],
  jekyll: ["jekyll-iommu-playground.gemspec", /spec\.version = "([^"]+)"/],
  python: ["pyproject.toml", /^version = "([^"]+)"/m],
  typst: ["typst.toml", /^version = "([^"]+)"/m],
  vscode: ["package.json", /"version": "([^"]+)"/],
};

/** Writes them below `root`; throws where one has another version than the rest. */
export function writePackages(root, version) {
  for (const name of readdirSync("packages")) {
    const [file, pattern] = VERSIONS[name] ?? [];
    const said = file && pattern.exec(readFileSync(join("packages", name, file), "utf8"))?.[1];
    if (file && said !== version)
      throw new Error(`packages/${name}: version ${said}, but ${version} is built`);
    const into = join(root, "packages", name);
    mkdirSync(into, { recursive: true });
    const source = (path) => !/__pycache__|\.egg-info|[/\\]build$|\.iommu-playground-cache/.test(path);
    cpSync(join("packages", name), into, { recursive: true, filter: source });
    for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) cpSync(licence, join(into, licence));
  }
}
