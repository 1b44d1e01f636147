// A plugin of Docusaurus: the script that brings the elements to life. `remark.js` makes them.
"use strict";
const { createRequire } = require("node:module");
const { join } = require("node:path");
const figures = require("./figures.js");

const OLDEST = "3.0";

module.exports = function iommuPlayground(context, { origin } = {}) {
  const { version } = createRequire(join(context.siteDir, "package.json"))("@docusaurus/core/package.json");
  if (!figures.atLeast(version, OLDEST))
    throw new Error(`iommu-playground: Docusaurus ${version} is not supported; ${OLDEST} or later is needed`);
  if (!origin) throw new Error("iommu-playground: `origin` must say where the playground's files are");
  return {
    name: "iommu-playground",
    injectHtmlTags: () => ({
      headTags: [{ tagName: "script", attributes: { defer: true, src: figures.script(origin) } }],
    }),
  };
};
