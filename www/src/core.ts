// Asks the machine in its worker. Starting it again is how a run that takes too long is stopped.
import type { Api } from "./worker";

type Answer = { id: number; value?: unknown; error?: string };
type Waiting = { done: (value: unknown) => void; fail: (error: Error) => void };

export class Core {
  private worker: Worker | null = null;
  private waiting = new Map<number, Waiting>();
  private next = 0;

  async start(): Promise<void> {
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
    await this.ask("start");
  }

  ask<K extends keyof Api>(name: K, ...args: Parameters<Api[K]>): Promise<Awaited<ReturnType<Api[K]>>> {
    return new Promise((done, fail) => {
      const id = this.next++;
      this.waiting.set(id, { done: done as (value: unknown) => void, fail });
      this.worker?.postMessage({ id, name, args });
    });
  }

  /** Ends what runs; everything asked and not answered fails. */
  stop(): void {
    this.worker?.terminate();
    this.drop("stopped");
  }

  private drop(reason: string): void {
    for (const asked of this.waiting.values()) asked.fail(new Error(reason));
    this.waiting.clear();
  }
}
