// Asks the recording, then the machine in its worker. Starting that again is how a run that takes too long is stopped.
import { carried } from "./carried";
import { Recording } from "./recording";
import type { Api } from "./worker";

type Answer = { id: number; value?: unknown; error?: string };
type Waiting = { done: (value: unknown) => void; fail: (error: Error) => void };

/** Why a question that was asked before the machine was stopped has no answer. */
export class Stopped extends Error {}

// Whoever stops the machine is told so; views that had asked it something meanwhile only stay as they are.
addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof Stopped) event.preventDefault();
});

function spawnWorker(): Worker {
  if (!carried) return new Worker(new URL("worker.js", document.baseURI), { type: "module" });
  return new Worker(URL.createObjectURL(new Blob([carried.worker], { type: "text/javascript" })));
}

export class Core {
  private worker: Worker | null = null;
  private waiting = new Map<number, Waiting>();
  private next = 0;
  /** Why there is no worker, when it could not be started. */
  private broken: string | null = null;
  /** Questions go out in the order asked. */
  private last: Promise<unknown> = Promise.resolve();

  /** The recording answers until something is asked that it does not know; then the machine does, for good. */
  constructor(
    private recording: Recording | null = carried ? null : new Recording(),
    private readonly spawn = spawnWorker,
  ) {}

  /** Is there a machine to be asked, or a recording only? */
  get runs(): boolean {
    return this.recording === null;
  }

  ask<K extends keyof Api>(name: K, ...args: Parameters<Api[K]>): Promise<Awaited<ReturnType<Api[K]>>> {
    return new Promise((done, fail) => {
      this.last = this.last.then(async () => {
        const known = await this.recording?.answer(name, args);
        if (known !== undefined) return done(known as Awaited<ReturnType<Api[K]>>);
        // The machine begins where the recording stood.
        const text = this.recording?.standing;
        this.recording = null;
        if (text) this.send("open", [0, text, "en"]).catch(() => undefined);
        this.send(name, args).then(done as (value: unknown) => void, fail);
      });
    });
  }

  private send(name: string, args: unknown[]): Promise<unknown> {
    if (this.broken !== null) return Promise.reject(new Error(this.broken));
    try {
      this.worker ??= this.start();
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((done, fail) => {
      const id = this.next++;
      this.waiting.set(id, { done, fail });
      this.worker?.postMessage({ id, name, args });
    });
  }

  private start(): Worker {
    const worker = this.spawn();
    worker.onmessage = (event: MessageEvent<Answer>) => {
      const { id, value, error } = event.data;
      const asked = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) asked?.done(value);
      else asked?.fail(new Error(error));
    };
    worker.onerror = (event) => {
      this.broken = event.message || "the worker could not be started";
      this.drop(new Error(this.broken));
    };
    return worker;
  }

  /** Ends what runs; everything asked and not answered fails. The next question starts the machine again. */
  stop(): void {
    this.worker?.terminate();
    this.worker = null;
    this.broken = null;
    this.drop(new Stopped());
  }

  private drop(reason: Error): void {
    for (const asked of this.waiting.values()) asked.fail(reason);
    this.waiting.clear();
  }
}
