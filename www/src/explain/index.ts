// Starts the log reader, a WebAssembly module of its own in a worker of its own, and gives the box for it.
import { beside } from "../beside";
import { carried } from "../carried";
import { explainBox, type ExplainBox, type Host } from "./box";
import type { Lang } from "./strings";
import type { Answered, Asked, LogReader, LogReport } from "./types";
import { has } from "../own";

export type { ExplainBox };

function spawn(): Worker {
  if (!carried) return new Worker(beside("logs.js"));
  return new Worker(URL.createObjectURL(new Blob([carried.logs], { type: "text/javascript" })));
}

/** The reader, once it has answered for the first time. */
async function startReader(): Promise<LogReader> {
  const worker = spawn();
  let next = 0;
  let waiting: { id: number; done: (report: LogReport | null) => void; fail: (error: Error) => void } | null =
    null;
  worker.onmessage = ({ data }: MessageEvent<Answered>) => {
    if (waiting?.id !== data.id) return;
    const { done, fail } = waiting;
    waiting = null;
    if (has(data, "error")) fail(new Error(data.error));
    else done(data.report);
  };
  worker.onerror = (event) =>
    waiting?.fail(new Error(event.message || "the log reader could not be started"));
  const ask = (text: string | null, zh: boolean) =>
    new Promise<LogReport | null>((done, fail) => {
      waiting?.done(null);
      const id = next++;
      waiting = { id, done, fail };
      worker.postMessage({ id, text, zh } satisfies Asked);
    });
  await ask("", false);
  return { read: ask, say: (zh) => ask(null, zh) };
}

/** The box, ready to be put on the page. Import this module only when it is wanted: `await import("./explain")`. */
export async function loadExplainBox(open: Host["open"], lang: Lang): Promise<ExplainBox> {
  return explainBox({ ...(await startReader()), open }, lang);
}
