// Pictures, sentences and links, from one process of `iommu-play figures` for a whole build, cached by content. A worker owns the
// process and the caller waits for its answers, because Asciidoctor's extensions cannot wait in any other way.
"use strict";
const { spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } = require("node:fs");
const { delimiter, join } = require("node:path");
const { MessageChannel, receiveMessageOnPort, Worker } = require("node:worker_threads");

const COMMAND = "iommu-play";
const CACHE = ".iommu-playground-cache";
/** Attributes of the element that documents may set; `at`, `arch` and `lang` also choose the still picture. */
const OPTIONS = ["at", "arch", "lang", "view", "depth", "controls", "theme"];
/** Text that is wider than this does not fit a line of a book. */
const WIDTH = 78;
/** No figure takes as long: runs are bounded. */
const PATIENCE = 120000;

/** What is wrong with a figure: why, and the line within its text (0: none). */
class Wrong extends Error {
  constructor(message, line = 0) {
    super(message);
    this.line = line;
  }
}

const SHARED = new Map();

/** Makes figures; one process for all of them. */
class Figures {
  constructor({ command = COMMAND, cache = CACHE } = {}) {
    this.command = command;
    this.cache = cache;
    this.memory = new Map();
  }

  /** The one that makes figures with a command and a cache: as many documents as there are share its process. */
  static shared({ command = COMMAND, cache = CACHE }) {
    const key = `${command}\n${cache}`;
    if (!SHARED.has(key)) SHARED.set(key, new Figures({ command, cache }));
    return SHARED.get(key);
  }

  /** The figure of `{ preset | scenario, at, arch, lang }`; throws `Wrong`. */
  figure(want) {
    const request = want.preset ? { preset: want.preset } : { scenario: want.scenario ?? "" };
    for (const name of ["at", "arch", "lang"]) if (want[name]) request[name] = String(want[name]);
    request.width = WIDTH;
    return this.answer(request);
  }

  /** What a link to the playground opens, with what is passed over of it; throws `Wrong` where it opens nothing. */
  link(address) {
    return this.answer({ link: address });
  }

  answer(request) {
    const line = JSON.stringify(request);
    let answer = this.memory.get(line) ?? this.known(line);
    if (!answer) {
      answer = this.asked(line);
      if (!answer.errors) this.keep(line, answer);
    }
    this.memory.set(line, answer);
    // The message of a scenario's line begins with its place, which the caller says with the document's.
    for (const error of answer.errors ?? [])
      throw new Wrong(error.message.replace(/^\d+:\d+: /, ""), error.line);
    return answer;
  }

  /** Ends the process, if there is one; it also ends with this one. */
  close() {
    this.port?.close();
    this.worker?.terminate();
    this.worker = this.port = null;
  }

  asked(line) {
    if (!this.worker) {
      const { port1, port2 } = new MessageChannel();
      this.flag = new Int32Array(new SharedArrayBuffer(4));
      this.worker = new Worker(join(__dirname, "worker.js"), {
        workerData: { command: this.command, flag: this.flag, port: port2 },
        transferList: [port2],
      });
      // A build that is done does not wait for more figures.
      this.worker.unref();
      this.port = port1;
      this.port.unref();
    }
    Atomics.store(this.flag, 0, 0);
    this.port.postMessage(line);
    Atomics.wait(this.flag, 0, 0, PATIENCE);
    const { answer, gone } = receiveMessageOnPort(this.port)?.message ?? { gone: "" };
    if (answer) return JSON.parse(answer);
    this.close();
    if (gone) throw new Wrong(`${this.command} does not start (${gone}): install iommu-play, or name it in the settings`);
    throw new Wrong(`${this.command} ended without an answer: does this version know \`figures\`?`);
  }

  /** Where an answer is kept: a tool that was built anew may draw otherwise under the same version. */
  place(line) {
    if (this.version === undefined) {
      const said = spawnSync(this.command, ["--version"], { encoding: "utf8" }).stdout ?? "";
      const folders = /[\\/]/.test(this.command) ? [""] : (process.env.PATH ?? "").split(delimiter);
      const path = folders.map((folder) => join(folder, this.command)).find((file) => existsSync(file));
      this.version = `${said.trim()} ${path ? statSync(path).mtimeMs : 0}`;
    }
    const name = createHash("sha256").update(`${this.version}\n${line}`).digest("hex").slice(0, 32);
    return join(this.cache, `js-${name}.json`);
  }

