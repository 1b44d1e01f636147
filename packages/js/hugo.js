#!/usr/bin/env node
// Makes the pictures of a Hugo site before Hugo runs, which cannot run a command itself: for each shortcode and each fence named
// iommu-playground below content/, a file in assets/iommu-playground/ that is named after what is wanted.
"use strict";
const { createHash } = require("node:crypto");
const { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } = require("node:fs");
const { join, relative } = require("node:path");
const figures = require("./figures.js");

const KEYS = ["preset", "at", "arch", "lang"];
/** `name="value"`, `name=value`, or a value alone. */
const WORD = /(?:([\w-]+)=)?(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`|([^\s"`>}]+))/g;
const FENCE = /^([ >\t]*)(`{3,}|~{3,})[ \t]*([^`\n]*)$/;
const SHORTCODE = /\{\{([<%])\s*iommu-playground\s+(.*?)\s*\/?\s*[>%]\}\}/g;

/** The words of a shortcode or of a fence's braces. */
function words(text) {
  const out = {};
  for (const [, name = "preset", quoted, raw, bare] of text.matchAll(WORD))
    out[name] = quoted?.replace(/\\(.)/g, "$1") ?? raw ?? bare;
  return out;
}

/** What a text wants figures of, and its links to the playground at `origin`, with the lines of them. */
function* wants(text, origin) {
  const lines = text.replace(/\r/g, "").split("\n");
  for (let at = 0; at < lines.length; at++) {
    const opened = FENCE.exec(lines[at]);
    if (!opened) {
      for (const found of lines[at].matchAll(SHORTCODE))
        yield { line: at + 1, want: words(found[2]), scenario: "" };
      for (const link of origin ? figures.links(lines[at], origin) : []) yield { line: at + 1, link };
      continue;
    }
    const [, indent, mark, info] = opened;
    const first = at;
    const ends = (line) => {
      const close = /^[ >\t]*(`{3,}|~{3,})\s*$/.exec(line);
      return close && close[1][0] === mark[0] && close[1].length >= mark.length;
    };
    for (at++; at < lines.length && !ends(lines[at]); at++);
    const named = /^iommu-playground\s*(?:\{(.*)\})?\s*$/.exec(info);
    if (!named) continue;
    const inside = lines.slice(first + 1, at).map((line) => {
      let n = 0;
      while (n < indent.length && n < line.length && /[ >\t]/.test(line[n])) n++;
      return line.slice(n);
    });
    const body = inside.join("\n").replace(/\n+$/, "");
    yield { line: first + 1, want: words(named[1] ?? ""), scenario: body && `${body}\n` };
  }
}

const keyOf = (want, scenario) =>
  createHash("sha256")
    .update(`${KEYS.map((key) => want[key] ?? "").join("\n")}\n${scenario}`)
    .digest("hex");

/** Makes the pictures of a site, and looks where its links to `origin` lead; whether all could be made, and all lead somewhere. */
function prepare(site, { command, origin, say = (line) => console.error(line) } = {}) {
  const maker = new figures.Figures({ command, cache: join(site, figures.CACHE) });
  const into = join(site, "assets", "iommu-playground");
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into, { recursive: true });
  const pages = readdirSync(join(site, "content"), { recursive: true })
    .filter((name) => /\.(md|markdown|html)$/.test(name))
    .sort();
  let well = true;
  for (const name of pages) {
    const path = join(site, "content", name);
    for (const { line, link, want, scenario } of wants(readFileSync(path, "utf8"), origin)) {
      let answer;
      const place = (n) => `${relative(site, path)}:${line + n}`;
      if (link) {
        figures.check(maker, link, (message, fatal) => {
          say(`${fatal ? "error" : "warning"}: ${place(0)}: ${message}`);
          if (fatal) well = false;
        });
        continue;
      }
      try {
        const figure = maker.figure(figures.one(want, scenario));
        const warnings = [...figure.warnings, ...figure.stopped];
        if (!scenario) for (const warning of warnings) warning.line = 0;
        for (const warning of warnings) say(`warning: ${place(warning.line)}: ${warning.message}`);
        answer = { svg: figure.svg, alt: figures.alt(figure), fragment: figure.fragment, warnings };
      } catch (error) {
        if (!(error instanceof figures.Wrong)) throw error;
        say(`error: ${place(error.line)}: ${error.message}`);
        answer = { errors: [{ line: error.line, message: error.message }] };
        well = false;
      }
      writeFileSync(join(into, `${keyOf(want, scenario)}.json`), JSON.stringify(answer));
    }
  }
  maker.close();
  return well;
}

module.exports = { prepare, wants };

if (require.main === module) {
  const args = process.argv.slice(2);
  const option = (name) => {
    const at = args.indexOf(name);
    return at < 0 ? undefined : args.splice(at, 2)[1];
  };
  const [command, origin] = [option("--tool"), option("--origin")];
  if (args.length > 1 || args.some((arg) => arg.startsWith("-"))) {
    console.error("usage: iommu-playground-hugo [SITE] [--origin URL] [--tool COMMAND]");
    process.exit(2);
  }
  process.exit(prepare(args[0] ?? ".", { command, origin }) ? 0 : 1);
}
