// Who answers the page's requests: the machine in its worker, or, on a first visit, a recording until it is asked for
// what was not recorded.
import { carried } from "./carried";
import type { Answer, Api, Args, Message, Progress, Result } from "./protocol";
import { Recording } from "./recording";

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
  if (!carried) return new Worker(new URL("worker.js", document.baseURI), { type: "module" });
  return new Worker(URL.createObjectURL(new Blob([carried.worker], { type: "text/javascript" })));
}

interface Waiting {
  done: (value: unknown) => void;
  fail: (error: Error) => void;
}

/** The machine in a worker of its own. Ending that is how a run that takes too long is stopped. */
export class WorkerMachine implements Machine {
  readonly runs = true;
  onProgress: ((progress: Progress) => void) | null = null;
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  /** Why there is no worker, when it could not be started. */
  private broken: string | null = null;

  constructor(private readonly spawn = spawnWorker) {}

  ask<K extends keyof Api>(name: K, ...args: Args<K>): Promise<Result<K>> {
    if (this.broken !== null) return Promise.reject(new Error(this.broken));
    try {
      this.worker ??= this.start();
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((done, fail) => {
      const id = this.next++;
      this.waiting.set(id, { done: done as (value: unknown) => void, fail });
      this.worker?.postMessage({ id, name, args } satisfies Message);
    });
  }

  private start(): Worker {
    const worker = this.spawn();
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if ("progress" in data) {
        this.onProgress?.(data.progress);
        return;
      }
      const asked = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) asked?.fail(new Error(data.error));
      else asked?.done(data.value);
    };
    worker.onerror = (event) => {
      this.broken = event.message || "the worker could not be started";
      this.drop(new Error(this.broken));
    };
    return worker;
  }

  halt(): void {
    this.worker?.postMessage("halt" satisfies Message);
  }
  stop(): void {
    this.worker?.terminate();
    this.worker = null;
    this.broken = null;
    this.drop(new Stopped());
  }
  leave(): void {}

  private drop(reason: Error): void {
    for (const asked of this.waiting.values()) asked.fail(reason);
    this.waiting.clear();
  }
}

/** A recording in front of a machine: it answers until something is requested that it does not know. */
export class RecordedFirst implements Machine {
  /** Requests go out in the order made. */
  private last: Promise<unknown> = Promise.resolve();

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
        // The machine begins where the recording stood.
        const text = this.recording?.standing;
        this.recording = null;
        if (text) this.machine.ask("open", 0, text, "en").catch(() => undefined);
        this.machine.ask(name, ...args).then(done, fail);
      });
    });
  }
  get onProgress(): ((progress: Progress) => void) | null {
    return this.machine.onProgress;
  }
  set onProgress(listener) {
    this.machine.onProgress = listener;
  }
  halt(): void {
    this.machine.halt();
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
