// Owns the process of `iommu-play figures`: a line in, a line out, and a word to the one who waits.
"use strict";
const { spawn } = require("node:child_process");
const { createInterface } = require("node:readline");
const { workerData } = require("node:worker_threads");

const { command, flag, port } = workerData;
function say(message) {
  port.postMessage(message);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}
const child = spawn(command, ["figures"], { stdio: ["pipe", "pipe", "inherit"] });
child.on("error", (error) => say({ gone: error.code ?? error.message }));
child.on("close", () => say({ gone: "" }));
child.stdin.on("error", () => {});
createInterface({ input: child.stdout, crlfDelay: Infinity }).on("line", (answer) => say({ answer }));
port.on("message", (line) => child.stdin.write(`${line}\n`));
