// The machine, in a worker: the page stays live whatever it runs.
import { beside } from "./beside";
import { bytes } from "./carried";
import init, { Session, check, colours, gallery, offer, onto, readLink, writeLink } from "iommu-wasm";
import type { Course, Head, Trouble } from "iommu-view";
import type { Focus } from "./app";

export interface Opened {
  head: Head;
  course: Course;
  stops: Uint32Array;
}

/** What a link may say besides the scenario and the position. */
export interface LinkMore {
  view?: string | null;
  lang?: string | null;
  theme?: string | null;
}

/** Runs are kept in slots: 0 is the one shown, 1 the one it is compared with. */
const sessions: (Session | undefined)[] = [];

function session(slot: number): Session {
  const found = sessions[slot];
  if (!found) throw new Error("no run");
  return found;
}

const api = {
  /** Any question loads the machine; this one asks for nothing else. */
  load(): void {},
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
  /** Forgets a run. */
  close(slot: number): void {
    sessions[slot]?.free();
    sessions[slot] = undefined;
  },
  about(slot: number, lang: string): Opened {
    const run = session(slot);
    return { head: run.head(lang), course: run.course(lang), stops: run.stops() };
  },
  view: (slot: number, position: number, lang: string) => session(slot).view(position, lang),
  scene: (slot: number, position: number, width: number, focus: Focus | null, lang: string) =>
    session(slot).scene(position, width, focus?.column, focus?.first ?? "", focus?.last ?? "", lang),
  names: (slot: number, position: number, column: string, at: string, lang: string) =>
    session(slot).names(position, column, at, lang),
  /** Of physical memory, or of a device's own (by its requester id). */
  dump: (
    slot: number,
    position: number,
    of: number | null,
    at: string,
    around: boolean,
    across: 8 | 16,
    lang: string,
  ) => session(slot).dump(position, of, at, around, across, lang),
  draw: (slot: number, position: number, form: string, width: number, lang: string, theme: string) =>
    session(slot).draw(position, form, width, lang, theme),
  whereIs: (slot: number, position: number, what: string, lang: string) =>
    session(slot).whereIs(position, what, lang),
  traceJson: (slot: number, lang: string) => session(slot).traceJson(lang),
  compare: () => session(0).compare(session(1)),
  question: (slot: number, position: number, lang: string) => session(slot).question(position, lang),
  readLink: (fragment: string, lang: string) => readLink(fragment, lang),
  /** The fragment of a scenario and where to stand in it; nothing when the text is too long for a link. */
  writeLink: (text: string, preset: string | null, at: number | null, more: LinkMore) =>
    writeLink(text, preset, at, more.view ?? "", more.lang ?? "", more.theme ?? "") ?? null,
  onto: (text: string, architecture: string) => onto(text, architecture) ?? null,
  gallery: (lang: string) => gallery(lang),
  check: (text: string, lang: string) => check(text, lang),
  offer: (text: string, line: number, column: number, lang: string) => offer(text, line, column, lang),
  colours: (text: string) => colours(text),
};

export type Api = typeof api;

type Question = { id: number; name: keyof Api; args: unknown[] };

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

/** Questions are answered one after another, in the order asked. */
let last: Promise<void> = Promise.resolve();

self.onmessage = (event: MessageEvent<Question>) => {
  const { id, name, args } = event.data;
  last = last.then(async () => {
    try {
      await load();
      const method = api[name] as (...a: unknown[]) => unknown;
      self.postMessage({ id, value: method(...args) });
    } catch (error) {
      self.postMessage({ id, error: String(error) });
    }
  });
};
