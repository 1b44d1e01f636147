// The machine, in a worker: the page stays live whatever it runs.
import init, { Session, check, colours, gallery, offer } from "iommu-wasm";
import type { Course, Head, Trouble } from "iommu-view";
import { Recording } from "./recording";

export interface Opened {
  head: Head;
  course: Course;
  stops: Uint32Array;
}

/** Runs are kept in slots: 0 is the one shown, 1 the one it is compared with. */
const sessions: (Session | undefined)[] = [];

function session(slot: number): Session {
  const found = sessions[slot];
  if (!found) throw new Error("no run");
  return found;
}

const api = {
  /** Runs a text; the run before stays when the text has problems. */
  open(slot: number, text: string, lang: string): Opened | { troubles: Trouble[] } {
    let fresh;
    try {
      fresh = new Session(text, lang);
    } catch (problems) {
      if (Array.isArray(problems)) return { troubles: problems as Trouble[] };
      throw problems;
    }
    sessions[slot]?.free();
    sessions[slot] = fresh;
    return api.about(slot, lang);
  },
  about(slot: number, lang: string): Opened {
    const run = session(slot);
    return { head: run.head(lang), course: run.course(lang), stops: run.stops() };
  },
  view: (slot: number, position: number, lang: string) => session(slot).view(position, lang),
  scene: (slot: number, position: number, width: number, lang: string) =>
    session(slot).scene(position, width, lang),
  dump: (slot: number, position: number, at: string, rows: number, lang: string) =>
    session(slot).dump(position, at, rows, lang),
  gallery: (lang: string) => gallery(lang),
  check: (text: string, lang: string) => check(text, lang),
  offer: (text: string, line: number, column: number, lang: string) => offer(text, line, column, lang),
  colours: (text: string) => colours(text),
};

export type Api = typeof api;

/** What is known before the machine is there; nothing after. */
let recording: Recording | null = new Recording();
let loading: Promise<unknown> | null = null;

function load(): Promise<unknown> {
  loading ??= init({ module_or_path: new URL("iommu_bg.wasm", self.location.href) }).catch(
    (error: unknown) => {
      // The next question tries again.
      loading = null;
      throw error;
    },
  );
  return loading;
}

type Question = { id: number; name: keyof Api | "load"; args: unknown[] };

async function answer({ name, args }: Question): Promise<unknown> {
  if (name === "load") return void (await load());
  const known = await recording?.answer(name, args as never);
  if (known !== undefined) return known;
  await load();
  // From here on the machine answers, standing where the recording stood.
  const text = recording?.standing;
  recording = null;
  if (text) sessions[0] = new Session(text, "en");
  const method = api[name] as (...a: unknown[]) => unknown;
  return method(...args);
}

/** Questions are answered one after another, in the order asked. */
let last: Promise<void> = Promise.resolve();

self.onmessage = (event: MessageEvent<Question>) => {
  const { id } = event.data;
  last = last.then(async () => {
    try {
      self.postMessage({ id, value: await answer(event.data) });
    } catch (error) {
      self.postMessage({ id, error: String(error) });
    }
  });
};