  known(line) {
    if (!this.cache) return null;
    try {
      return JSON.parse(readFileSync(this.place(line), "utf8"));
    } catch {
      return null;
    }
  }

  keep(line, answer) {
    if (!this.cache) return;
    try {
      mkdirSync(this.cache, { recursive: true });
      const place = this.place(line);
      writeFileSync(`${place}.new`, JSON.stringify(answer));
      renameSync(`${place}.new`, place);
    } catch {
      // A cache that cannot be written only costs time.
    }
  }
}

/** What a picture shows, in words. */
const alt = (figure) => [figure.sentence, figure.outcome].filter(Boolean).join(" ") || figure.title;

/** The address that opens the figure in the playground; empty where the scenario is too long for one. */
const link = (figure, origin) => (figure.fragment ? `${slashed(origin)}${figure.fragment}` : "");

/** The address of the script that brings the element to life. */
const script = (origin) => `${slashed(origin)}embed.js`;

const slashed = (origin) => `${origin.replace(/\/+$/, "")}/`;

/** A picture as an address that holds it. */
const dataUri = (svg) => `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;

/** A text as an attribute's value, on one line: what follows an empty line is Markdown again. */
const escape = (text) =>
  text.replace(/[&<>"'\n\r]/g, (c) => (c === "\r" ? "" : `&#${c.charCodeAt(0)};`));

/** The attributes of the living element. */
function attributes(want) {
  const out = want.preset ? { preset: want.preset } : { scenario: want.scenario };
  for (const name of OPTIONS) if (want[name]) out[name] = String(want[name]);
  out.at ??= "end";
  return out;
}

/** The living element as HTML, with its still picture for readers without script. */
function element(figure, want, origin) {
  const said = Object.entries(attributes(want)).map(([name, value]) => ` ${name}="${escape(value)}"`);
  let picture = `<img src="${dataUri(figure.svg)}" alt="${escape(alt(figure))}">`;
  const there = link(figure, origin);
  if (there) picture = `<a href="${escape(there)}">${picture}</a>`;
  return `<iommu-playground${said.join("")}>${picture}</iommu-playground>`;
}

/** What the words after a fence's name and its body want; throws `Wrong`. */
function wanted(words, body) {
  const out = {};
  for (const word of words) {
    const [, name, value] = /^([^=]*)(?:=(.*))?$/s.exec(word);
    if (value === undefined && !out.preset) out.preset = name;
    else if (OPTIONS.includes(name) && value !== undefined) out[name] = value.replace(/^["']|["']$/g, "");
    else throw new Wrong(`\`${word}\` is no option: a preset's name, or one of ${OPTIONS.join(", ")} with =`);
  }
  return one(out, body);
}

/** Puts a scenario's text to what is wanted; one of it and a preset there must be. */
function one(want, body) {
  if (body.trim()) {
    if (want.preset) throw new Wrong(`a preset (${want.preset}) and a text: only one of them fits`);
    return { ...want, scenario: `${body.replace(/\n+$/, "")}\n` };
  }
  if (!want.preset) throw new Wrong("neither a preset's name nor a scenario's text");
  return want;
}

/** The addresses in a text that open the playground at `origin` with a scenario or a place. */
function links(text, origin) {
  const literal = origin.replace(/\/+$/, "").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text.match(new RegExp(`${literal}/(?:index(?:\\.zh)?\\.html)?#[^\\s<>"'\`)\\]]+`, "g")) ?? [];
}

/** Tells `complain(message, fatal)` what is wrong with a link to the playground. */
function check(maker, address, complain) {
  const name = address.length <= 80 ? address : `${address.slice(0, 60)}...${address.slice(-16)}`;
  try {
    for (const { message } of maker.link(address).warnings) complain(`${name}: ${message}`, false);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    complain(`${name}: ${error.message}`, true);
  }
}

/** Whether a version is at least another, by its first two numbers. */
function atLeast(version, least) {
  const [a, b] = [version, least].map((v) => v.split(".").map((n) => parseInt(n, 10) || 0));
  return a[0] !== b[0] ? a[0] > b[0] : (a[1] ?? 0) >= (b[1] ?? 0);
}

module.exports = {
  alt, atLeast, attributes, check, dataUri, element, escape, link, links, one, script, wanted,
  CACHE, COMMAND, Figures, OPTIONS, Wrong,
};
