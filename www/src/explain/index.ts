// Starts what reads texts, a WebAssembly module of its own in a worker of its own, and gives the box for it.
import { beside } from "../beside";
import { carried } from "../carried";
import { has } from "../own";
import { explainBox, type ExplainBox, type Host } from "./box";
import type { Lang } from "./strings";
import type { Answered, Asked, Reading, TextReader, TraceMoment } from "./types";

export type { ExplainBox };

function spawn(): Worker {
  if (!carried) return new Worker(beside("logs.js"));
  return new Worker(URL.createObjectURL(new Blob([carried.logs], { type: "text/javascript" })));
}

interface Waiting {
  id: number;
  done: (reading: Reading | null) => void;
  fail: (error: Error) => void;
  progress: (done: number) => void;
}

/** The reader, once it has answered for the first time. */
async function startReader(): Promise<TextReader> {
  const worker = spawn();
  let next = 0;
  let waiting: Waiting | null = null;
  const moments = new Map<number, (moment: TraceMoment | null) => void>();
  worker.onmessage = ({ data }: MessageEvent<Answered>) => {
    if (has(data, "moment")) {
      moments.get(data.id)?.(data.moment);
      moments.delete(data.id);
      return;
    }
    if (waiting?.id !== data.id) return;
    if (has(data, "done")) {
      waiting.progress(data.done);
      return;
    }
    const { done, fail } = waiting;
    waiting = null;
    if (has(data, "error")) fail(new Error(data.error));
    else done(data.reading);
  };
  worker.onerror = (event) =>
    waiting?.fail(new Error(event.message || "what reads texts could not be started"));
  const ask = (text: Blob | null, zh: boolean, progress: Waiting["progress"] = () => {}) =>
    new Promise<Reading | null>((done, fail) => {
      waiting?.done(null);
      const id = next++;
      waiting = { id, done, fail, progress };
      worker.postMessage({ id, text, zh } satisfies Asked);
    });
  await ask(new Blob(), false);
  return {
    read: ask,
    say: (zh) => ask(null, zh),
    moment: (position, zh) =>
      new Promise((done) => {
        const id = next++;
        moments.set(id, done);
        worker.postMessage({ id, moment: position, zh } satisfies Asked);
      }),
    enough: () => worker.postMessage({ enough: true } satisfies Asked),
  };
}

/** The box, ready to be put on the page. Import this module only when it is wanted: `await import("./explain")`. */
export async function loadExplainBox(
  host: Pick<Host, "open" | "openMachine">,
  lang: Lang,
): Promise<ExplainBox> {
  return explainBox({ ...(await startReader()), ...host }, lang);
}
