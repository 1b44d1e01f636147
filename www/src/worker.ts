// The machine, in a worker: the page stays live whatever it runs.
import { beside } from "./beside";
import { bytes } from "./carried";
import init, {
  Opening,
  Session,
  check,
  colours,
  gallery,
  offer,
  onto,
  readLink,
  sweep,
  terms,
  writeLink,
} from "iommu-wasm";
import type { Trouble } from "iommu-view";
import type { Answer, Handlers, Message, Opened } from "./protocol";
import type { Lang } from "./strings";

const sessions: (Session | undefined)[] = [];

function session(slot: number): Session {
  const found = sessions[slot];
  if (!found) throw new Error("no run");
  return found;
}

function about(slot: number, lang: Lang): Opened {
  const run = session(slot);
  return { head: run.head(lang), course: run.course(lang), stops: run.stops(), reads: run.reads() };
}

/** Milliseconds that a run goes on before messages are looked at. */
const SLICE = 40;
/** Was the run that goes on asked to end? */
let halted = false;

const progress = (lines: number, of: number, steps: number) =>
  self.postMessage({ progress: { lines, of, steps } } satisfies Answer);

/** Lets messages in that have arrived; a timer would wait for its turn. */
const pause = () =>
  new Promise<void>((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(null);
  });

/** Runs a text slice by slice. One that is asked to end is a run of what was done until then. */
async function run(text: string, lang: Lang): Promise<Session> {
  halted = false;
  const opening = new Opening(text, lang);
  while (!opening.slice(SLICE, progress)) {
    await pause();
    if (halted) opening.stop();
  }
  return opening.finish();
}

const api = {
  load() {},
  async open(slot, text, lang) {
    let fresh;
    try {
      fresh = await run(text, lang);
    } catch (problems) {
      if (Array.isArray(problems)) return { troubles: problems as Trouble[] };
      throw problems;
    }
    sessions[slot]?.free();
    sessions[slot] = fresh;
    return about(slot, lang);
  },
  close(slot) {
    sessions[slot]?.free();
    sessions[slot] = undefined;
  },
  about,
  inside: (slot, depth, from, to, lang) => session(slot).inside(depth, from, to, lang),
  view: (slot, position, lang) => session(slot).view(position, lang),
  scene: (slot, position, width, focus, lang) =>
    session(slot).scene(position, width, focus?.column, focus?.first ?? "", focus?.last ?? "", lang),
  names: (slot, position, column, at, lang) => session(slot).names(position, column, at, lang),
  dump: (slot, position, of, at, around, across, lang) =>
    session(slot).dump(position, of, at, around, across, lang),
  draw: (slot, position, form, width, lang, theme) => session(slot).draw(position, form, width, lang, theme),
  whereIs: (slot, position, what, lang) => session(slot).whereIs(position, what, lang),
  traceJson: (slot, lang) => session(slot).traceJson(lang),
  compare: () => session(0).compare(session(1)),
  parted: (lang) => session(0).parted(session(1), lang),
  checkQuestion: (slot, name, lang) => session(slot).checkQuestion(name, lang),
  terms: (text, lang) => terms(text, lang),
  sweep: (name, lang) => sweep(name, lang),
  question: (slot, position, lang) => session(slot).question(position, lang),
  readLink: (fragment, lang) => readLink(fragment, lang),
  writeLink: (text, preset, at, more) =>
    writeLink(text, preset, at, more.view ?? "", more.lang ?? "", more.theme ?? "", more.depth ?? "") ?? null,
  onto: (text, architecture) => onto(text, architecture) ?? null,
  gallery: (lang) => gallery(lang),
  check: (text, lang) => check(text, lang),
  offer: (text, line, column, lang) => offer(text, line, column, lang),
  colours: (text) => colours(text),
} satisfies Handlers;
let loading: Promise<unknown> | null = null;

/** The module as it comes, or out of a script: an embed in a sandbox may load scripts from here and nothing else. */
async function module(): Promise<Response | Uint8Array> {
  const inside = (self as { iommuModule?: string }).iommuModule;
  if (inside !== undefined) return bytes(inside);
  try {
    return await fetch(beside("iommu_bg.wasm"));
  } catch (error) {
    const scope = self as unknown as { importScripts(url: string): void; iommuModule?: string };
    try {
      scope.importScripts(beside("iommu_bg.wasm.js").href);
    } catch {
      throw error;
    }
    return bytes(scope.iommuModule ?? "");
  }
}

function load(): Promise<unknown> {
  loading ??= module()
    .then((source) => init({ module_or_path: source as Response }))
    .catch((error: unknown) => {
      // The next question tries again.
      loading = null;
      throw error;
    });
  return loading;
}

/** Requests are answered one after another, in the order made. */
let last: Promise<void> = Promise.resolve();

self.onmessage = (event: MessageEvent<Message>) => {
  if (event.data === "halt") {
    halted = true;
    return;
  }
  const { id, name, args } = event.data;
  last = last.then(async () => {
    try {
      await load();
      const method = api[name] as (...a: unknown[]) => unknown;
      self.postMessage({ id, value: await method(...args) } satisfies Answer);
    } catch (error) {
      self.postMessage({ id, error: String(error) } satisfies Answer);
    }
  });
};
