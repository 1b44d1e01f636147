// The machine, in a worker: the page stays live whatever it runs.
import { beside } from "./beside";
import { bytes } from "./carried";
import { Sessions } from "./sessions";
import { type Part, shown } from "./shown";
import init, {
  Opening,
  type Session,
  across,
  check,
  colours,
  gallery,
  offer,
  presetText,
  readLink,
  sweep,
  terms,
  turned,
  variants,
  withPoke,
  writeLink,
} from "iommu-wasm";
import type { Trouble } from "iommu-view";
import type { Answer, Api, Args, Handlers, Message, Opened, Result, Shown } from "./protocol";
import { scriptUrl } from "./trusted";
import type { Lang } from "./strings";

const sessions = new Sessions();
const session = (slot: number): Session => sessions.get(slot);

function about(slot: number, lang: Lang): Opened {
  const run = session(slot);
  return { head: run.head(lang), course: run.course(lang), stops: run.stops(), reads: run.reads() };
}

/** Milliseconds that a run goes on before messages are looked at. */
const SLICE = 40;
/** What became of the wish for a run while it went on, or waited. */
interface Wish {
  /** It is to end, and what ran is kept. */
  halted: boolean;
  /** Another takes its place, or none: nothing is kept. */
  replaced: boolean;
}
/** The runs that go on or wait for their turn: the newest of each slot. */
const opening = new Map<number, Wish>();

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
async function run(slot: number, text: string, lang: Lang, wish: Wish): Promise<Session> {
  const run = new Opening(text, lang, sessions.beside(slot));
  sessions.makeRoom(slot);
  const progress = (lines: number, of: number, steps: number) =>
    self.postMessage({ progress: { slot, lines, of, steps } } satisfies Answer);
  do {
    await pause();
    if (wish.halted) run.stop();
  } while (!run.slice(SLICE, progress));
  return run.finish();
}

/** Opens a run that may be asked to end, or be replaced, while it goes on. */
async function open(wish: Wish, slot: number, text: string, lang: Lang): Promise<Result<"open">> {
  let fresh;
  try {
    // Nobody waits for a run that another has taken the place of.
    if (wish.replaced) return { troubles: [] };
    fresh = await run(slot, text, lang, wish);
  } catch (problems) {
    if (Array.isArray(problems)) return { troubles: problems as Trouble[] };
    throw problems;
  }
  if (wish.replaced) {
    fresh.free();
    return { troubles: [] };
  }
  sessions.put(slot, fresh, text, wish.halted);
  return about(slot, lang);
}

const api = {
  load() {},
  close(slot) {
    sessions.drop(slot);
  },
  about,
  inside: (slot, depth, from, to, lang) => session(slot).inside(depth, from, to, lang),
  // The machine knows every part.
  shown: (slot, wanted, lang) => shown(part, slot, wanted, lang) as Promise<Shown>,
  view: (slot, position, lang) => session(slot).view(position, lang),
  scene: (slot, position, width, low, focus, lang) =>
    session(slot).scene(position, width, low, focus?.column, focus?.first ?? "", focus?.last ?? "", lang),
  names: (slot, position, column, at, lang) => session(slot).names(position, column, at, lang),
  dump: (slot, position, of, at, around, across, lang) =>
    session(slot).dump(position, of, at, around, across, lang),
  draw: (slot, position, form, width, lang, theme) => session(slot).draw(position, form, width, lang, theme),
  whereIs: (slot, position, what, lang) => session(slot).whereIs(position, what, lang),
  film: (slot, from, to, lang, theme) => session(slot).film(from, to, lang, theme),
  handout: (slot, lang) => session(slot).handout(lang),
  traceJson: (slot, lang) => session(slot).traceJson(lang),
  compare: () => session(0).compare(session(1)),
  alone: () => session(0).alone(),
  parted: (lang) => session(0).parted(session(1), lang),
  checkQuestion: (slot, name, lang) => session(slot).checkQuestion(name, lang),
  variants: (text) => variants(text),
  withPoke: (text, line, after, at, value, why) => withPoke(text, line, after, at, value, why),
  terms: (text, lang) => terms(text, lang),
  sweep: (name, machine, lang) => sweep(name, machine, lang),
  question: (slot, position, lang) => session(slot).question(position, lang),
  readLink: (fragment, lang) => readLink(fragment, lang),
  writeLink: (text, preset, at, more) =>
    writeLink(text, preset, at, more.view ?? "", more.lang ?? "", more.theme ?? "", more.depth ?? "") ?? null,
  turned: (text, preset, architecture, lang) => turned(text, preset, architecture, lang),
  across: (text, preset, lang) => across(text, preset, lang),
  gallery: (lang) => gallery(lang),
  text: (preset) => presetText(preset) ?? "",
  check: (text, lang) => check(text, lang),
  offer: (text, line, column, lang) => offer(text, line, column, lang),
  colours: (text) => colours(text),
} satisfies Omit<Handlers, "open">;

const call = (name: keyof Api, args: unknown[]): unknown =>
  (api as unknown as Record<string, (...args: unknown[]) => unknown>)[name]?.(...args);

const part: Part = (name, ...args) => call(name, args) as never;

let loading: Promise<unknown> | null = null;

/** A file of ours is not there. */
class Missing extends Error {}

/** The module as it comes, or out of a script: an embed in a sandbox may load scripts from here and nothing else. */
async function module(): Promise<Response | Uint8Array> {
  const inside = (self as { iommuModule?: string }).iommuModule;
  if (inside !== undefined) return bytes(inside);
  try {
    const response = await fetch(beside("iommu_bg.wasm"));
    if (response.ok) return response;
    throw new Missing(`iommu_bg.wasm: ${response.status}`);
  } catch (error) {
    if (error instanceof Missing) throw error;
    const scope = self as unknown as { importScripts(url: string): void; iommuModule?: string };
    try {
      scope.importScripts(scriptUrl(beside("iommu_bg.wasm.js").href));
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

/** Requests about one run, or the two that are compared, are answered one after another, in the order made; a long run holds up
    no requests about others. */
const turns = new Map<number, Promise<void>>();

const turn = (name: string, [slot]: unknown[]): number =>
  typeof slot === "number" ? slot >> 1 : ["compare", "parted", "alone"].includes(name) ? 0 : -1;

/** Ends the run of a slot, if one goes on or waits. */
function halt(slot: number, replaced: boolean): void {
  const wish = opening.get(slot);
  if (!wish) return;
  wish.halted = true;
  wish.replaced ||= replaced;
}

self.onmessage = (event: MessageEvent<Message>) => {
  if ("halt" in event.data) return halt(event.data.halt, false);
  const { id, name, args } = event.data;
  const wish: Wish = { halted: false, replaced: false };
  const [slot] = args;
  const starts = name === "open" && typeof slot === "number";
  if (typeof slot === "number" && (name === "open" || name === "close")) halt(slot, true);
  if (starts) opening.set(slot, wish);
  const answer = async () => {
    try {
      await load();
      const value = await (starts ? open(wish, ...(args as Args<"open">)) : call(name, args));
      self.postMessage({ id, value } satisfies Answer);
    } catch (error) {
      const trapped = error instanceof WebAssembly.RuntimeError;
      self.postMessage({ id, error: String(error), trapped } satisfies Answer);
    }
    if (starts && opening.get(slot) === wish) opening.delete(slot);
  };
  const of = turn(name, args);
  turns.set(of, (turns.get(of) ?? Promise.resolve()).then(answer));
};
