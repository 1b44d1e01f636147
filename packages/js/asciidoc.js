// An extension of Asciidoctor.js, also as it runs in Antora: the block macro iommu-playground::PRESET[] and the block
// [iommu-playground] with a scenario in it.
"use strict";
const figures = require("./figures.js");

const OLDEST = "2.0";

/** The address of the playground's files, and what else a document or a playbook sets: attributes of the document. */
const settings = (document) => ({
  origin: document.getAttribute("iommu-playground-origin"),
  command: document.getAttribute("iommu-playground-command") || undefined,
  cache: document.getAttribute("iommu-playground-cache") || undefined,
});

/** What attributes of a block want; those that are none of ours (an id, a role) are left. */
function wantOf(attributes, document) {
  const want = {};
  for (const name of figures.OPTIONS) if (attributes[name]) want[name] = String(attributes[name]);
  const lang = document.getAttribute("lang");
  if (!want.lang && lang && lang.startsWith("zh")) want.lang = "zh";
  return want;
}

/** The blocks of a figure; `line` gives the place of a line of its text. */
function blocks(self, parent, want, place) {
  const document = parent.getDocument();
  const { origin, command, cache } = settings(document);
  const version = String(document.getAttribute("asciidoctor-version"));
  if (!figures.atLeast(version, OLDEST))
    throw new Error(`iommu-playground: Asciidoctor ${version} is not supported; ${OLDEST} or later is needed (Asciidoctor.js 2.2, Antora 3.0)`);
  if (!origin) throw new Error("iommu-playground: the attribute iommu-playground-origin must say where the playground's files are");
  let figure;
  try {
    figure = figures.Figures.shared({ command, cache }).figure(want());
  } catch (error) {
    if (!(error instanceof figures.Wrong)) throw error;
    throw new Error(`iommu-playground: ${place(error.line)}: ${error.message}`);
  }
  for (const { line, message } of [...figure.warnings, ...figure.stopped])
    console.warn(`WARNING: ${place(line)}: ${message}`);
  if (document.getAttribute("basebackend") === "html") {
    const html = `<div class="openblock iommu-playground">${figures.element(figure, want(), origin)}</div>`;
    // Loaded once, however often a page says so.
    const script = `<script defer src="${figures.escape(figures.script(origin))}"></script>`;
    return self.createBlock(parent, "pass", `${html}\n${script}`, {});
  }
  const both = self.createBlock(parent, "open", [], {});
  both.append(self.createBlock(parent, "literal", figure.text.replace(/\n+$/, "").split("\n"), {}));
  const there = figures.link(figure, origin);
  const said = there && there.length < 400 ? `${figures.alt(figure)} ${there}` : figures.alt(figure);
  both.append(self.createBlock(parent, "paragraph", said, {}));
  return both;
}

/** The line that a reader is at: both generations of Asciidoctor.js have it. */
const lineOf = (reader) => reader.getCursor().getLineNumber();

/** The line of a block macro: its reader has gone on, out of the block around it even. */
function lineOfMacro(document, target) {
  const after = lineOf(document.getReader());
  const lines = document.getSourceLines().slice(0, after);
  const found = lines.map((line) => line.startsWith(`iommu-playground::${target}[`)).lastIndexOf(true);
  return found < 0 ? Math.max(after - 1, 1) : found + 1;
}

/** Where a document is from: in Antora, the file in its component. */
const pathOf = (document) => document.getAttribute("docfile") || document.getAttribute("docname") || "document";

function register(registry) {
  // A registry, or all extensions together, as the command of Asciidoctor.js 2 and 3 gives them.
  if (typeof registry.block !== "function") {
    registry.register(function () {
      register(this);
    });
    return registry;
  }
  registry.block(function () {
    this.named("iommu-playground");
    this.onContext(["listing", "literal", "open", "paragraph"]);
    this.process((parent, reader, attributes) => {
      const document = parent.getDocument();
      const first = lineOf(reader);
      const text = reader.getLines().join("\n");
      const want = () => figures.one(wantOf(attributes, document), text);
      return blocks(this, parent, want, (line) => `${pathOf(document)}:${first + Math.max(line, 1) - 1}`);
    });
  });
  registry.blockMacro(function () {
    this.named("iommu-playground");
    this.process((parent, target, attributes) => {
      const document = parent.getDocument();
      const line = lineOfMacro(document, target);
      const want = () => ({ preset: target, ...wantOf(attributes, document) });
      return blocks(this, parent, want, () => `${pathOf(document)}:${line}`);
    });
  });
  registry.treeProcessor(function () {
    this.process((document) => {
      look(document);
      return document;
    });
  });
  return registry;
}

/** Looks where links to the playground lead, that a document has beside its figures. */
function look(document) {
  const { origin, command, cache } = settings(document);
  if (!origin) return;
  let closing = null;
  document.getSourceLines().forEach((text, at) => {
    const fence = /^(-{4,}|\.{4,}|\+{4,}|\/{4,})\s*$/.exec(text);
    // What is shown as it is written is no link.
    if (fence && (closing === null || closing === fence[1])) closing = closing === null ? fence[1] : null;
    if (closing !== null) return;
    for (const address of figures.links(text.replace(/\[[^\]]*\]/g, " "), origin))
      figures.check(figures.Figures.shared({ command, cache }), address, (message, fatal) => {
        const said = `${pathOf(document)}:${at + 1}: ${message}`;
        if (fatal) throw new Error(`iommu-playground: ${said}`);
        console.warn(`WARNING: ${said}`);
      });
  });
}

module.exports = { register };
