// A remark plugin, for Docusaurus and whatever else reads Markdown or MDX with remark: fences named iommu-playground become living
// figures; in MDX, so does the element itself, <iommu-playground preset="..." />.
"use strict";
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const figures = require("./figures.js");

const SAID = new Set();

/** How many lines of a file are no longer in what is read: its metadata. */
function linesAbove(file) {
  try {
    const count = (text) => text.trimEnd().split("\n").length;
    return Math.max(count(readFileSync(file.path, "utf8")) - count(String(file)), 0);
  } catch {
    return 0;
  }
}

/** The element with its still picture, as what becomes HTML; in React, too. */
function living(figure, want, origin) {
  const image = {
    type: "element",
    tagName: "img",
    properties: { src: figures.dataUri(figure.svg), alt: figures.alt(figure) },
    children: [],
  };
  const there = figures.link(figure, origin);
  const link = { type: "element", tagName: "a", properties: { href: there }, children: [image] };
  return {
    type: "paragraph",
    children: [],
    data: {
      hName: "iommu-playground",
      hProperties: figures.attributes(want),
      hChildren: [there ? link : image],
    },
  };
}

/** What a node wants a figure of, or nothing. */
function wantOf(node) {
  if (node.type === "code" && node.lang === "iommu-playground")
    return figures.wanted((node.meta ?? "").split(/\s+/).filter(Boolean), node.value);
  if (/^mdxJsx(Flow|Text)Element$/.test(node.type) && node.name === "iommu-playground" && !node.children.length) {
    const said = node.attributes.filter((a) => a.type === "mdxJsxAttribute" && typeof a.value === "string");
    // What only the running page knows stays as it is.
    if (said.length !== node.attributes.length || said.some((a) => a.name === "src")) return null;
    const { scenario = "", ...want } = Object.fromEntries(said.map((a) => [a.name, a.value]));
    return figures.one(want, scenario);
  }
  return null;
}

module.exports = function iommuPlayground({ origin, tool, cache } = {}) {
  if (!origin) throw new Error("iommu-playground: `origin` must say where the playground's files are");
  const maker = figures.Figures.shared({ command: tool, cache: cache ?? join(process.cwd(), figures.CACHE) });
  // The same text is read for the server and for the browser; by one process, as a rule.
  const warn = (text) => {
    if (!SAID.has(text)) console.warn(text);
    SAID.add(text);
  };
  return (tree, file) => {
    const above = linesAbove(file);
    const place = (node, line) => `${file.path ?? "document"}:${node.position.start.line + line + above}`;
    const look = (node) =>
      figures.links(node.url, origin).forEach((address) =>
        figures.check(maker, address, (message, fatal) => {
          const said = `${place(node, 0)}: ${message}`;
          if (fatal) throw new Error(`iommu-playground: ${said}`);
          warn(`[WARNING] ${said}`);
        }),
      );
    const walk = (parent) => {
      parent.children.forEach((node, at) => {
        if (node.type === "link" || node.type === "definition") look(node);
        try {
          const want = wantOf(node);
          if (want) {
            const figure = maker.figure(want);
            for (const { line, message } of [...figure.warnings, ...figure.stopped])
              warn(`[WARNING] ${place(node, want.preset ? 0 : line)}: ${message}`);
            parent.children[at] = living(figure, want, origin);
            return;
          }
        } catch (error) {
          if (!(error instanceof figures.Wrong)) throw error;
          throw new Error(`iommu-playground: ${place(node, error.line)}: ${error.message}`);
        }
        if (node.children) walk(node);
      });
    };
    walk(tree);
  };
};
