// The packages for documentation tools: each tool builds a book, with living figures in HTML and still ones on paper, and says
// where a figure is wrong.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { serve } from "../../tools/serve.mjs";
import { start } from "./browser.mjs";
import { OWN } from "./documents.mjs";

const TOOLS = process.env.IOMMU_PLAY_DOCS_TOOLS;
const skip = TOOLS ? false : "the documentation tools are not installed";
/** Where the programs of the newest versions are, and those of the oldest that the packages work with (mdBook: tried by hand). */
const OLD = process.env.IOMMU_PLAY_DOCS_EDITIONS;
const EDITIONS = [["newest", TOOLS, true], ...(OLD ? [["oldest", join(OLD, "old/python/bin"), false]] : [])];

const FENCES = `# Figures

\`\`\`iommu-playground why-iommu at=fault
\`\`\`

\`\`\`iommu-playground view=walk
${OWN}\`\`\`

\`\`\`\`markdown
\`\`\`iommu-playground howto
\`\`\`
\`\`\`\`
`;
const MYST = FENCES.replace(
  "```iommu-playground why-iommu at=fault",
  "```{iommu-playground} why-iommu\n:at: fault",
).replace("```iommu-playground view=walk", "```{iommu-playground}\n:view: walk");
const RST = `In reStructuredText
===================

.. iommu-playground::
   :lang: zh

${OWN.replace(/^(?=.)/gm, "   ")}`;

