// Reads texts, in a worker: the page stays live however long one is.
import init, { Texts } from "iommu-logs-wasm";
import { bytes } from "../carried";
import { has } from "../own";
import { wide } from "./files";
import type { Account, Answered, Asked, LogReport, Reading, TraceMoment } from "./types";

/** Bytes that are read at once; between two pieces a newer text may take the place of this one. */
const PIECE = 1 << 19;

const module = (self as { iommuLogs?: string }).iommuLogs;
const ready = init(module ? { module_or_path: bytes(module) } : undefined).then(() => null);

let newest = -1;
let enough = false;
let last: Texts | null = null;

const say = (answer: Answered) => postMessage(answer);

/** Reads a text piece by piece; nothing if another one came meanwhile. */
async function read(id: number, text: Blob): Promise<Texts | null> {
  const texts = new Texts();
  enough = false;
  const piece = (at: number) => text.slice(at, at + PIECE).arrayBuffer();
  // The next piece comes while this one is read.
  let coming = piece(0);
  const encoding = wide(new Uint8Array(await text.slice(0, 2).arrayBuffer()));
  const units = encoding === null ? null : new TextDecoder(encoding);
  const utf8 = new TextEncoder();
  for (let at = 0; at < text.size && !enough; at += PIECE) {
    const come = new Uint8Array(await coming);
    coming = piece(at + PIECE);
    texts.read(units === null ? come : utf8.encode(units.decode(come, { stream: true })));
    if (newest !== id) {
      texts.free();
      return null;
    }
    say({ id, done: Math.min(1, (at + PIECE) / text.size) });
    if (enough && at + PIECE < text.size) texts.cut(at + PIECE, text.size);
  }
  return texts;
}

const account = (json: string | undefined) => (json === undefined ? null : (JSON.parse(json) as Account));

function reading(texts: Texts, zh: boolean): Reading {
  return {
    log: JSON.parse(texts.log(zh)) as LogReport,
    machine: account(texts.machine(zh)),
    scenario: texts.scenario(),
    trace: account(texts.trace(zh)),
  };
}

async function answer(id: number, text: Blob | null, zh: boolean): Promise<void> {
  try {
    await ready;
    if (text !== null) {
      const texts = await read(id, text);
      if (!texts) return;
      last?.free();
      last = texts;
    }
    last ??= new Texts();
    say({ id, reading: reading(last, zh) });
  } catch (error) {
    say({ id, error: String(error) });
  }
}

/** An event of the trace that was read last. */
function moment(position: number, zh: boolean): TraceMoment | null {
  const json = last?.moment(position, zh);
  return json === undefined ? null : (JSON.parse(json) as TraceMoment);
}

onmessage = ({ data }: MessageEvent<Asked>) => {
  if (has(data, "enough")) {
    enough = true;
    return;
  }
  if (has(data, "moment")) {
    say({ id: data.id, moment: moment(data.moment, data.zh) });
    return;
  }
  if (data.text !== null) newest = data.id;
  void answer(data.id, data.text, data.zh);
};
