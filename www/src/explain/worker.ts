// Reads logs, in a worker: the page stays live however long a log is.
import init, { Log } from "iommu-logs-wasm";
import { bytes } from "../carried";
import type { Answered, Asked, LogReport } from "./types";

/** Characters that are read at once; between two pieces a newer log may take the place of this one. */
const PIECE = 1 << 18;

const module = (self as { iommuLogs?: string }).iommuLogs;
const ready = init(module ? { module_or_path: bytes(module) } : undefined).then(() => null);
const turn = () => new Promise((done) => setTimeout(done));

let newest = -1;
let last: Log | null = null;

/** Reads a text piece by piece; nothing if another one came meanwhile. */
async function read(id: number, text: string): Promise<Log | null> {
  const log = new Log();
  for (let at = 0; at < text.length; at += PIECE) {
    log.read(text.slice(at, at + PIECE));
    await turn();
    if (newest === id) continue;
    log.free();
    return null;
  }
  return log;
}

async function answer({ id, text, zh }: Asked): Promise<void> {
  try {
    await ready;
    if (text !== null) {
      const log = await read(id, text);
      if (!log) return;
      last?.free();
      last = log;
    }
    last ??= new Log();
    const report = JSON.parse(last.report(zh)) as LogReport;
    postMessage({ id, report } satisfies Answered);
  } catch (error) {
    postMessage({ id, error: String(error) } satisfies Answered);
  }
}

onmessage = ({ data }: MessageEvent<Asked>) => {
  if (data.text !== null) newest = data.id;
  void answer(data);
};
