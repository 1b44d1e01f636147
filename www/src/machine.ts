// Who answers the page's requests: the machine in its worker, or, on a first visit, a recording until it is asked for
// what was not recorded.
import { beside } from "./beside";
import { carried } from "./carried";
import type { Answer, Api, Args, Message, Progress, Result, SceneWish, Wanted } from "./protocol";
import { Recording, type Standing } from "./recording";
import { has } from "./own";

export interface Machine {
  ask<K extends keyof Api>(name: K, ...args: Args<K>): Promise<Result<K>>;
  /** Ends the run that goes on, and keeps what ran: that is its answer. */
  halt(): void;
  /** Is called now and then while a run goes on. */
  onProgress: ((progress: Progress) => void) | null;
  /** Ends what runs: every request without an answer fails with `Stopped`. The next request starts the machine again. */
  stop(): void;
  /** Does a machine run, or does only a recording answer? */
  readonly runs: boolean;
  /** Gives the memory of its runs back. */
  leave(): void;
}

/** Why a request made before the machine was stopped has no answer. */
export class Stopped extends Error {}

// Whoever stops the machine handles it; views that had requested something meanwhile only stay as they are.
addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof Stopped) event.preventDefault();
});

function spawnWorker(): Worker {
  if (!carried) return new Worker(beside("worker.js"), { type: "module" });
  return new Worker(URL.createObjectURL(new Blob([carried.worker], { type: "text/javascript" })));
}

interface Waiting {
  name: keyof Api;
  args: unknown[];
  done: (value: unknown) => void;
  fail: (error: Error) => void;
}

/** The slots of the runs that a request is about. */
function slots(name: keyof Api, [slot, wanted]: unknown[]): number[] {
  if (typeof slot !== "number") return name === "compare" || name === "parted" ? [0, 1] : [];
  return name === "shown" && (wanted as Wanted).beside ? [slot, slot + 1] : [slot];
}

/** The machine in a worker of its own. Ending that is how what cannot be asked to end is stopped: runs that were in it are run
    again when somebody asks about them. */
export class WorkerMachine implements Machine {
  readonly runs = true;
  onProgress: ((progress: Progress) => void) | null = null;
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  /** What ran last in each slot, and the slots that this worker knows of. */
  private readonly opened = new Map<number, Args<"open">>();
  private readonly live = new Set<number>();

  constructor(private readonly spawn = spawnWorker) {}

  ask<K extends keyof Api>(name: K, ...args: Args<K>): Promise<Result<K>> {
    if (name === "open") return this.open(args as Args<"open">) as Promise<Result<K>>;
    if (name === "close") this.opened.delete(args[0] as number);
    for (const slot of slots(name, args)) {
      const before = this.opened.get(slot);
      if (before && !this.live.has(slot)) void this.open(before).catch(() => undefined);
    }
    return this.post(name, args) as Promise<Result<K>>;
  }

  /** Runs a text; what was in its slot comes back by itself when the text has problems. */
  private async open(args: Args<"open">): Promise<Result<"open">> {
    const [slot] = args;
    const before = this.live.has(slot);
    this.live.add(slot);
    const result = (await this.post("open", args)) as Result<"open">;
    if (!has(result, "troubles")) this.opened.set(slot, args);
    else if (!before) this.live.delete(slot);
    return result;
  }

  private post(name: keyof Api, args: unknown[]): Promise<unknown> {
    try {
      this.worker ??= this.start();
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((done, fail) => {
      const id = this.next++;
      this.waiting.set(id, { name, args, done, fail });
      this.worker?.postMessage({ id, name, args } satisfies Message);
    });
  }

  private start(): Worker {
    const worker = this.spawn();
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (has(data, "progress")) {
        this.onProgress?.(data.progress);
        return;
      }
      const asked = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (!has(data, "error")) return asked?.done(data.value);
      asked?.fail(new Error(data.error));
      // What has trapped is in no state to go on.
      if (data.trapped) this.again(() => null);
    };
    worker.onerror = (event) => {
      // Another try is a new one: the network may be back.
      const reason = new Error(event.message || "the worker could not be started");
      this.again(() => reason);
    };
    return worker;
  }

  halt(first = 0): void {
    for (const halt of [first, first + 1]) this.worker?.postMessage({ halt } satisfies Message);
  }
  stop(first = 0): void {
    const mine = ({ name, args }: Waiting) => slots(name, args).some((slot) => slot >> 1 === first >> 1);
    this.again((asked) => (mine(asked) ? new Stopped() : null));
  }
  leave(): void {}

  /** Goes on with a new worker: requests with a reason fail, and all others are made again. */
  private again(why: (asked: Waiting) => Error | null): void {
    this.worker?.terminate();
    this.worker = null;
    this.live.clear();
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const asked of waiting) {
      const reason = why(asked);
      if (reason) asked.fail(reason);
      else this.ask(asked.name, ...(asked.args as Args<keyof Api>)).then(asked.done, asked.fail);
    }
  }
}

/** A recording in front of a machine: it answers until something is requested that it does not know. */
export class RecordedFirst implements Machine {
  /** Requests go out in the order made. */
  private last: Promise<unknown> = Promise.resolve();
  /** What stands in slot 0 as its recording drew it: the machine goes on in the same width, so that nothing moves. */
  private standing: Standing | null = null;

  constructor(
    private readonly machine: Machine,
    private recording: Recording | null = new Recording(),
  ) {}

  get runs(): boolean {
    return this.recording === null;
  }
  ask<K extends keyof Api>(name: K, ...args: Args<K>): Promise<Result<K>> {
    return new Promise((done, fail) => {
      this.last = this.last.then(async () => {
        const known = await this.recording?.answer(name, args);
        if (known !== undefined) return done(known as Result<K>);
        if (this.recording) {
          // The machine begins where the recording stood: that run is there before another text can take its place.
          this.standing = this.recording.standing;
          if (this.standing)
            await this.machine.ask("open", 0, this.standing.text, "en").catch(() => undefined);
          this.recording = null;
        }
        this.machine.ask(name, ...this.asDrawn(name, args)).then(done, fail);
      });
    });
  }
  private asDrawn<K extends keyof Api>(name: K, args: Args<K>): Args<K> {
    if (!this.standing || args[0] !== 0) return args;
    if (name === "open" && args[1] !== this.standing.text) this.standing = null;
    if (!this.standing) return args;
    const { width } = this.standing;
    if (name === "scene") {
      const [slot, position, wide, low, ...rest] = args as Args<"scene">;
      return [slot, position, width(wide, low), low, ...rest] as unknown as Args<K>;
    }
    if (name !== "shown") return args;
    const [slot, wanted, lang] = args as Args<"shown">;
    const wish: SceneWish | null = wanted.scene;
    const scene = wish && { ...wish, width: width(wish.width, wish.low) };
    return [slot, { ...wanted, scene }, lang] as unknown as Args<K>;
  }
  get onProgress(): ((progress: Progress) => void) | null {
    return this.machine.onProgress;
  }
  set onProgress(listener) {
    this.machine.onProgress = listener;
  }
  /** In its turn too: the run that is meant may not have reached the machine yet. */
  halt(): void {
    this.last = this.last.then(() => this.machine.halt());
  }
  stop(): void {
    this.machine.stop();
  }
  leave(): void {
    this.machine.leave();
  }
}

/** The machine of the page: a copy of the page without a recording beside it, or in one file, has none. */
export const pageMachine = (): Machine => {
  const worker = new WorkerMachine();
  return carried ? worker : new RecordedFirst(worker);
};