let site;
let folder;
let env;
before(async () => {
  if (skip) return;
  site = await start();
  folder = mkdtempSync(join(tmpdir(), "docs-packages-"));
  const put = (name, text) => {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const origin = site.origin;
  put(
    "sphinx/conf.py",
    `extensions = ["myst_parser", "iommu_playground.sphinx"]\niommu_playground_origin = "${origin}"\n`,
  );
  put("sphinx/index.md", `${MYST}\n\`\`\`{toctree}\nrst\n\`\`\`\n`);
  put("sphinx/rst.rst", RST);
  put("mkdocs/mkdocs.yml", `site_name: x\nplugins:\n  - iommu-playground:\n      origin: ${origin}\n`);
  put("mkdocs/docs/index.md", FENCES);
  put(
    "mdbook/book.toml",
    `[book]\ntitle = "x"\n[preprocessor.iommu-playground]\ncommand = "python3 -m iommu_playground.mdbook"\norigin = "${origin}"\n[output.html]\n[output.markdown]\n`,
  );
  put("mdbook/src/SUMMARY.md", "# Summary\n\n- [Figures](index.md)\n");
  put("mdbook/src/index.md", FENCES);
  // MkDocs finds plugins among what is installed.
  const installed = join(folder, "installed");
  cpSync("packages/python", join(folder, "package"), { recursive: true });
  execFileSync(join(TOOLS, "pip"), [
    "install",
    "-q",
    "--no-deps",
    "--target",
    installed,
    join(folder, "package"),
  ]);
  env = {
    ...process.env,
    PYTHONPATH: installed,
    PATH: [resolve("target/debug"), process.env.PATH].join(delimiter),
    LANG: "C.UTF-8",
  };
});
after(async () => {
  await site?.close();
  if (folder) rmSync(folder, { recursive: true });
});

/** Runs a tool of an edition in the folder; what it says, and whether it ended well. */
function run(bin, name, ...args) {
  const { status, stdout, stderr } = spawnSync(join(bin, name), args, {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  return { status, said: stdout + stderr };
}
const read = (name) => readFileSync(join(folder, name), "utf8");
/** A built page is opened: its first element runs, at its fault, and without script there is the still picture. */
async function lives(path, root) {
  const server = (await serve(join(folder, root), 8500, { policy: null })).unref();
  const page = await site.open({ ready: false, hash: null });
  await page.goto(`http://127.0.0.1:${server.address().port}/${path}`);
  const element = page.locator("iommu-playground").first();
  await element.scrollIntoViewIfNeeded();
  await element.locator("#step").waitFor({ timeout: 30000 });
  assert.equal(await page.locator("iommu-playground").count(), 2);
  const own = page.locator("iommu-playground").nth(1);
  await own.scrollIntoViewIfNeeded();
  await own.locator("#step").waitFor({ timeout: 30000 });
  // Its light DOM is what readers without script see.
  const still = await own.evaluate((e) => {
    const image = e.querySelector("img");
    return image.decode().then(() => [image.naturalWidth, image.alt, e.querySelector("a").href]);
  });
  assert.ok(still[0] > 100);
  assert.match(still[1], /hello|5 bytes/);
  // A hostile title stayed text on its way through the tool.
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.ok(still[2].startsWith(`${site.origin}#1.`), still[2]);
  await page.context().close();
  server.closeAllConnections();
  server.close();
}

for (const [edition, bin, mdbook] of EDITIONS) {
  const tool = (name, ...args) => run(bin, name, ...args);
  const sphinx = (form) =>
    tool("python", "-m", "sphinx", "-q", "-E", "-b", form, "-d", "doctrees", "sphinx", form);

  test(
    `Sphinx (${edition}): living figures in HTML, pictures on paper, warnings at their lines`,
    { skip },
    async () => {
      const { status, said } = sphinx("html");
      assert.equal(status, 0, said);
      // The expectation's own line, in MyST and in reStructuredText.
      const line = (name) =>
        read(name)
          .split("\n")
          .findIndex((l) => l.includes("expect data")) + 1;
      assert.ok(
        said.includes(`index.md:${line("sphinx/index.md")}: WARNING: byte 4 is 0x6f, expected 0x78`),
        said,
      );
      assert.ok(said.includes(`rst.rst:${line("sphinx/rst.rst")}: WARNING: 第 4 字节`), said);
      await lives("index.html", "html");
      for (const [form, page] of [
        ["latex", /\.tex$/],
        ["text", /index\.txt$/],
        ["man", /\.1$/],
      ]) {
        assert.equal(sphinx(form).status, 0);
        const name = readdirSync(join(folder, form)).find((n) => page.test(n));
        const text = read(join(form, name));
        assert.match(text, form === "latex" ? /\\begin\{sphinxVerbatim\}/ : /\+(\\?-){5}\+/, form);
        assert.match(text, /IOMMU/, form);
        assert.ok(!text.includes("<iommu-playground"), form);
      }
      assert.equal(sphinx("epub").status, 0);
      assert.match(
        read("epub/index.xhtml"),
        /<img src="_images\/iommu-playground-[0-9a-f]{16}\.svg" alt="[^"]+"/,
      );
      assert.ok(!read("epub/index.xhtml").includes("<iommu-playground"));
      // In fixed colours: not every reader of books knows style sheets with custom properties.
      const [, picture] = /<img src="(_images[^"]+)"/.exec(read("epub/index.xhtml"));
      assert.ok(!read(`epub/${picture}`).includes("var("));
    },
  );

  test(
    `MkDocs and mdBook (${edition}): fences become figures; a fence that is shown stays text`,
    { skip },
    async () => {
      const site = tool("mkdocs", "build", "-f", "mkdocs/mkdocs.yml");
      assert.equal(site.status, 0, site.said);
      const line = FENCES.split("\n").findIndex((l) => l.includes("expect data")) + 1;
      assert.ok(site.said.includes(`index.md:${line}: byte 4 is 0x6f`), site.said);
      await lives("index.html", "mkdocs/site");
      if (!mdbook) return;
      const book = tool("mdbook", "build", "mdbook");
      assert.equal(book.status, 0, book.said);
      assert.ok(book.said.includes(`index.md:${line}: byte 4 is 0x6f`), book.said);
      await lives("index.html", "mdbook/book/html");
      const markdown = read("mdbook/book/markdown/index.md");
      assert.match(markdown, /```text\n\+-----\+/);
      assert.match(markdown, /```iommu-playground howto/);
    },
  );

  test(
    `a link that leads nowhere ends the build at its line, one that leads elsewhere is a warning (${edition})`,
    { skip },
    () => {
      const link = (hash) =>
        `# T\n\nSee [it](${site.origin}${hash}).\n\n\`\`\`text\n${site.origin}#p=shown\n\`\`\`\n`;
      const build = (hash) => {
        writeFileSync(join(folder, "sphinx/linked.md"), link(hash));
        writeFileSync(join(folder, "mkdocs/docs/linked.md"), link(hash));
        writeFileSync(join(folder, "mdbook/src/index.md"), link(hash));
        return {
          sphinx: [sphinx("html"), "linked.md"],
          mkdocs: [tool("mkdocs", "build", "-f", "mkdocs/mkdocs.yml"), "linked.md"],
          ...(mdbook ? { mdbook: [tool("mdbook", "build", "mdbook"), "index.md"] } : {}),
        };
      };
      for (const [hash, fatal, want] of [
        ["#p=why-iomu", true, "there is no preset called `why-iomu`; did you mean `why-iommu`?"],
        ["#p=why-iommu&at=fault:0x77", false, "at=fault:0x77: no access of the run is refused so"],
        ["#p=why-iommu&at=fault", false, null],
      ])
        for (const [name, [{ status, said }, file]] of Object.entries(build(hash))) {
          assert.equal(status !== 0, fatal, `${name}: ${said}`);
          const told = `${file}:3: ${name === "sphinx" ? (fatal ? "ERROR: " : "WARNING: ") : ""}${site.origin}${hash}: ${want}`;
          if (want) assert.ok(said.includes(told), `${name}: ${said}`);
          else assert.ok(!said.includes(`${file}:3`), `${name}: ${said}`);
          assert.ok(!said.includes("#p=shown"), `${name}: ${said}`);
        }
      rmSync(join(folder, "sphinx/linked.md"));
      rmSync(join(folder, "mkdocs/docs/linked.md"));
      writeFileSync(join(folder, "mdbook/src/index.md"), FENCES);
    },
  );

  test(
    `a figure that cannot be made ends the build at its file and line, and names the nearest (${edition})`,
    { skip },
    () => {
      const bad = {
        preset: "```iommu-playground why-iomu\n```\n",
        own: "```iommu-playground\niommu-playground 1\nmachine x\n```\n",
      };
      const myst = (text) => text.replace("```iommu-playground", "```{iommu-playground}");
      const want = {
        preset: /why-iommu/,
        own: /expected `vt-d`, `riscv`, `smmuv3`, `amd-vi` or `none`, found `x`/,
      };
      for (const [kind, text] of Object.entries(bad)) {
        const at = { preset: 3, own: 5 }[kind];
        writeFileSync(join(folder, "sphinx/bad.md"), `# T\n\n${myst(text)}`);
        writeFileSync(join(folder, "mkdocs/docs/bad.md"), `# T\n\n${text}`);
        writeFileSync(join(folder, "mdbook/src/index.md"), `# T\n\n${text}`);
        const all = {
          sphinx: [sphinx("html"), "bad.md"],
          mkdocs: [tool("mkdocs", "build", "-f", "mkdocs/mkdocs.yml"), "bad.md"],
          ...(mdbook ? { mdbook: [tool("mdbook", "build", "mdbook"), "index.md"] } : {}),
        };
        for (const [name, [{ status, said }, file]] of Object.entries(all)) {
          assert.notEqual(status, 0, `${name}: ${said}`);
          assert.ok(said.includes(`${file}:${at}: `), `${name}: ${said}`);
          assert.match(said, want[kind], name);
        }
      }
      rmSync(join(folder, "sphinx/bad.md"));
      rmSync(join(folder, "mkdocs/docs/bad.md"));
      writeFileSync(join(folder, "mdbook/src/index.md"), FENCES);
    },
  );
}
