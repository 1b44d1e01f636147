// Asks the machine in its worker. Starting it again is how a run that takes too long is stopped.
import type { Api } from "./worker";

type Answer = { id: number; value?: unknown; error?: string };
type Waiting = { done: (value: unknown) => void; fail: (error: Error) => void };

/** Why a question that was asked before the machine was stopped has no answer. */
export const STOPPED = "stopped";

export class Core {
  private worker: Worker | null = null;
  private waiting = new Map<number, Waiting>();
  private next = 0;

  start(): void {
    this.worker = new Worker(new URL("worker.js", document.baseURI), { type: "module" });
    this.worker.onmessage = (event: MessageEvent<Answer>) => {
      const { id, value, error } = event.data;
      const asked = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) asked?.done(value);
      else asked?.fail(new Error(error));
    };
    this.worker.onerror = (event) => {
      this.drop(event.message || "the worker could not be started");
    };
  }

  ask<K extends keyof Api>(name: K, ...args: Parameters<Api[K]>): Promise<Awaited<ReturnType<Api[K]>>> {
    return this.send(name, args) as Promise<Awaited<ReturnType<Api[K]>>>;
  }

  private send(name: string, args: unknown[]): Promise<unknown> {
    return new Promise((done, fail) => {
      const id = this.next++;
      this.waiting.set(id, { done, fail });
      this.worker?.postMessage({ id, name, args });
    });
  }

  /** Loads the machine, where it is known that the recording of the first scenario will not do. */
  load(): Promise<void> {
    return this.send("load", []) as Promise<void>;
  }

  /** Ends what runs; everything asked and not answered fails. */
  stop(): void {
    this.worker?.terminate();
    this.drop(STOPPED);
  }

  private drop(reason: string): void {
    for (const asked of this.waiting.values()) asked.fail(new Error(reason));
    this.waiting.clear();
  }
}
